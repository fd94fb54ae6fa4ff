// Removes what is left of uploads in the inbox.
import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { inboxUidSchema, inboxUploadSchema } from '../../domain/rsync-server.ts'
import { openInbox, removeUpload, type InboxIo, type InboxUpload } from './place.ts'

/** Of one upload, or of all but those in `keep`. How many there were. */
export async function clearInbox(
  which: InboxUpload | { readonly keep: readonly string[] },
  io: Pick<InboxIo, 'places' | 'signal'>,
): Promise<number> {
  const place = await openInbox(io.places)
  if ('uploadId' in which) return Number(await removeUpload(place, which))
  const keep = new Set(which.keep)
  let removed = 0
  for (const uid of await readdir(place.folder)) {
    if (!inboxUidSchema.safeParse(uid).success) continue
    const peer = join(place.folder, uid)
    if (!(await lstat(peer)).isDirectory()) continue
    for (const uploadId of new Set((await readdir(peer)).map((name) => name.replace(/\.json$/, '')))) {
      io.signal.throwIfAborted()
      if (!inboxUploadSchema.safeParse(uploadId).success || keep.has(uploadId)) continue
      if (await removeUpload(place, { uid, uploadId })) removed += 1
    }
  }
  return removed
}
