// What an instance says to whoever asks about its own rights and room here.
import { expect, test } from 'vitest'
import { apiBench } from '../../../test/support/api.ts'
import { seedArchives } from '../../../test/support/archives.ts'
import type { Caller } from '../../domain/token.ts'

async function callerOf(bench: Awaited<ReturnType<typeof apiBench>>, secret: string): Promise<Caller> {
  const verdict = await bench.web.deps.engine.tokens.verify(secret, '192.0.2.1')
  if (!verdict.ok) throw new Error('the token is refused')
  return verdict.caller
}

test('a token of no peer is told its rights, what it left here, and no quota', async () => {
  const bench = await apiBench()
  const { engine, db } = bench.web.deps
  const caller = await callerOf(bench, (await bench.script('read', 'upload')).secret)
  const nothing = {
    archive_count: 0,
    total_size_bytes: 0,
    quota_bytes: null,
    quota_count: null,
    hold_days: 0,
    scopes: ['read', 'upload'],
  }
  expect((await engine.self.summary(caller)).yours).toEqual(nothing)
  const wiki = { app: 'wiki', instance_name: 'tom', origin: 'received' as const, size_bytes: 1000 }
  await seedArchives(db, { name: 'tom_wiki_1', ...wiki }, { name: 'tom_wiki_2', ...wiki })
  await bench.received('tom_wiki_1', caller.owner)
  await bench.received('tom_wiki_2', 'peer:somebody-else')
  expect((await engine.self.summary(caller)).yours).toEqual({
    ...nothing,
    archive_count: 1,
    total_size_bytes: 1000,
  })
})

test('a token of a peer is told the quota and hold time of that peer', async () => {
  const bench = await apiBench()
  const { engine, db } = bench.web.deps
  const { secret } = await bench.peer('tom', 'read')
  await db
    .updateTable('remote_instances')
    .set({ quota_bytes: 5000, quota_count: 3, hold_days: 14 })
    .where('id', '=', bench.peerId('tom'))
    .execute()
  expect((await engine.self.summary(await callerOf(bench, secret))).yours).toEqual({
    archive_count: 0,
    total_size_bytes: 0,
    quota_bytes: 5000,
    quota_count: 3,
    hold_days: 14,
    scopes: ['read'],
  })
})

test('it tells whom it watches and of whom it has lost sight, but nothing of those that only come to it', async () => {
  const bench = await apiBench()
  const { engine, db, clock } = bench.web.deps
  const caller = await callerOf(bench, (await bench.script('read')).secret)
  const hour = 3_600_000
  const row = { url: 'https://there.example', created_at: 0, last_seen: clock.now() - 3 * hour }
  await db
    .insertInto('remote_instances')
    .values([
      {
        ...row,
        name: 'ann',
        uid: 'a'.repeat(43),
        api_key: 'sealed',
        status: 'offline',
        polled_at: clock.now(),
      },
      {
        ...row,
        name: 'bob',
        uid: 'b'.repeat(43),
        api_key: 'sealed',
        status: 'online',
        polled_at: clock.now(),
      },
      { ...row, name: 'cat', uid: 'c'.repeat(43), api_key: '', status: null, polled_at: null },
      { ...row, name: 'new', uid: null, api_key: 'sealed', status: null, polled_at: null },
    ])
    .execute()
  expect((await engine.self.summary(caller)).watching).toEqual([
    { id: 'a'.repeat(43), gone: true },
    { id: 'b'.repeat(43), gone: false },
  ])
})
