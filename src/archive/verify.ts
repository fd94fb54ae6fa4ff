// Proves an archive by reading all of it once: hash of the file, walk of the tar, what backup_info.json vouches for, and
// the sidecar.
import { createHash } from 'node:crypto'
import type { VerifyResult } from '../domain/helper-protocol.ts'
import { readChunks } from './chunks.ts'
import { mustLocate } from './locate.ts'
import { readBackupInfo } from './read.ts'
import { sidecarFault } from './sidecar.ts'
import { gunzipWalk, plainWalk, type TarWalk } from './tar-walk.ts'

export interface VerifyOptions {
  readonly signal?: AbortSignal
  onProgress?(done: number, total: number): void
}

/**
 * Reads with flat memory. Damage is part of the result; rejects with `archive_not_found`, the signal's reason, or the
 * system's error when the file cannot be read.
 */
export async function verifyArchive(
  archivesDir: string,
  name: string,
  options: VerifyOptions = {},
): Promise<VerifyResult> {
  const found = mustLocate(archivesDir, name)
  const total = Number(found.stats.size)
  const backupInfo = await readBackupInfo(archivesDir, name)
  const promise = promised(backupInfo, total)

  const hash = createHash('sha256')
  let inner: string | null = null
  let walk: TarWalk | null = null
  let done = 0
  const sizeBytes = await readChunks(found.path, {
    signal: options.signal,
    known: found.stats,
    onChunk: async (chunk) => {
      const left = promise ? promise.bytes - done : -1
      if (left >= 0 && left <= chunk.length) {
        hash.update(chunk.subarray(0, left))
        inner ??= hash.copy().digest('hex')
        hash.update(chunk.subarray(left))
      } else hash.update(chunk)
      walk ??= chunk[0] === 0x1f && chunk[1] === 0x8b ? gunzipWalk() : plainWalk()
      await walk.push(chunk)
      done += chunk.length
      options.onProgress?.(done, total)
    },
  })
  const { members, damage, info } = await (walk ?? plainWalk()).end()
  // Only our own writer vouches for a part of the file.
  const ours = typeof backupInfo?.['sha256_bytes'] === 'number'
  return {
    sha256: hash.digest('hex'),
    sizeBytes,
    members,
    damage: damage === '' ? await sidecarFault(archivesDir, name, { info, ours }) : damage,
    innerSha256: promise ? { expected: promise.sha256, found: inner ?? '' } : null,
  }
}

function promised(
  backupInfo: Readonly<Record<string, unknown>> | null,
  total: number,
): { sha256: string; bytes: number } | null {
  const sha256 = backupInfo?.['sha256']
  if (typeof sha256 !== 'string') return null
  const bytes = backupInfo?.['sha256_bytes'] ?? total
  return typeof bytes === 'number' && Number.isSafeInteger(bytes) && bytes >= 0 ? { sha256, bytes } : null
}
