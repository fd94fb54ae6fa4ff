// Proves an archive by unpacking it in a scratch folder and comparing what comes out with what is in it.
import type { DrillDepth, DrillFinding, DrillResult, DrillVerdict } from '../../../domain/drill.ts'
import { formatVersion } from '../../../archive/format.ts'
import { isProblem } from '../../../domain/problem.ts'
import { asProblem } from '../../../sys/files.ts'
import { cancelledBy } from '../../cancelled.ts'
import { withScratch } from '../../restore/scratch.ts'
import type { RestoreRequest, SourceIo } from '../../source.ts'
import type { Settings } from '../settings.ts'
import { compareWithArchive, type Compared } from './compare.ts'
import { extract } from './extract.ts'
import { lookThrough, type Saved } from './saved.ts'

/** See {@link Restorer.drill}. Throws `archive_not_found` and `cancelled`. Device nodes are not made. */
export async function drill(
  request: RestoreRequest<Settings>,
  depth: DrillDepth,
  io: SourceIo,
): Promise<DrillResult> {
  try {
    const saved = await lookThrough({ ...request, options: {} }, io)
    const wrong = wrongWith(saved)
    if (wrong !== null) return wrong
    const scratched = await withScratch(saved.payload.needed, io, (folder) =>
      unpackAndCompare(request, saved, folder, io),
    )
    if (scratched.ok) return scratched.value
    const { needed, free } = scratched
    return result('inconclusive', { code: 'no_space', facts: { needed, free } })
  } catch (error) {
    const problem = cancelledBy(io.signal) ?? asProblem(error)
    if (isProblem(problem, 'cancelled') || isProblem(problem, 'archive_not_found')) throw problem
    return failure(problem, depth)
  }
}

async function unpackAndCompare(
  { archive }: RestoreRequest<Settings>,
  saved: Saved,
  folder: string,
  io: SourceIo,
): Promise<DrillResult> {
  const { selection } = saved
  if (selection === null) return damaged('it does not say what it holds')
  const totalBytes = saved.payload.tarBytes
  const out = await extract({ archive, saved, selection, into: folder, devices: false }, io)
  const compared = await compareWithArchive({ archive, selection, folder, totalBytes }, io)
  // Something that is nowhere in the archive, or in a place that the comparison did not look at.
  if (compared.different === 0 && out.incomplete !== '') return damaged(out.incomplete)
  return verdictOf(compared, out.bytes)
}

/** Pure. */
function verdictOf(compared: Compared, bytes: number): DrillResult {
  const { missing, differing, files, different } = compared
  const findings: DrillFinding[] = [
    { code: 'files_compared', facts: { files, bytes } },
    ...missing.map((path) => ({ code: 'file_missing' as const, facts: { path } })),
    ...differing.map((path) => ({ code: 'file_differs' as const, facts: { path } })),
  ]
  return { verdict: different === 0 ? 'passed' : 'failed', findings }
}

function wrongWith(saved: Saved): DrillResult | null {
  const { unsafe, damage, format, payload, source, recipe } = saved
  if (format > formatVersion)
    return inconclusive(`the archive has format ${format}, known is ${formatVersion}`)
  if (unsafe) return damaged(`${unsafe.member}: ${unsafe.why}`)
  if (damage !== '') return damaged(damage)
  if (!recipe.ok) return damaged(recipe.why)
  if (source === null || !payload.directories.has(source.root))
    return damaged('the directory itself is not in it')
  return null
}

function failure(problem: ReturnType<typeof asProblem>, depth: DrillDepth): DrillResult {
  switch (problem.code) {
    case 'archive_truncated':
    case 'archive_unsafe':
    case 'restore_failed':
      return damaged(String(problem.facts['detail'] ?? problem.message))
    case 'disk_full':
      return result('inconclusive', { code: 'no_space', facts: {} })
    case 'tool_missing':
      return result('inconclusive', { code: 'tool_missing', facts: { tool: problem.facts['tool'] } })
    default:
      return inconclusive(`${depth}: ${problem.message}`)
  }
}

function damaged(detail: string): DrillResult {
  return result('failed', { code: 'damage', facts: { detail } })
}

function inconclusive(detail: string): DrillResult {
  return result('inconclusive', { code: 'failed_unexpectedly', facts: { detail } })
}

function result(verdict: DrillVerdict, finding: DrillFinding): DrillResult {
  return { verdict, findings: [finding] }
}
