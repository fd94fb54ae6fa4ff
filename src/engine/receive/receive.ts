// Takes one chunk of an upload and records it: on the disk first, in the database second, in words last.
import { Problem } from '../../domain/problem.ts'
import type { Caller } from '../../domain/token.ts'
import { chunkRegion } from '../../domain/upload.ts'
import { chunkDigest, recordChunk, type StoredUpload } from '../../store/uploads.ts'
import { errorCode } from '../../sys/files.ts'
import type { EngineDeps } from '../deps.ts'
import { attentive } from './attentive.ts'
import { idleMs, takeChunk, wrongSize, type ArrivingChunk } from './chunk.ts'
import { lost, mustFind, notFound } from './find.ts'
import { partPath } from './part-file.ts'
import type { Sessions } from './sessions.ts'

export interface ChunkTaken {
  readonly received: number
  readonly chunksReceived: number
  readonly totalChunks: number
}

/** See `Uploads.chunk`. `silenceMs`: how long the sender may send nothing. */
export async function receiveChunk(
  deps: EngineDeps,
  sessions: Sessions,
  who: { readonly caller: Caller; readonly id: string; readonly n: number },
  chunk: ArrivingChunk,
  signal: AbortSignal,
  silenceMs?: number,
): Promise<ChunkTaken> {
  const { caller, id, n } = who
  const upload = await mustFind(deps, caller, id)
  // What comes by rsync has no chunks.
  if (upload.status === 'error' || upload.carrier === 'rsync') throw notFound(id)
  const { offset, length } = chunkRegion(n, upload)
  if (chunk.length !== length) throw wrongSize(length, chunk.length)
  const again = await repeated(deps, upload, n, chunk.digest)
  if (again) {
    await ignore(chunk.body, signal, silenceMs)
    return again
  }
  if (upload.status === 'complete') throw notFound(id)

  const session = await sessions.of(upload)
  const leave = session.enter(caller.owner)
  try {
    return await session.alone(n, async (hurry) => {
      // Somebody else may have brought it meanwhile: then its bytes must not be touched any more.
      const meanwhile = await repeated(deps, upload, n, chunk.digest)
      if (meanwhile) {
        await ignore(chunk.body, AbortSignal.any([signal, session.signal]), silenceMs)
        return meanwhile
      }
      const along = session.hash.along(n)
      const any = AbortSignal.any([signal, session.signal])
      await takeChunk({ path: partPath(upload), offset }, chunk, along, any, { silenceMs, hurry })
      const now = deps.clock.now()
      const chunksReceived = await recordChunk(deps.db, id, { n, sha256: chunk.digest, now })
      if (chunksReceived === null) throw notFound(id)
      session.hash.recorded(n, along)
      return { received: n, chunksReceived, totalChunks: upload.totalChunks }
    })
  } catch (error) {
    throw errorCode(error) === 'ENOENT' ? await lost(deps, sessions, upload) : error
  } finally {
    leave()
  }
}

/** Few senders can take an answer before they have sent everything. */
async function ignore(body: ArrivingChunk['body'], signal: AbortSignal, silenceMs = idleMs): Promise<void> {
  const pieces = attentive(body, silenceMs, signal)
  while ((await pieces.next()).done !== true);
}

/** The answer for a chunk that is there already; null when it is not. Other bytes than the first time are refused. */
async function repeated(
  deps: EngineDeps,
  upload: StoredUpload,
  n: number,
  digest: string,
): Promise<ChunkTaken | null> {
  const known = await chunkDigest(deps.db, upload.id, n)
  if (known === null) return null
  if (known !== digest) throw new Problem('chunk_digest_mismatch')
  return { received: n, chunksReceived: upload.chunksReceived, totalChunks: upload.totalChunks }
}
