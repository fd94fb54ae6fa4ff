// The drill of archives that are files: one is unpacked in a scratch folder and held against what is in the tar.
import type { DrillFinding, DrillResult } from '../../domain/drill.ts'
import { isProblem, type Facts, type Problem } from '../../domain/problem.ts'
import { asProblem } from '../../sys/failure.ts'
import { cancelledBy } from '../cancelled.ts'
import type { SourceIo } from '../source.ts'
import { withScratch } from './scratch.ts'

/** What an archive that was looked through takes, and how it is proved. */
export interface Extraction {
  /** Bytes on a disk. */
  readonly needed: number
  /** Unpacks into an empty folder that only root can enter, and compares. */
  prove(folder: string): Promise<DrillResult>
}

/**
 * `look` gives a result for an archive that is not to be unpacked. Throws `archive_not_found` and `cancelled`; everything
 * else is told by the verdict.
 */
export async function extractDrill(
  look: () => Promise<DrillResult | Extraction>,
  io: SourceIo,
): Promise<DrillResult> {
  try {
    const looked = await look()
    if ('verdict' in looked) return looked
    const scratched = await withScratch(looked.needed, io, (folder) => looked.prove(folder))
    if (scratched.ok) return scratched.value
    const { needed, free } = scratched
    return inconclusive({ code: 'no_space', facts: { needed, free } })
  } catch (error) {
    const problem = cancelledBy(io.signal) ?? asProblem(error)
    if (isProblem(problem, 'cancelled') || isProblem(problem, 'archive_not_found')) throw problem
    return failed(problem)
  }
}

/** The verdict on an archive of which so much was compared, and `wrong` found. Pure. */
export function comparedResult(facts: Facts, wrong: readonly DrillFinding[]): DrillResult {
  const findings: DrillFinding[] = [{ code: 'files_compared', facts }, ...wrong]
  return { verdict: wrong.length === 0 ? 'passed' : 'failed', findings }
}

/** The archive is at fault. `detail`: in English. */
export function damaged(detail: string): DrillResult {
  return { verdict: 'failed', findings: [{ code: 'damage', facts: { detail } }] }
}

/** The test could not be made. */
export function inconclusive(finding: DrillFinding): DrillResult {
  return { verdict: 'inconclusive', findings: [finding] }
}

function failed(problem: Problem): DrillResult {
  switch (problem.code) {
    case 'archive_truncated':
    case 'archive_unsafe':
    case 'restore_failed':
      return damaged(String(problem.facts['detail'] ?? problem.message))
    case 'disk_full':
      return inconclusive({ code: 'no_space', facts: {} })
    case 'tool_missing':
      return inconclusive({ code: 'tool_missing', facts: { tool: problem.facts['tool'] } })
    default:
      return inconclusive({ code: 'failed_unexpectedly', facts: { detail: problem.message } })
  }
}
