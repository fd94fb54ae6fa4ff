// Receives archives in chunks: what the API can ask, put together.
import { receivedRanges } from '../../store/uploads.ts'
import type { EngineDeps } from '../deps.ts'
import type { Received, Uploads } from '../federation.ts'
import { mustFind } from './find.ts'
import { completed, failed, finishUpload, mustBeWhole, mustMatch } from './finish.ts'
import { createInboxOpenings } from './inbox.ts'
import { oneOfAName } from './one-of-a-name.ts'
import { receiveChunk } from './receive.ts'
import { recoverUploads, sweepUploads } from './recover.ts'
import { createSessions, type Session } from './sessions.ts'
import { discard, startUpload } from './start.ts'
import type { HashedBytes } from './whole-hash.ts'
import { getUpload, type StoredUpload } from '../../store/uploads.ts'

export interface UploadsControl extends Uploads {
  /** After a start: files and rows are brought together again. Needs the instance lock. */
  recover(): Promise<void>
  /** Removes uploads that nobody went on with, and files of none. */
  sweep(signal: AbortSignal): Promise<void>
  /** Ends what is arriving; it can be gone on with later. */
  close(): Promise<void>
  /** Since the start: how much of whole files was hashed on its way in, and how much was read again for it. */
  readonly hashed: Readonly<HashedBytes>
}

/**
 * `silenceMs`: how long a sender may send nothing in the middle of a chunk; default 60 s. `promisedBytes`: what backups and
 * fetches still have to write on the archives' disk.
 */
export function createUploads(
  deps: EngineDeps,
  options: { readonly silenceMs?: number; readonly promisedBytes?: () => number } = {},
): UploadsControl {
  const sessions = createSessions(deps)
  const stopping = new AbortController()
  const { promisedBytes = () => 0 } = options
  const openings = createInboxOpenings(deps, promisedBytes)
  /** Uploads whose files are there before their rows. */
  const making = new Set<string>()

  const finishOnce = (session: Session, upload: StoredUpload, expected: readonly string[]) => {
    session.finishing ??= finishUpload(deps, sessions, session, upload, expected, stopping.signal).finally(
      () => {
        session.finishing = null
      },
    )
    return session.finishing
  }

  return {
    hashed: sessions.counted,
    async start(caller, input) {
      const started = await startUpload(deps, sessions, making, caller, input, promisedBytes)
      if (started.kind === 'present' || started.upload.carrier === 'http') return started
      return { ...started, rsync: await openings.of(started.upload, stopping.signal) }
    },
    chunk: (caller, id, n, chunk, signal) =>
      receiveChunk(deps, sessions, { caller, id, n }, chunk, signal, options.silenceMs),

    async finish(caller, id, checksum): Promise<Received> {
      const upload = await mustFind(deps, caller, id)
      if (upload.status === 'complete') return completed(upload, checksum)
      if (upload.status === 'error') throw failed(upload)
      const expected = await mustBeWhole(deps, upload, checksum)
      const session = await sessions.of(upload)
      const joined = session.finishing !== null
      try {
        const received = await finishOnce(session, upload, expected)
        if (joined) mustMatch(received.sha256, checksum)
        return received
      } finally {
        const now = await getUpload(deps.db, id)
        if (now?.status !== 'pending' && now?.status !== 'in_progress') await sessions.end(id)
      }
    },

    async status(caller, id) {
      const upload = await mustFind(deps, caller, id)
      return { upload, received: await receivedRanges(deps.db, id) }
    },

    async remove(caller, id) {
      const upload = await getUpload(deps.db, id)
      if (!upload || upload.owner !== caller.owner) return
      await sessions.settled({ id })
      await oneOfAName(deps, upload.archiveName, async () => {
        // A finished one stays known, so that `finish` can be asked again.
        const now = await getUpload(deps.db, id)
        if (now && now.status !== 'complete') await discard(deps, sessions, now)
      })
    },

    recover: () => recoverUploads(deps, sessions, making, stopping.signal),
    sweep: (signal) => sweepUploads(deps, sessions, making, AbortSignal.any([signal, stopping.signal])),
    async close() {
      stopping.abort()
      await openings.idle()
      await sessions.close()
    },
  }
}
