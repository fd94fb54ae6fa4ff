// The requests of an upload but for its chunks: begin, finish, throw away. Every answer is checked before it is believed.
import { uploadFinishedSchema, uploadStartedSchema, type WireUploadStart } from '../../domain/api/archives.ts'
import { problemSchema } from '../../domain/api/common.ts'
import { Problem } from '../../domain/problem.ts'
import {
  chunkCount,
  defaultChunkBytes,
  missingChunks,
  smallestChunkBytes,
  toRanges,
  type ChunkRange,
  type UploadCarrier,
} from '../../domain/upload.ts'
import { peerProblem, readAnswer } from '../../sys/peer-answer.ts'
import type { PeerHttp, PeerTarget } from '../../sys/peer-http.ts'
import type { Cargo } from '../carrier.ts'

/** An upload that the peer has open for us. */
export interface OpenUpload {
  readonly id: string
  readonly chunkSize: number
  readonly totalChunks: number
  /** Numbers of the chunks that it does not have, ascending. */
  readonly missing: readonly number[]
  /** Where rsync may put the file; null when it may not. */
  readonly rsync: { readonly path: string; readonly ready: boolean } | null
}

/** Lists of chunk ranges can be longer than other answers. */
const longAnswer = 4 * 1024 * 1024
/** More chunks than that make no sense, and their numbers would fill the memory. */
const mostChunks = 4_000_000
/** A receiver may have to read the whole file before it answers `finish`: 20 MB/s, an hour at most. */
const finishBytesPerMs = 20_000
const longestFinishMs = 3_600_000
const shortIdleMs = 60_000

/** Asks the peer what it has of the archive; null when it has all of it. Rejects with a `Problem`. */
export async function startUpload(
  http: PeerHttp,
  target: PeerTarget,
  cargo: Cargo,
  signal: AbortSignal,
  carrier: UploadCarrier = 'http',
): Promise<OpenUpload | null> {
  const json: WireUploadStart = {
    filename: cargo.file,
    total_size: cargo.sizeBytes,
    chunk_size: defaultChunkBytes,
    checksum: cargo.sha256,
    info: { ...cargo.info },
    ...(cargo.backupInfo === null ? {} : { backup_info: { ...cargo.backupInfo } }),
    ...(carrier === 'rsync' && { carrier }),
  }
  const path = '/archives/upload/start'
  const answer = await http.request(target, {
    method: 'POST',
    path,
    json,
    signal,
    idleMs: shortIdleMs,
    maxBytes: longAnswer,
  })
  const started = readAnswer(answer, uploadStartedSchema)
  if ('already_present' in started) {
    assertSame(started, cargo)
    return null
  }
  const { upload_id: id, chunk_size: chunkSize, total_chunks: totalChunks } = started
  // It becomes a part of paths.
  if (!/^[A-Za-z0-9_-]+$/.test(id)) throw wrong('upload_id is not one')
  if (chunkSize < smallestChunkBytes) throw wrong(`chunk_size: ${chunkSize} is too small`)
  if (totalChunks !== chunkCount(cargo.sizeBytes, chunkSize) || totalChunks > mostChunks) {
    throw wrong(`total_chunks: ${totalChunks} of ${chunkSize} bytes for ${cargo.sizeBytes} bytes`)
  }
  assertRanges(started.received, totalChunks)
  const missing = missingChunks(started.received, totalChunks)
  return { id, chunkSize, totalChunks, missing, rsync: started.rsync ?? null }
}

/**
 * Lets the peer check the whole and show it. Resolves with an empty list, or with the numbers of the chunks it says are
 * missing (with `mayMiss`; else that is a failure, too). Rejects with a `Problem`.
 */
export async function finishUpload(
  http: PeerHttp,
  target: PeerTarget,
  {
    upload,
    cargo,
    mayMiss,
    signal,
  }: { upload: OpenUpload; cargo: Cargo; mayMiss: boolean; signal: AbortSignal },
): Promise<readonly number[]> {
  const answer = await http.request(target, {
    method: 'POST',
    path: `/archives/upload/${upload.id}/finish`,
    json: { checksum: cargo.sha256 },
    signal,
    idleMs: Math.min(shortIdleMs + cargo.sizeBytes / finishBytesPerMs, longestFinishMs),
    maxBytes: longAnswer,
  })
  const refused = problemSchema.safeParse(answer.json)
  if (answer.status === 409 && refused.success && refused.data.code === 'upload_incomplete') {
    const ranges = refused.data.missing ?? []
    assertRanges(ranges, upload.totalChunks)
    if (ranges.length === 0 || !mayMiss) throw peerProblem(answer)
    const there = missingChunks(ranges, upload.totalChunks)
    return missingChunks(toRanges(there), upload.totalChunks)
  }
  assertSame(readAnswer(answer, uploadFinishedSchema), cargo)
  return []
}

/** Asks the peer to throw away what it has of an upload. It is no matter when that is nothing. */
export async function abandonUpload(
  http: PeerHttp,
  target: PeerTarget,
  upload: OpenUpload,
  withinMs: number,
): Promise<void> {
  const path = `/archives/upload/${upload.id}`
  const signal = AbortSignal.timeout(withinMs)
  const answer = await http.request(target, { method: 'DELETE', path, signal })
  if (answer.status > 299 && answer.status !== 404) throw peerProblem(answer)
}

function assertSame(there: { readonly size_bytes: number; readonly sha256: string }, cargo: Cargo): void {
  if (there.size_bytes !== cargo.sizeBytes || there.sha256 !== cargo.sha256) {
    throw wrong(`it has ${there.size_bytes} bytes with the SHA-256 ${there.sha256}`)
  }
}

function assertRanges(ranges: readonly ChunkRange[], totalChunks: number): void {
  const odd = ranges.find(([first, last]) => first > last || last >= totalChunks)
  if (odd) throw wrong(`chunks ${odd.join('-')} of ${totalChunks}`)
}

function wrong(detail: string): Problem {
  return new Problem('peer_answer_invalid', { detail })
}
