// Keeps the database's copy of the archives directory true. The directory is the truth; tars are not opened.
import type { CatalogueScan, ReadArchive, ScannedArchive } from '../domain/helper-protocol.ts'
import { describeArchive, fromElsewhere, type KnownJob } from '../domain/archive-facts.ts'
import { isProblem } from '../domain/problem.ts'
import { listJobs } from '../store/jobs.ts'
import { catalogueRows, markMissing, upsertArchives } from '../store/archives.ts'
import { namesFromElsewhere } from '../store/received.ts'
import type { HelperCall } from '../sys/helper-client.ts'
import type { EngineDeps } from './deps.ts'

/** As many as one request may name: starting a helper costs more than reading. */
const BATCH = 2000

/**
 * Reads what is new or changed since the last scan and forgets nothing: a row whose file is gone is kept as missing,
 * because an unmounted disk looks just like an emptied folder.
 */
export async function rescan(deps: EngineDeps, signal?: AbortSignal): Promise<CatalogueScan> {
  const call = signal ? { signal } : {}
  // Before the directory: what is recorded or deleted meanwhile is then new or gone, never mistaken for the opposite.
  const known = await catalogueRows(deps.db)
  const scan = await deps.helper.call('catalogue.scan', {}, call)
  const changed = scan.archives.filter((one) => known.get(one.name)?.fingerprint !== one.fingerprint)
  const jobs = new Map((await listJobs(deps.db)).map((job): [string, KnownJob] => [job.uid, job]))

  for (let from = 0; from < changed.length; from += BATCH) {
    const batch = changed.slice(from, from + BATCH)
    const described = await readDescriptions(
      deps,
      batch.map((one) => one.name),
      call,
    )
    const read = new Map(described.map((one): [string, ReadArchive] => [one.name, one]))
    // After the directory: a name is on record before anything appears under it.
    const others = await namesFromElsewhere(
      deps.db,
      batch.map((one) => one.name),
    )
    const found = batch.flatMap((scanned) => {
      const one = read.get(scanned.name)
      if (!one || isGone(one)) return []
      const described = describeArchive(scanned, one, deps.instance, jobs)
      return [others.has(scanned.name) ? fromElsewhere(described) : described]
    })
    await upsertArchives(deps.db, found)
  }
  await markMissing(deps.db, present(scan.archives, known), deps.clock.now())
  return scan
}

/** Deleted between the scan and the reading. */
function isGone(read: ReadArchive): boolean {
  return read.info === null && read.backupInfo === null && read.error?.endsWith('ENOENT') === true
}

/** Descriptions may be large: an answer that is too long for one line is asked for in halves. */
async function readDescriptions(
  deps: EngineDeps,
  names: readonly string[],
  call: HelperCall,
): Promise<readonly ReadArchive[]> {
  try {
    const { archives } = await deps.helper.call('catalogue.read', { names: [...names] }, call)
    return archives
  } catch (error) {
    if (names.length === 1 || !isProblem(error, 'helper_unavailable')) throw error
    const half = Math.ceil(names.length / 2)
    const first = await readDescriptions(deps, names.slice(0, half), call)
    return [...first, ...(await readDescriptions(deps, names.slice(half), call))]
  }
}

function present(
  archives: readonly ScannedArchive[],
  known: ReadonlyMap<string, { readonly missing: boolean; readonly fingerprint: string }>,
) {
  const here = new Set(archives.map((one) => one.name))
  const gone: { readonly name: string; readonly fingerprint: string }[] = []
  const back: string[] = []
  for (const [name, row] of known) {
    if (!here.has(name) && !row.missing) gone.push({ name, fingerprint: row.fingerprint })
    if (here.has(name) && row.missing) back.push(name)
  }
  return { gone, back }
}
