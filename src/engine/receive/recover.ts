// Brings rows and files of uploads together: after a start, and once an hour. What the disk has is what counts.
import { uploadIdleMs } from '../../domain/upload.ts'
import { forgetReceivedGone } from '../../store/received.ts'
import { getUpload, idleUploads, openUploads, uploadFolders, type StoredUpload } from '../../store/uploads.ts'
import type { EngineDeps } from '../deps.ts'
import { lost } from './find.ts'
import { sweepInbox } from './inbox.ts'
import { settle } from './finish.ts'
import { oneOfAName } from './one-of-a-name.ts'
import { partsIn, partSize, removePart } from './part-file.ts'
import { ownFolder } from './place.ts'
import type { Sessions } from './sessions.ts'
import { discard } from './start.ts'

const DAY_MS = 86_400_000

/**
 * After a start: what was proven is put in place, what has lost its file is void, files that belong to nothing go. A failure
 * with one upload keeps neither the others nor the server.
 */
export async function recoverUploads(
  deps: EngineDeps,
  sessions: Sessions,
  making: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<void> {
  for (const upload of await openUploads(deps.db)) {
    try {
      if (upload.sha256 !== null) await settle(deps, upload, upload.sha256, signal)
      else await oneOfAName(deps, upload.archiveName, () => believe(deps, sessions, upload.id))
    } catch (error) {
      deps.log.warn(
        { err: error, upload: upload.id, file: upload.filename },
        'an upload could not be gone on with',
      )
    }
  }
  // A helper is not started for that: a short command would wait for it, and the server looks everywhere once an hour.
  await removeStrays(deps, making, [])
}

/** What nobody went on with for a week is removed, and what is remembered of finished ones. */
export async function sweepUploads(
  deps: EngineDeps,
  sessions: Sessions,
  making: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<void> {
  for (const upload of await idleUploads(deps.db, deps.clock.now() - uploadIdleMs)) {
    signal.throwIfAborted()
    await sessions.settled({ id: upload.id })
    await oneOfAName(deps, upload.archiveName, () => discard(deps, sessions, upload))
  }
  await sessions.rest()
  await removeStrays(deps, making, await place(deps))
  await sweepInbox(deps, making)
  await forgetReceivedGone(deps.db, deps.clock.now() - DAY_MS)
}

/** A chunk that is recorded is only believed while the file has its size. A disk that is away may come back. */
async function believe(deps: EngineDeps, sessions: Sessions, id: string): Promise<void> {
  const upload = await getUpload(deps.db, id)
  // The server may be serving already: its sender can have gone on.
  if (!upload || !isOpen(upload) || upload.sha256 !== null) return
  // Of one that comes by rsync nothing is believed before it is finished.
  if (upload.carrier === 'rsync') return
  const size = await partSize(upload)
  if (size === undefined || size === upload.totalSize) return
  await lost(deps, sessions, upload)
  await removePart(upload)
}

/** Files of uploads that are over, or of which nothing is known. */
async function removeStrays(
  deps: EngineDeps,
  making: ReadonlySet<string>,
  besides: readonly string[],
): Promise<void> {
  for (const folder of new Set([ownFolder(deps), ...(await uploadFolders(deps.db)), ...besides])) {
    for (const id of await partsIn(folder)) {
      const upload = await getUpload(deps.db, id)
      if (!(upload && isOpen(upload)) && !making.has(id)) await removePart({ id, folder })
    }
  }
}

function isOpen(upload: StoredUpload): boolean {
  return upload.status === 'pending' || upload.status === 'in_progress'
}

/** A helper that cannot be reached now is asked again in an hour. */
async function place(deps: EngineDeps): Promise<readonly string[]> {
  try {
    const { folder } = await deps.helper.call('receive.place', {})
    return folder === null ? [] : [folder]
  } catch (error) {
    deps.log.debug({ err: error }, 'files of uploads that are over may be left')
    return []
  }
}
