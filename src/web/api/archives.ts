// Archives: their list, one of them, and what can be done with it. Downloads and contents: archive-bytes.ts.
import { z } from '@hono/zod-openapi'
import { archiveInfoSchema, archiveSchema } from '../../domain/api/archives.ts'
import { pageOf } from '../../domain/api/common.ts'
import { Problem } from '../../domain/problem.ts'
import { getArchive, listArchives } from '../../store/archives.ts'
import { copiesOf } from '../../store/copies.ts'
import { listDestinations } from '../../store/destinations.ts'
import type { WebDeps } from '../page.ts'
import type { Api } from './frame.ts'
import { pageQuery } from './paging.ts'
import { nameParams } from './params.ts'
import { wireArchive, wireCopy } from './wire.ts'

const filters = pageQuery.extend({
  app: z.string().max(300).optional(),
  type: z.string().max(60).optional(),
  instance: z.string().max(300).optional(),
  /** Part of the name or app. */
  q: z.string().max(300).optional(),
})

/** Adds the endpoints below `/archives` that read or change the catalogue. */
export function mountArchives(api: Api, { engine, db, config, log }: WebDeps): void {
  const { timeZone } = config

  api.route(
    {
      method: 'get',
      path: '/archives',
      scope: 'read',
      summary: 'Archives, newest first; by app, type, instance, or part of the name (q).',
      query: filters,
      answers: { 200: pageOf(archiveSchema) },
      etag: true,
    },
    async (_c, { query }, reply) => {
      const { items, nextCursor } = await listArchives(db, given(query))
      return reply(200, { items: items.map((one) => wireArchive(one, timeZone)), next_cursor: nextCursor })
    },
  )

  api.route(
    {
      method: 'get',
      path: '/archives/{name}/info',
      scope: 'read',
      summary: 'An archive with its descriptions and its copies elsewhere.',
      params: nameParams,
      answers: { 200: archiveInfoSchema },
      etag: true,
    },
    async (_c, { params }, reply) => {
      const archive = await found(params.name)
      const [copies, destinations] = await Promise.all([copiesOf(db, [archive.name]), listDestinations(db)])
      const names = new Map(destinations.map((one) => [one.id, one.name]))
      return reply(200, {
        ...wireArchive(archive, timeZone),
        info: archive.info,
        backup_info: archive.backupInfo,
        copies: (copies.get(archive.name) ?? []).map((copy) =>
          wireCopy({ ...copy, destination: names.get(copy.destinationId) ?? '' }, timeZone),
        ),
      })
    },
  )

  api.route(
    {
      method: 'delete',
      path: '/archives/{name}',
      scope: 'delete',
      summary: 'Deletes an archive. The key of a peer reaches only what that peer has sent.',
      params: nameParams,
      answers: { 204: null },
    },
    async (c, { params }, reply) => {
      await engine.ownership.remove(c.get('caller'), params.name)
      return reply(204, null)
    },
  )

  api.route(
    {
      method: 'post',
      path: '/archives/{name}/verify',
      scope: 'run',
      summary:
        'Reads an archive again from the disk. It goes on by itself; the archive’s state says what came of it.',
      params: nameParams,
      answers: { 202: z.object({ name: z.string(), status: z.literal('verifying') }) },
    },
    async (c, { params }, reply) => {
      const { name } = await found(params.name)
      // Many callers at once must not read the same 20 GB many times.
      if (!engine.verifying().includes(name)) {
        const { owner, actor } = c.get('caller')
        const leave = api.gate.enter(owner)
        engine
          .verifyArchive(name, actor)
          .catch((err: unknown) => {
            log.error({ err, archive: name }, 'a verification that was asked for over the API failed')
          })
          .finally(leave)
      }
      return reply(202, { name, status: 'verifying' })
    },
  )

  api.route(
    {
      method: 'put',
      path: '/archives/{name}/pin',
      scope: 'admin',
      summary: 'Pins an archive: nothing deletes it.',
      params: nameParams,
      answers: { 200: archiveSchema },
    },
    async (c, { params }, reply) =>
      reply(200, wireArchive(await engine.setPinned(params.name, true, c.get('caller').actor), timeZone)),
  )

  api.route(
    {
      method: 'delete',
      path: '/archives/{name}/pin',
      scope: 'admin',
      summary: 'Ends the pin of an archive.',
      params: nameParams,
      answers: { 200: archiveSchema },
    },
    async (c, { params }, reply) =>
      reply(200, wireArchive(await engine.setPinned(params.name, false, c.get('caller').actor), timeZone)),
  )

  async function found(name: string) {
    const archive = await getArchive(db, name)
    if (archive === null) throw new Problem('archive_not_found', { archive: name })
    return archive
  }
}

/** Without the filters that nobody asked for. */
function given({ limit, ...filter }: z.output<typeof filters>) {
  const { app, type, instance, q, cursor } = filter
  return {
    limit,
    ...(app === undefined ? {} : { app }),
    ...(type === undefined ? {} : { type }),
    ...(instance === undefined ? {} : { instance }),
    ...(q === undefined ? {} : { q }),
    ...(cursor === undefined ? {} : { cursor }),
  }
}
