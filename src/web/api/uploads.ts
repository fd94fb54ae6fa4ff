// Receiving archives in chunks.
import { z } from '@hono/zod-openapi'
import {
  chunkReceivedSchema,
  uploadFinishedSchema,
  uploadFinishSchema,
  uploadOpenSchema,
  uploadStartedSchema,
  uploadStartSchema,
  uploadStatusSchema,
} from '../../domain/api/archives.ts'
import { localIso } from '../../domain/iso-time.ts'
import { Problem } from '../../domain/problem.ts'
import { uploadIdleMs, type ChunkRange, type Upload } from '../../domain/upload.ts'
import type { WebDeps } from '../page.ts'
import { sha256OfHeader } from './content-digest.ts'
import type { Api, ApiContext } from './frame.ts'
import { incomingBytes } from './incoming-bytes.ts'

const uploadParams = z.object({ id: z.string().min(1).max(64) })
const chunkParams = uploadParams.extend({ n: z.coerce.number() })

/** Adds the endpoints below `/archives/upload`. */
export function mountUploads(api: Api, { engine, config }: WebDeps): void {
  const expiry = (upload: Upload) => localIso(upload.activeAt + uploadIdleMs, config.timeZone)
  const open = (upload: Upload, received: readonly ChunkRange[]) => ({
    upload_id: upload.id,
    chunk_size: upload.chunkSize,
    total_chunks: upload.totalChunks,
    received: ranges(received),
    expires_at: expiry(upload),
  })

  api.route(
    {
      method: 'post',
      path: '/archives/upload/start',
      scope: 'upload',
      summary:
        'Begins an upload (201). 200 when it was begun before, with what was received, or when the archive is here already. The chunk size of the answer counts.',
      body: uploadStartSchema,
      answers: { 200: uploadStartedSchema, 201: uploadOpenSchema },
    },
    async (c, { body }, reply) => {
      const started = await engine.uploads.start(c.get('caller'), body)
      if (started.kind === 'present') {
        const { name, sizeBytes, sha256 } = started
        return reply(200, { already_present: true, name, size_bytes: sizeBytes, sha256 })
      }
      const answer = {
        ...open(started.upload, started.received),
        ...(started.rsync && { rsync: { ...started.rsync } }),
      }
      return reply(started.kind === 'new' ? 201 : 200, answer)
    },
  )

  api.route(
    {
      method: 'post',
      path: '/archives/upload/{id}/chunk/{n}',
      scope: 'upload',
      summary:
        'Chunk n, from 0, in any order, up to 4 at once. Content-Length and Content-Digest (sha-256) are required. Answers when it is on the disk and recorded.',
      params: chunkParams,
      rawBody: 'application/octet-stream',
      answers: { 200: chunkReceivedSchema },
    },
    async (c, { params }, reply) => {
      const caller = c.get('caller')
      const chunk = { length: lengthOf(c), digest: digestOf(c), body: bodyOf(c) }
      // A key that is revoked ends what it had begun.
      const until = engine.tokens.signalOf(caller.tokenId)
      const taken = await engine.uploads.chunk(caller, params.id, params.n, chunk, until)
      return reply(200, {
        received: taken.received,
        chunks_received: taken.chunksReceived,
        total_chunks: taken.totalChunks,
      })
    },
  )

  api.route(
    {
      method: 'post',
      path: '/archives/upload/{id}/finish',
      scope: 'upload',
      summary:
        'Proves the whole file and makes it an archive. Asked again, it answers the same. 409 upload_incomplete says which chunks are missing.',
      params: uploadParams,
      body: uploadFinishSchema,
      answers: { 201: uploadFinishedSchema },
    },
    async (c, { params, body }, reply) => {
      const { name, sizeBytes, sha256 } = await engine.uploads.finish(
        c.get('caller'),
        params.id,
        body.checksum ?? null,
      )
      return reply(201, { name, size_bytes: sizeBytes, sha256 })
    },
  )

  api.route(
    {
      method: 'get',
      path: '/archives/upload/{id}',
      scope: 'upload',
      summary: 'How far an upload has come.',
      params: uploadParams,
      answers: { 200: uploadStatusSchema },
    },
    async (c, { params }, reply) => {
      const { upload, received } = await engine.uploads.status(c.get('caller'), params.id)
      const { filename, totalSize, status } = upload
      return reply(200, { ...open(upload, received), filename, total_size: totalSize, status })
    },
  )

  api.route(
    {
      method: 'delete',
      path: '/archives/upload/{id}',
      scope: 'upload',
      summary: 'Gives an upload up; what was received is removed. Nothing happens when there is none.',
      params: uploadParams,
      answers: { 204: null },
    },
    async (c, { params }, reply) => {
      await engine.uploads.remove(c.get('caller'), params.id)
      return reply(204, null)
    },
  )
}

function ranges(received: readonly ChunkRange[]): [number, number][] {
  return received.map(([first, last]) => [first, last])
}

function lengthOf(c: ApiContext): number {
  const stated = c.req.header('content-length')
  if (stated === undefined) throw new Problem('length_required')
  if (!/^\d{1,15}$/.test(stated))
    throw new Problem('request_invalid', { detail: 'Content-Length is no number.' })
  return Number(stated)
}

function digestOf(c: ApiContext): string {
  const digest = sha256OfHeader(c.req.header('content-digest'))
  if (digest !== null) return digest
  throw new Problem('request_invalid', { detail: 'Content-Digest must hold sha-256=:<base64>:.' })
}

/** From the connection; without one (tests) from the request's own stream. */
function bodyOf(c: ApiContext): AsyncIterable<Uint8Array> {
  const { incoming } = c.env
  if (incoming && 'aborted' in incoming && !('stream' in incoming)) return incomingBytes(incoming)
  const { body } = c.req.raw
  return { [Symbol.asyncIterator]: () => (body ?? new Blob([]).stream()).values({ preventCancel: true }) }
}
