// What may be uploaded, and how it is cut. Pure.
import { isArchiveName } from './archive-name.ts'
import { invalid, Problem } from './problem.ts'
import { chunkCount, defaultChunkBytes, type ChunkRange } from './upload.ts'

/** More chunks are more bookkeeping than any archive is worth. */
export const chunksMost = 100_000
/** Uploads that one owner may have open: each costs a row and a file, however small. */
export const openUploadsMost = 100
/** Uploads of one owner that are remembered when they are over, so that `finish` can be asked again. */
export const endedUploadsMost = 100
/** Runs of missing chunks that are written out for people. */
const rangesInWords = 5

/** The archive's name in `NAME.tar` or `NAME.tar.gz`. `name_invalid` with the field `filename` for anything else. */
export function archiveOfUpload(filename: string): string {
  const name = /^(.+)\.tar(?:\.gz)?$/s.exec(filename)?.[1]
  if (name !== undefined && isArchiveName(name)) return name
  // It came from outside and ends up in logs and messages.
  const told = filename.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 100)
  throw new Problem(
    'name_invalid',
    { name: told },
    { errors: [{ field: 'filename', code: 'archive_name_invalid', facts: { name: told } }] },
  )
}

/** Bytes of a chunk, at most what the sender wants, and their number. `validation_failed` when there would be too many. */
export function cutUpload(
  totalSize: number,
  wantedChunk: number,
): { readonly chunkSize: number; readonly totalChunks: number } {
  const chunkSize = Math.min(wantedChunk, defaultChunkBytes)
  const totalChunks = chunkCount(totalSize, chunkSize)
  if (totalChunks <= chunksMost) return { chunkSize, totalChunks }
  if (chunkCount(totalSize, defaultChunkBytes) > chunksMost) {
    const max = chunksMost * defaultChunkBytes
    throw invalid({ field: 'total_size', code: 'out_of_range', facts: { max } })
  }
  const min = Math.ceil(totalSize / chunksMost)
  throw invalid({ field: 'chunk_size', code: 'out_of_range', facts: { min } })
}

/** What somebody has left here, or may leave here at most. */
export interface Amount {
  readonly bytes: number
  readonly count: number
}

/**
 * `quota_exceeded` when another archive of `needed` bytes is more than the quota allows. Null: no limit. Uploads that are
 * open count in `used` as if they were finished.
 */
export function mustBeWithinQuota(
  used: Amount,
  needed: number,
  quota: { readonly bytes: number | null; readonly count: number | null },
): void {
  if (quota.count !== null && used.count + 1 > quota.count) {
    // Texts, and such as are the same in every language: numbers of these facts are bytes.
    const archives = quota.count === 1 ? 'archive' : 'archives'
    throw new Problem('quota_exceeded', {
      used: String(used.count),
      quota: `${quota.count} ${archives}`,
      needed: '1',
    })
  }
  if (quota.bytes !== null && used.bytes + needed > quota.bytes) {
    throw new Problem('quota_exceeded', {
      used: used.bytes,
      quota: quota.bytes,
      needed,
    })
  }
}

/** Runs of chunks for people: `0–3, 7`, and how many more runs there are. */
export function rangesText(ranges: readonly ChunkRange[]): string {
  const told = ranges
    .slice(0, rangesInWords)
    .map(([first, last]) => (first === last ? String(first) : `${first}–${last}`))
  return [...told, ...(ranges.length > rangesInWords ? [`… (${ranges.length} runs)`] : [])].join(', ')
}
