// What is in an archive, and the archive itself. The key of a peer reaches only what that peer has sent.
import { z } from '@hono/zod-openapi'
import { bytes, count, wireTime } from '../../domain/api/common.ts'
import { Problem } from '../../domain/problem.ts'
import { memberKinds } from '../../domain/contents.ts'
import { entryToWire } from '../../domain/wire.ts'
import type { Outgoing } from '../../engine/contents.ts'
import type { WebDeps } from '../page.ts'
import { findArchive, presentArchive } from '../pages/archives/detail-query.ts'
import { rangeOf, sameFile } from '../pages/contents/range.ts'
import { downloadHeaders, send, tagOf } from '../pages/contents/send.ts'
import type { Api, ApiContext } from './frame.ts'
import { pageQuery } from './paging.ts'
import { nameParams } from './params.ts'

/** A program that takes nothing for so long is gone: it can ask for the rest with Range. */
const stalledMs = 2 * 60_000

const entrySchema = z.object({
  /** Bytes that are no UTF-8 show as U+FFFD. */
  path: z.string(),
  name: z.string(),
  kind: z.enum(memberKinds),
  /** Of a directory: of everything below it. */
  size_bytes: bytes,
  files: count,
  modified_at: wireTime.nullable(),
  mode: z.string().nullable(),
  owner: z.string().nullable(),
  group: z.string().nullable(),
  link_target: z.string().nullable(),
})
const readySchema = z.object({
  items: z.array(entrySchema),
  next_cursor: z.string().nullable(),
  total: count,
})
const buildingSchema = z.object({
  status: z.literal('building'),
  members: count,
  done_bytes: bytes,
  total_bytes: bytes,
})

/** Adds `GET /archives/{name}/contents` and `GET /archives/{name}/download`. */
export function mountArchiveBytes(api: Api, { engine, db, config }: WebDeps): void {
  api.route(
    {
      method: 'get',
      path: '/archives/{name}/contents',
      scope: 'download',
      summary:
        'Members of a directory of an archive, directories first. 202 while its index is being made, which is done once: ask again.',
      params: nameParams,
      query: pageQuery.extend({ path: z.string().max(4096).default('') }),
      answers: { 200: readySchema, 202: buildingSchema },
    },
    async (c, { params, query }, reply) => {
      await engine.ownership.mustOwn(c.get('caller'), params.name)
      const path = query.path.replaceAll(/^\/+|\/+$/g, '')
      const page = await api.gate.during(c.get('caller').owner, () =>
        engine.contents.list(params.name, {
          path: Buffer.from(path).toString('base64url'),
          limit: query.limit,
          ...(query.cursor === undefined ? {} : { after: query.cursor }),
        }),
      )
      if (page.state === 'building') {
        const { members, done, totalBytes } = page
        return reply(202, { status: 'building', members, done_bytes: done, total_bytes: totalBytes })
      }
      return reply(200, {
        items: page.entries.map((entry) => entryToWire(entry, config.timeZone)),
        next_cursor: page.next,
        total: page.total,
      })
    },
  )

  api.route(
    {
      method: 'get',
      path: '/archives/{name}/download',
      scope: 'download',
      summary:
        'The archive’s file. With Range and If-Range; its ETag is the SHA-256 of the whole file where that is known.',
      params: nameParams,
      answers: { 200: tar, 206: tar, 416: null },
    },
    async (c, { params }) => {
      const { name } = await engine.ownership.mustOwn(c.get('caller'), params.name)
      return download(c, name)
    },
  )

  async function download(c: ApiContext, name: string): Promise<Response> {
    const row = await presentArchive(db, name)
    const tag = tagOf(row)
    const size = row.size_bytes
    const common = { 'Accept-Ranges': 'bytes', ETag: tag }
    if (c.req.method === 'HEAD') {
      const type = row.file.endsWith('.gz') ? 'application/gzip' : tar.type
      return new Response(null, { headers: { ...downloadHeaders(row.file, type, size), ...common } })
    }
    const asked = sameFile(c.req.header('if-range'), tag) ? rangeOf(c.req.header('range'), size) : 'whole'
    if (asked === 'unsatisfiable') {
      return new Response(null, { status: 416, headers: { ...common, 'Content-Range': `bytes */${size}` } })
    }
    const range = asked === 'whole' ? null : asked
    // A key that is revoked ends what it had begun.
    const until = AbortSignal.any([c.req.raw.signal, engine.tokens.signalOf(c.get('caller').tokenId)])
    const outgoing = await begin(c, (limitMs) => engine.contents.archive(name, range, until, limitMs))
    const now = await findArchive(db, name)
    if (now === null || tagOf(now) !== tag) {
      await outgoing.bytes.cancel()
      // It was exchanged under its name just now: asked again, the new one comes.
      throw new Problem('archive_in_use', { archive: name, retryAfterS: 1 })
    }
    if (range === null) return send(c, outgoing, { headers: common })
    const last = range.offset + range.length - 1
    const headers = { ...common, 'Content-Range': `bytes ${range.offset}-${last}/${size}` }
    return send(c, outgoing, { status: 206, headers })
  }

  /** Its place at the gate is free again when the helper has ended, not when the caller has gone. */
  async function begin(c: ApiContext, open: (stalledMs: number) => Promise<Outgoing>): Promise<Outgoing> {
    const leave = api.gate.enter(c.get('caller').owner)
    try {
      const outgoing = await open(stalledMs)
      void outgoing.ended.then(leave)
      return outgoing
    } catch (error) {
      leave()
      throw error
    }
  }
}

const tar = { type: 'application/x-tar' } as const
