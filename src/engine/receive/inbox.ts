// Uploads that come by rsync: their place in the inbox is made by root, and what came is taken out by root. Here is when.
import { setTimeout as sleep } from 'node:timers/promises'
import { describeArchive } from '../../domain/archive-facts.ts'
import { isProblem, Problem } from '../../domain/problem.ts'
import type { Caller } from '../../domain/token.ts'
import { rangesText } from '../../domain/upload-rules.ts'
import type { ChunkRange, Upload } from '../../domain/upload.ts'
import { getPeer } from '../../store/peers.ts'
import { lastReceived } from '../../store/received.ts'
import { bytesToCome, openUploads, uploadDescriptions, type StoredUpload } from '../../store/uploads.ts'
import type { EngineDeps } from '../deps.ts'
import { notFound } from './find.ts'
import { partPath } from './part-file.ts'

/** A sender is answered by then; copying an earlier archive may take longer. */
const ANSWER_MS = 15_000

/** Only a peer whose key the inbox knows. */
export async function mayUseInbox(deps: EngineDeps, caller: Caller): Promise<boolean> {
  if (!deps.inbox || caller.peerId === null) return false
  const peer = await getPeer(deps.db, caller.peerId)
  return peer !== null && peer.uid !== null && (peer.ssh?.theirKey ?? null) !== null
}

export interface InboxOpenings {
  /** Has the place made; `ready` when it is. Rejects as `inbox.open`. */
  of(upload: Upload, signal: AbortSignal): Promise<{ readonly path: string; readonly ready: boolean }>
  /** Resolves when none is being made. */
  idle(): Promise<void>
}

export function createInboxOpenings(deps: EngineDeps, promisedBytes: () => number): InboxOpenings {
  const under = new Map<string, Promise<void>>()
  const begin = (upload: Upload, signal: AbortSignal): Promise<void> => {
    const made = open(deps, upload, promisedBytes, signal).finally(() => under.delete(upload.id))
    under.set(upload.id, made)
    return made
  }
  return {
    async of(upload, signal) {
      const making = under.get(upload.id) ?? begin(upload, signal)
      const patience = new AbortController()
      const late = sleep(ANSWER_MS, false, { signal: patience.signal }).catch(() => false)
      try {
        const ready = await Promise.race([making.then(() => true), late])
        return { path: `${upload.id}/${upload.filename}`, ready }
      } finally {
        patience.abort()
      }
    },
    async idle() {
      await Promise.allSettled(under.values())
    },
  }
}

async function open(
  deps: EngineDeps,
  upload: Upload,
  promisedBytes: () => number,
  signal: AbortSignal,
): Promise<void> {
  const { id: uploadId, filename, totalSize: sizeBytes } = upload
  const toCome = (await bytesToCome(deps.db, [uploadId])) + promisedBytes()
  const basis = await basisOf(deps, upload)
  const uid = await uidOf(deps, upload)
  if (uid === null) throw notFound(uploadId)
  await deps.helper.call('inbox.open', { uid, uploadId, filename, sizeBytes, basis, toCome }, { signal })
}

/** The archive that most of this one's bytes may be in. */
async function basisOf(deps: EngineDeps, upload: Upload): Promise<string | null> {
  const told = await uploadDescriptions(deps.db, upload.id)
  if (told === null) throw notFound(upload.id)
  const { archiveName: name, filename: file, totalSize: sizeBytes } = upload
  const scanned = { name, file, sizeBytes, fingerprint: '' }
  const facts = describeArchive(scanned, { name, ...told, error: null }, deps.instance, new Map())
  return lastReceived(deps.db, upload.owner, facts)
}

async function uidOf(deps: EngineDeps, upload: Pick<Upload, 'peerId'>): Promise<string | null> {
  return upload.peerId === null ? null : ((await getPeer(deps.db, upload.peerId))?.uid ?? null)
}

/** Moves the file to where uploads lie; its SHA-256. `upload_incomplete` while it is not whole. */
export async function takeFromInbox(
  deps: EngineDeps,
  upload: StoredUpload,
  signal: AbortSignal,
): Promise<string> {
  const uid = await uidOf(deps, upload)
  if (uid === null) throw notFound(upload.id)
  const { id: uploadId, filename, totalSize: sizeBytes } = upload
  try {
    const order = { uid, uploadId, filename, sizeBytes, part: partPath(upload) }
    return (await deps.helper.call('inbox.take', order, { signal })).sha256
  } catch (error) {
    if (!isProblem(error, 'upload_incomplete')) throw error
    const missing: ChunkRange[] = [[0, upload.totalChunks - 1]]
    throw new Problem('upload_incomplete', { missing: rangesText(missing) }, { missing, cause: error })
  }
}

/** What is left of an upload that is over. Whatever fails here is made up for by {@link sweepInbox}. */
export async function clearFromInbox(
  deps: EngineDeps,
  upload: Pick<StoredUpload, 'id' | 'carrier' | 'peerId'>,
): Promise<void> {
  if (upload.carrier !== 'rsync' || !deps.inbox) return
  try {
    const uid = await uidOf(deps, upload)
    if (uid !== null) await deps.helper.call('inbox.clear', { uid, uploadId: upload.id })
  } catch (error) {
    deps.log.warn({ err: error, upload: upload.id }, 'the inbox could not be cleared; it is in an hour')
  }
}

/** Removes what belongs to no upload that is open. One that begins at this moment is made again by its sender's next try. */
export async function sweepInbox(deps: EngineDeps, making: ReadonlySet<string>): Promise<void> {
  if (!deps.inbox) return
  const open = await openUploads(deps.db)
  const keep = [...making, ...open.filter((one) => one.carrier === 'rsync').map((one) => one.id)]
  try {
    await deps.helper.call('inbox.clear', { keep })
  } catch (error) {
    deps.log.warn({ err: error }, 'the inbox could not be swept')
  }
}
