// Verbs about the archives that are there.
import { deleteArchive } from '../../archive/delete.ts'
import { readArchives } from '../../archive/read.ts'
import { scanArchives } from '../../archive/scan.ts'
import { verifyArchive } from '../../archive/verify.ts'
import { deleteThroughYunohost } from '../../sources/yunohost/delete.ts'
import type { Handle } from '../context.ts'

export const scan: Handle<'catalogue.scan'> = (_args, { io }) => scanArchives(io.places.archivesDir)

export const read: Handle<'catalogue.read'> = async (args, { io }) => ({
  archives: await readArchives(io.places.archivesDir, args.names),
})

export const verify: Handle<'archive.verify'> = (args, { io }) =>
  verifyArchive(io.places.archivesDir, args.name, {
    signal: io.signal,
    onProgress: (done, total) => io.progress(done, total),
  })

export const remove: Handle<'archive.delete'> = (args, { io }) =>
  deleteArchive(args.name, io, (name) => deleteThroughYunohost(name, io))
