// Puts an archive that was fetched in its place and into the catalogue.
import { describeArchive, type KnownJob } from '../../domain/archive-facts.ts'
import type { Archive } from '../../domain/archive.ts'
import type { Published } from '../../domain/helper-protocol.ts'
import { Problem } from '../../domain/problem.ts'
import { fingerprints, getArchive, setPinned, upsertArchives } from '../../store/archives.ts'
import { copiedHashes, recordedHashes } from '../../store/copies.ts'
import { listJobs } from '../../store/jobs.ts'
import type { EngineDeps } from '../deps.ts'
import { oneOfAName } from '../receive/one-of-a-name.ts'
import type { Offered } from './ask-holder.ts'

/**
 * The row as it is afterwards. It goes back to its job only when its hash is on record here: what a peer says of an archive is
 * not enough to let it stand among a job's own, where retention would count it as one. Then it is pinned: the job's rules would
 * remove it as too old before anybody had a use for it.
 */
export async function enterFetched(
  deps: EngineDeps,
  { part, offered }: { readonly part: string; readonly offered: Offered },
): Promise<Archive> {
  const { name, file, sha256, size_bytes: sizeBytes, info, backup_info: backupInfo } = offered
  return oneOfAName(deps, name, async () => {
    // Before it appears: a scan may enter it and believe what it says of itself.
    const ours = (await recordedHashes(deps.db, name)).has(sha256)
    const order = { part, name, file, sizeBytes, sha256, info, backupInfo }
    return record(deps, offered, await deps.helper.call('receive.publish', order), ours)
  })
}

/**
 * The same for one that was put in place when an earlier attempt was cut off, and found by a scan: it belongs to nothing yet.
 * It goes back to its job when a copy of it is on record; what stands in the catalogue may have come from the peer.
 */
export function enterFound(deps: EngineDeps, found: Archive, offered: Offered): Promise<Archive> {
  return oneOfAName(deps, found.name, async () => {
    const ours = (await copiedHashes(deps.db, found.name)).has(offered.sha256)
    const fingerprint = (await fingerprints(deps.db)).get(found.name) ?? ''
    return record(deps, offered, { file: found.file, fingerprint, sizeBytes: found.sizeBytes }, ours)
  })
}

async function record(
  deps: EngineDeps,
  offered: Offered,
  published: Published,
  ours: boolean,
): Promise<Archive> {
  const { name, sha256, info, backup_info: backupInfo } = offered
  const jobs = new Map((await listJobs(deps.db)).map((job): [string, KnownJob] => [job.uid, job]))
  const read = { name, info, backupInfo, error: null }
  const found = describeArchive({ name, ...published }, read, deps.instance, jobs)
  return deps.db.transaction().execute(async (trx) => {
    const entry = { ...found, sha256, state: 'ok', verifiedAt: deps.clock.now() } as const
    await upsertArchives(trx, [ours ? entry : { ...entry, jobId: null, jobUid: null }])
    const archive = await getArchive(trx, name)
    if (!archive) throw new Problem('archive_not_found', { archive: name })
    if (archive.jobId === null) return archive
    await setPinned(trx, name, true)
    return { ...archive, pinned: true, pinnedUntil: null }
  })
}
