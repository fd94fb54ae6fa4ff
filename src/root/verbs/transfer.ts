// Archives on their way to and from other instances.
import { publishUpload } from '../../archive/receive.ts'
import { uploadPlace } from '../../archive/receive-place.ts'
import { sendChunks } from '../../archive/send-chunks.ts'
import type { Handle } from '../context.ts'

export const chunks: Handle<'archive.chunks'> = async (args, context) => ({
  bytes: await sendChunks(context.io.places.archivesDir, args, {
    signal: context.io.signal,
    onChunk: (chunk) => context.onChunk(chunk),
    data: (bytes) => context.data(bytes),
  }),
})

export const place: Handle<'receive.place'> = async (_args, { io }) => ({
  folder: await uploadPlace(io.places.archivesDir, io.places.dataDir),
})

export const publish: Handle<'receive.publish'> = (args, { io }) => publishUpload(args, io)
