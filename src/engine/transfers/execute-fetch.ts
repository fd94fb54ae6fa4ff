// Brings one archive here from a peer: asks what it is, makes sure that it fits and may have that name, then shows it at once.
import { stat } from 'node:fs/promises'
import type { Archive } from '../../domain/archive.ts'
import { Problem } from '../../domain/problem.ts'
import type { Destination } from '../../domain/transfer.ts'
import { getArchive, setPinned } from '../../store/archives.ts'
import { getCopy, markCopies, recordCopy, recordedHashes } from '../../store/copies.ts'
import { getReceived } from '../../store/received.ts'
import { errorCode } from '../../sys/files.ts'
import { rescan } from '../catalogue.ts'
import type { EngineDeps } from '../deps.ts'
import { choosePlace, mustFit } from '../receive/place.ts'
import { fetchSpace } from '../space.ts'
import { askHolder, type Offered } from './ask-holder.ts'
import { begun, targetOf, type Attempt } from './attempt.ts'
import { enterFetched, enterFound } from './enter-fetched.ts'
import { partPath } from './place.ts'

/** The archive's bytes, when it is here and in the catalogue. Rejects with a `Problem` or the signal's reason. */
export async function executeFetch(deps: EngineDeps, attempt: Attempt): Promise<number> {
  try {
    return await bring(deps, attempt)
  } finally {
    attempt.space.release(fetchSpace(attempt.transfer.id))
  }
}

async function bring(deps: EngineDeps, attempt: Attempt): Promise<number> {
  const { transfer, destination, carriers, io } = attempt
  const { archiveName: name } = transfer
  const offered = await askHolder(deps, destination, name, io.signal)
  // An earlier attempt may have ended between the file and its row.
  await rescan(deps, io.signal)
  if (await isHere(deps, attempt, offered)) {
    if (transfer.attempt > 1) await enterLate(deps, name, offered)
    return offered.size_bytes
  }
  await mustBeTheOneWeKnow(deps, destination, offered)
  const place = await choosePlace(deps)
  const part = partPath(place.folder, transfer.id)
  const who = fetchSpace(transfer.id)
  const there = await sizeOf(part)
  await attempt.space.take(who, offered.size_bytes, (othersBytes) =>
    mustFit(place, Math.max(0, offered.size_bytes - there), othersBytes),
  )
  attempt.space.wrote(who, there)
  await begun(deps, attempt, offered.size_bytes)
  const target = await targetOf(deps, destination)
  const wanted = { name, sizeBytes: offered.size_bytes, sha256: offered.sha256 }
  const progress: typeof io.progress = (done, sent) => {
    attempt.space.wrote(who, done)
    io.progress(done, sent)
  }
  const got = await carriers.http.fetch({ target, wanted, part }, { ...io, progress })
  if (got.sha256 !== wanted.sha256 || got.sizeBytes !== wanted.sizeBytes) {
    throw new Problem('upload_checksum_mismatch', { expected: wanted.sha256, found: got.sha256 })
  }
  io.signal.throwIfAborted()
  const entered = await enterFetched(deps, { part, offered })
  const known = (await getCopy(deps.db, name, destination.id)) !== null
  // What we know to be ours is a copy of it from now on; what a peer made is none.
  if (known || entered.origin === 'local') {
    const { sizeBytes, createdAt: archiveAt } = entered
    const copy = {
      archiveName: name,
      destinationId: destination.id,
      sizeBytes,
      sha256: wanted.sha256,
      archiveAt,
    }
    await recordCopy(deps.db, copy, deps.clock.now())
  }
  return offered.size_bytes
}

/** The same content is here already; `archive_exists` when it is another one. */
async function isHere(deps: EngineDeps, attempt: Attempt, offered: Offered): Promise<boolean> {
  const here = await getArchive(deps.db, offered.name)
  if (!here) return false
  const proven =
    here.sha256 === null || here.state !== 'ok'
      ? await attempt.verifyArchive(here.name, attempt.transfer.actor, attempt.io.signal)
      : here
  mustBeSame(proven, offered)
  return true
}

/** As `enterFetched` would have done, when an earlier attempt ended between the file and its row. */
async function enterLate(deps: EngineDeps, name: string, offered: Offered): Promise<void> {
  const here = await getArchive(deps.db, name)
  if (here?.jobId === null && (await getReceived(deps.db, name)) === null)
    await enterFound(deps, here, offered)
  else await setPinned(deps.db, name, true)
}

/** `archive_exists` when it is another one, or a damaged one. */
export function mustBeSame(here: Pick<Archive, 'name' | 'sha256' | 'state'>, offered: Offered): void {
  if (here.sha256 === offered.sha256 && here.state !== 'corrupted') return
  throw new Problem('archive_exists', { archive: here.name })
}

/** A name means one content for ever: what a peer offers under a name that we know has to be that. */
async function mustBeTheOneWeKnow(
  deps: EngineDeps,
  destination: Destination,
  offered: Offered,
): Promise<void> {
  const known = await recordedHashes(deps.db, offered.name)
  if (known.size === 0 || known.has(offered.sha256)) return
  const copy = await getCopy(deps.db, offered.name, destination.id)
  if (copy) await markCopies(deps.db, [{ copy, state: 'corrupted' }], deps.clock.now())
  const detail = `its holder has SHA-256 ${offered.sha256}, recorded was ${[...known].join(', ')}`
  throw new Problem('archive_corrupted', { archive: offered.name, detail })
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return 0
    throw error
  }
}
