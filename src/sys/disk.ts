// How full a file system is.
import { statfs } from 'node:fs/promises'

export interface DiskSpace {
  readonly totalBytes: number
  /** What is left for everybody, without the part that is kept for root. */
  readonly freeBytes: number
}

/** Space of the file system that holds `path`. Rejects with the system's error when the path does not exist. */
export async function diskOf(path: string): Promise<DiskSpace> {
  const stats = await statfs(path)
  return { totalBytes: stats.blocks * stats.bsize, freeBytes: stats.bavail * stats.bsize }
}
