// Keeps the database's copy of the archives directory true. The directory is the truth; tars are not opened.
import type { CatalogueScan, ReadArchive, ScannedArchive } from '../domain/helper-protocol.ts'
import { describeArchive, type KnownJob } from '../domain/archive-facts.ts'
import { listJobs } from '../store/jobs.ts'
import { catalogueRows, markMissing, upsertArchives } from '../store/archives.ts'
import type { EngineDeps } from './deps.ts'

const BATCH = 500

/**
 * Reads what is new or changed since the last scan and forgets nothing: a row whose file is gone is kept as missing,
 * because an unmounted disk looks just like an emptied folder.
 */
export async function rescan(deps: EngineDeps): Promise<CatalogueScan> {
  const scan = await deps.helper.call('catalogue.scan', {})
  const known = await catalogueRows(deps.db)
  const changed = scan.archives.filter((one) => known.get(one.name)?.fingerprint !== one.fingerprint)
  const jobs = new Map((await listJobs(deps.db)).map((job): [string, KnownJob] => [job.uid, job]))

  for (let from = 0; from < changed.length; from += BATCH) {
    const batch = changed.slice(from, from + BATCH)
    const { archives } = await deps.helper.call('catalogue.read', { names: batch.map((one) => one.name) })
    const read = new Map(archives.map((one): [string, ReadArchive] => [one.name, one]))
    await upsertArchives(
      deps.db,
      batch.map((scanned) => describeArchive(scanned, read.get(scanned.name) ?? null, deps.instance, jobs)),
    )
  }
  await markMissing(deps.db, present(scan.archives, known), deps.clock.now())
  return scan
}

function present(
  archives: readonly ScannedArchive[],
  known: ReadonlyMap<string, { readonly missing: boolean }>,
): { readonly gone: readonly string[]; readonly back: readonly string[] } {
  const here = new Set(archives.map((one) => one.name))
  const gone: string[] = []
  const back: string[] = []
  for (const [name, row] of known) {
    if (!here.has(name) && !row.missing) gone.push(name)
    if (here.has(name) && row.missing) back.push(name)
  }
  return { gone, back }
}
