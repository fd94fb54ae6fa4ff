// Proves an archive by unpacking it in a scratch folder and comparing what comes out with what is in it.
import type { DrillDepth, DrillResult } from '../../../domain/drill.ts'
import { formatVersion } from '../../../archive/format.ts'
import type { TarMember } from '../../../archive/tar-scanner.ts'
import { compareUnpacked } from '../../restore/compare-unpacked.ts'
import {
  comparedResult,
  damaged,
  extractDrill,
  inconclusive,
  type Extraction,
} from '../../restore/extract-drill.ts'
import type { RestoreRequest, SourceIo } from '../../source.ts'
import type { Settings } from '../settings.ts'
import { extract } from './extract.ts'
import { lookThrough, type Saved } from './saved.ts'
import { deviceWatch, type Selection } from './selection.ts'

/** Of each kind. */
const findingsMost = 20

/** See {@link Restorer.drill}. Throws `archive_not_found` and `cancelled`. Device nodes are not made. */
export function drill(
  request: RestoreRequest<Settings>,
  _depth: DrillDepth,
  io: SourceIo,
): Promise<DrillResult> {
  return extractDrill(() => look(request, io), io)
}

async function look(request: RestoreRequest<Settings>, io: SourceIo): Promise<DrillResult | Extraction> {
  const saved = await lookThrough({ ...request, options: {} }, io)
  const wrong = wrongWith(saved)
  if (wrong !== null) return wrong
  const { selection, payload } = saved
  if (selection === null) return damaged('it does not say what it holds')
  const { archive } = request
  return {
    needed: payload.needed,
    prove: (folder) => unpackAndCompare(archive, { saved, selection, folder }, io),
  }
}

async function unpackAndCompare(
  archive: string,
  call: { readonly saved: Saved; readonly selection: Selection; readonly folder: string },
  io: SourceIo,
): Promise<DrillResult> {
  const { saved, selection, folder } = call
  const out = await extract({ archive, saved, selection, into: folder, devices: false }, io)
  const isDevice = deviceWatch()
  const nameOf = (member: TarMember): string | null => {
    const relative = selection.relative(member)
    if (relative === null || selection.role(relative) === null || isDevice(member)) return null
    return relative
  }
  // The saved directory stands in the folder under its own name.
  const stripped = selection.prefix.lastIndexOf('/') + 1
  const totalBytes = saved.payload.tarBytes
  const compared = await compareUnpacked({ archive, folder, stripped, nameOf, exact: true, totalBytes }, io)
  const { files, wrong } = compared
  // Something that is nowhere in the archive, or in a place that the comparison did not look at.
  if (wrong.length === 0 && out.incomplete !== '') return damaged(out.incomplete)
  const told = (['file_missing', 'file_differs'] as const).flatMap((kind) =>
    wrong.filter(({ code }) => code === kind).slice(0, findingsMost),
  )
  return comparedResult({ files, bytes: out.bytes }, told)
}

function wrongWith(saved: Saved): DrillResult | null {
  const { unsafe, damage, format, payload, source, recipe } = saved
  if (format > formatVersion) {
    const detail = `the archive has format ${format}, known is ${formatVersion}`
    return inconclusive({ code: 'failed_unexpectedly', facts: { detail } })
  }
  if (unsafe) return damaged(`${unsafe.member}: ${unsafe.why}`)
  if (damage !== '') return damaged(damage)
  if (!recipe.ok) return damaged(recipe.why)
  if (source === null || !payload.directories.has(source.root))
    return damaged('the directory itself is not in it')
  return null
}
