// Chunked uploads (api.md): how a file is cut, and what is still missing. Pure.
import { Problem } from './problem.ts'

/** 50 MiB, the size of every chunk but the last. */
export const defaultChunkBytes = 52_428_800
/** A receiver may lower the chunk size, but not to silly values. */
export const smallestChunkBytes = 65_536
/** Uploads that nobody went on with for so long are removed. */
export const uploadIdleMs = 7 * 86_400_000
/** Chunks of one upload that may arrive at one time. */
export const parallelChunksMost = 4
/** No archive is larger: 2^50 bytes. */
export const largestUploadBytes = 2 ** 50

export const uploadStatuses = ['pending', 'in_progress', 'complete', 'error'] as const
export type UploadStatus = (typeof uploadStatuses)[number]

export const uploadCarriers = ['http', 'rsync'] as const
export type UploadCarrier = (typeof uploadCarriers)[number]

/** An upload as the receiving side knows it. Times are epoch milliseconds. */
export interface Upload {
  readonly id: string
  /** With `.tar` or `.tar.gz`. */
  readonly filename: string
  readonly archiveName: string
  readonly totalSize: number
  readonly chunkSize: number
  readonly totalChunks: number
  /** Chunks that are on disk and recorded. */
  readonly chunksReceived: number
  /** Of the whole file as its sender told it; null when it comes with `finish`. */
  readonly checksum: string | null
  readonly status: UploadStatus
  readonly owner: string
  readonly ownerName: string
  readonly peerId: number | null
  readonly startedAt: number
  /** When something last came. */
  readonly activeAt: number
  /** How its bytes come: in chunks, or as a file in the inbox. */
  readonly carrier: UploadCarrier
  /** Why it is `error`. */
  readonly errorCode: string | null
}

/** First and last number of a run of chunks. */
export type ChunkRange = readonly [first: number, last: number]

/** How many chunks a file has; 0 bytes is no archive. */
export function chunkCount(totalSize: number, chunkSize: number): number {
  return Math.ceil(totalSize / chunkSize)
}

/** Offset and length of chunk `n`; `chunk_out_of_range` when there is no such chunk. */
export function chunkRegion(
  n: number,
  file: { readonly totalSize: number; readonly chunkSize: number },
): { readonly offset: number; readonly length: number } {
  const count = chunkCount(file.totalSize, file.chunkSize)
  if (!Number.isInteger(n) || n < 0 || n >= count) {
    throw new Problem('chunk_out_of_range', { chunk: String(n), last: count - 1 })
  }
  const offset = n * file.chunkSize
  return { offset, length: Math.min(file.chunkSize, file.totalSize - offset) }
}

/** Sorted numbers as runs: `[0, 1, 2, 5]` → `[[0, 2], [5, 5]]`. */
export function toRanges(numbers: readonly number[]): ChunkRange[] {
  const ranges: [number, number][] = []
  for (const n of numbers) {
    const last = ranges.at(-1)
    if (last && n === last[1] + 1) last[1] = n
    else ranges.push([n, n])
  }
  return ranges
}

/** The numbers below `total` that are in none of the ranges, ascending. Ranges may overlap and come in any order. */
export function missingChunks(received: readonly ChunkRange[], total: number): number[] {
  const sorted = [...received].toSorted((a, b) => a[0] - b[0])
  const missing: number[] = []
  let next = 0
  for (const [first, last] of sorted) {
    for (let n = next; n < Math.min(first, total); n++) missing.push(n)
    next = Math.max(next, last + 1)
  }
  for (let n = next; n < total; n++) missing.push(n)
  return missing
}
