// The file behind a row of the catalogue, for who wants to read it.
import { present } from './archive-row.ts'
import type { Q } from './schema.ts'

export interface ArchiveFile {
  readonly name: string
  /** `NAME.tar` or `NAME.tar.gz`. */
  readonly file: string
  /** Of the file when it was last looked at: another one means other contents. */
  readonly fingerprint: string
  readonly sizeBytes: number
}

/** Null when there is no such archive, its file is gone, or it is being deleted. */
export async function archiveFile(q: Q, name: string): Promise<ArchiveFile | null> {
  const row = await q
    .selectFrom('archives')
    .select(['name', 'file', 'fingerprint', 'size_bytes as sizeBytes'])
    .where('name', '=', name)
    .where(present)
    .executeTakeFirst()
  return row ?? null
}
