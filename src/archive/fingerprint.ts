// Tells cheaply whether an archive is still the one that was read before.
import type { BigIntStats } from 'node:fs'
import { lstat, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode } from '../sys/files.ts'
import { archiveOfTar } from './format.ts'

/**
 * `inode:size:mtime:ctime` of the tar (links followed) and mtime of its sidecar (never followed), times in nanoseconds; `-` without one.
 * Rejects with the system's error when the tar is not there.
 */
export async function fingerprintOf(archivesDir: string, file: string): Promise<string> {
  const name = archiveOfTar(file) ?? file
  const tar = await stat(join(archivesDir, file), { bigint: true })
  try {
    const sidecar = await lstat(join(archivesDir, `${name}.info.json`), { bigint: true })
    return fingerprint(tar, sidecar)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return fingerprint(tar, null)
    throw error
  }
}

/** The same, from what `stat` said. */
export function fingerprint(tar: BigIntStats, sidecar: BigIntStats | null): string {
  return `${tar.ino}:${tar.size}:${tar.mtimeNs}:${tar.ctimeNs}:${sidecar?.mtimeNs ?? '-'}`
}
