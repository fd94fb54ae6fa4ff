// Who may call what: every endpoint, with every scope, as the peer whose things they are, another peer, a script, nobody,
// and somebody with an unknown key. Made from the declared endpoints: one that nobody thought of here fails.
import { describe, expect, test } from 'vitest'
import { apiBench, problemOf, type ApiBench, type TestKey } from '../../../test/support/api.ts'
import { matrix } from '../../../test/support/api-matrix.ts'
import { seedArchives } from '../../../test/support/archives.ts'
import { seedJob, seedRun } from '../../../test/support/job-seeds.ts'
import { testWeb } from '../../../test/support/web.ts'
import { allows, scopes, type Scope } from '../../domain/token.ts'
import { createApi } from './index.ts'

const whos = ['own peer', 'other peer', 'script'] as const
type Who = (typeof whos)[number]

test('every endpoint has a row, and every row an endpoint', async () => {
  const { routes } = createApi((await testWeb()).deps)
  const declared = routes.map(({ method, path }) => `${method} ${path}`)
  expect(declared.toSorted()).toEqual(Object.keys(matrix).toSorted())
  expect(new Set(declared).size).toBe(declared.length)
})

test('only pairing needs no key, and only exchanging the key no scope', async () => {
  const { routes } = createApi((await testWeb()).deps)
  const of = (scope: Scope | 'any' | null) =>
    routes.filter((one) => one.scope === scope).map(({ path }) => path)
  expect([of(null), of('any')]).toEqual([['/pairing/join'], ['/tokens/rotate']])
})

describe.each(Object.entries(matrix))('%s', (name, row) => {
  const [method = ''] = name.split(' ')
  const what = `${method.toUpperCase()} ${row.path}`

  test('answers exactly those whose key allows it', async () => {
    const bench = await apiBench()
    const { routes } = createApi(bench.web.deps)
    const route = routes.find((one) => `${one.method} ${one.path}` === name)
    const scope = route?.scope ?? null
    const job = await seedJob(bench.web.deps.engine)
    const keys: Record<Who, TestKey> = {
      'own peer': await bench.peer('own'),
      'other peer': await bench.peer('other'),
      script: await bench.script('read'),
    }
    for (const granted of scopes) {
      for (const who of whos) {
        await begin(bench, job.id)
        await grant(bench, keys[who], granted)
        const answer = await bench.ask(what, { ...row.ask, key: keys[who] })
        const allowed = scope === null || scope === 'any' || allows([granted], scope)
        const reaches = row.owned === undefined || who !== 'other peer' || granted === 'admin'
        const expected = allowed ? (reaches ? row.allowed : 404) : 403
        expect([who, granted, answer.status]).toEqual([who, granted, expected])
        if (!allowed) expect(await problemOf(answer)).toBe('403 scope_missing')
        else if (!reaches) expect(await problemOf(answer)).toBe(`404 ${row.owned}`)
        else await answer.arrayBuffer()
      }
    }
    bench.web.clock.time += 60_000
    const none = scope === null ? row.allowed : 401
    expect((await bench.ask(what, row.ask)).status).toBe(none)
    expect((await bench.ask(what, { ...row.ask, key: 'f'.repeat(64) })).status).toBe(none)
    expect((await bench.ask(what, { ...row.ask, key: 'no key at all' })).status).toBe(none)
  })
})

describe('beside the endpoints', () => {
  let bench: ApiBench

  test('openapi.json needs no key', async () => {
    bench = await apiBench()
    expect((await bench.ask('GET /openapi.json')).status).toBe(200)
  })

  test.each(['GET /nothing', 'POST /jobs', 'PATCH /health', 'GET /', 'GET /archives/x', 'GET /problems'])(
    '%s is not there for those with a key, and looks like everything else to those without',
    async (what) => {
      bench = await apiBench()
      expect(await problemOf(await bench.ask(what))).toBe('401 unauthenticated')
      const key = await bench.script('read')
      expect(await problemOf(await bench.ask(what, { key }))).toBe('404 endpoint_not_found')
    },
  )
})

/** The same things are there for every request. */
async function begin(bench: ApiBench, jobId: number): Promise<void> {
  const { db } = bench.web.deps
  // Wrong answers to invitations are forgotten by then.
  bench.web.clock.time += 5000
  for (const table of ['archives', 'received_archives', 'runs', 'archive_holds', 'destinations'] as const) {
    await db.deleteFrom(table).execute()
  }
  await seedRun(db, jobId, { id: 1, archive_name: null })
  await seedArchives(db, {
    name: 'mine_wiki_20261121',
    origin: 'received',
    instance_name: 'own',
    size_bytes: 1000,
  })
  await bench.received('mine_wiki_20261121', `peer:${bench.uidOf('own')}`)
  await seedTransfer(db, 'peer:own')
}

/** Transfer 1, which its actor has ordered over the API. */
async function seedTransfer(db: ApiBench['web']['deps']['db'], actor: string): Promise<void> {
  const destination = { id: 1, kind: 'peer', name: 'somewhere', created_at: 0 }
  await db.insertInto('destinations').values(destination).execute()
  await db
    .insertInto('transfers')
    .values({
      id: 1,
      direction: 'send',
      archive_name: 'mine_wiki_20261121',
      destination_id: 1,
      mode: 'auto',
      status: 'queued',
      trigger: 'api',
      actor,
      not_before: 0,
      queued_at: 0,
    })
    .execute()
}

async function grant(bench: ApiBench, key: TestKey, scope: Scope): Promise<void> {
  await bench.web.deps.db
    .updateTable('api_tokens')
    .set({ scopes_json: JSON.stringify([scope]) })
    .where('id', '=', key.tokenId)
    .execute()
}
