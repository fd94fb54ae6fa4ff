// Sends one archive to a destination: proves what is not proven, keeps it from being deleted meanwhile, hands it to the carrier.
import type { Archive } from '../../domain/archive.ts'
import { isProblem, Problem } from '../../domain/problem.ts'
import { chooseMode } from '../../domain/transfer.ts'
import type { Cargo } from '../../destinations/carrier.ts'
import type { PeerTarget } from '../../sys/peer-http.ts'
import { getArchive } from '../../store/archives.ts'
import { recordCopy } from '../../store/copies.ts'
import type { EngineDeps } from '../deps.ts'
import { withHold } from '../hold.ts'
import { begun, targetOf, type Attempt } from './attempt.ts'
import { chunkSource } from './chunk-source.ts'
import { inboxOf } from './ssh.ts'

/** Chunks on their way at one time. */
const PARALLEL = 2

/** The archive's bytes, when the other side has all of them and it is on record. Rejects with a `Problem` or the signal's reason. */
export async function executeSend(deps: EngineDeps, attempt: Attempt): Promise<number> {
  const { transfer, destination, carriers, io } = attempt
  const found = await mustBeGood(deps, transfer.archiveName)
  return withHold(deps, found.name, 'send', async () => {
    const { archive, sha256 } = await hashed(attempt, found)
    const byRsync = await rsyncFor(deps, attempt, archive)
    const target = await targetOf(deps, destination)
    await begun(deps, attempt, archive.sizeBytes, byRsync ? 'rsync' : 'http')
    const cargo: Cargo = {
      name: archive.name,
      file: archive.file,
      sizeBytes: archive.sizeBytes,
      sha256,
      info: archive.info,
      backupInfo: archive.backupInfo,
    }
    const inChunks = async (): Promise<void> => {
      const chunks = chunkSource(deps, archive)
      await carriers.http.send({ target, cargo, chunks, parallel: PARALLEL }, io)
    }
    try {
      if (byRsync === null) await inChunks()
      else {
        try {
          await byRsync({ target, cargo })
        } catch (error) {
          // It is set up here and not there; nothing was sent yet. A way that was chosen by hand is not left.
          if (transfer.mode !== 'auto' || !isProblem(error, 'transfer_mode_unavailable')) throw error
          io.say('the peer takes nothing by rsync: sending in chunks')
          await begun(deps, attempt, archive.sizeBytes, 'http')
          await inChunks()
        }
      }
    } catch (error) {
      if (isProblem(error, 'upload_checksum_mismatch')) await proveAgain(attempt, archive.name)
      throw error
    }
    const { name: archiveName, sizeBytes, createdAt: archiveAt } = archive
    const copy = { archiveName, destinationId: destination.id, sizeBytes, sha256, archiveAt }
    await recordCopy(deps.db, copy, deps.clock.now())
    return sizeBytes
  })
}

/** Sends by rsync where that is the way to go, else null. `transfer_mode_unavailable` when it was chosen by hand and cannot be. */
async function rsyncFor(
  deps: EngineDeps,
  { transfer, destination, carriers, io }: Attempt,
  archive: Archive,
): Promise<((order: { readonly target: PeerTarget; readonly cargo: Cargo }) => Promise<unknown>) | null> {
  const { rsync } = carriers
  const inbox = rsync && destination.peerId !== null ? await inboxOf(deps, destination.peerId) : null
  const mode = chooseMode(transfer.mode, { sshReady: inbox !== null, sizeBytes: archive.sizeBytes })
  if (mode !== 'rsync') return null
  if (!rsync || inbox === null) throw new Problem('transfer_mode_unavailable', { mode })
  const { bandwidthKib } = destination
  return (order) => rsync.send({ ...order, inbox, bandwidthKib }, io)
}

/** `archive_not_found`, `archive_corrupted`. */
export async function mustBeGood(deps: EngineDeps, name: string): Promise<Archive> {
  const archive = await getArchive(deps.db, name)
  if (!archive) throw new Problem('archive_not_found', { archive: name })
  if (archive.state === 'corrupted') {
    throw new Problem('archive_corrupted', { archive: name, detail: archive.stateDetail ?? '' })
  }
  return archive
}

/** One whose hash nobody knows is read first. */
async function hashed(attempt: Attempt, archive: Archive): Promise<{ archive: Archive; sha256: string }> {
  if (archive.sha256 !== null) return { archive, sha256: archive.sha256 }
  const proven = await proveAgain(attempt, archive.name)
  if (proven.sha256 === null) throw new Problem('archive_corrupted', { archive: archive.name, detail: '' })
  return { archive: proven, sha256: proven.sha256 }
}

/** Reads it again; `archive_corrupted` when it is not what it should be. */
async function proveAgain(attempt: Attempt, name: string): Promise<Archive> {
  const proven = await attempt.verifyArchive(name, attempt.transfer.actor, attempt.io.signal)
  if (proven.state === 'ok') return proven
  throw new Problem('archive_corrupted', { archive: name, detail: proven.stateDetail ?? '' })
}
