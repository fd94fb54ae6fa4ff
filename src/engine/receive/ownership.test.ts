import { describe, expect, test } from 'vitest'
import { engineBench, type EngineBench } from '../../../test/support/engine.ts'
import type { Caller } from '../../domain/token.ts'
import { getReceived, holdings, recordReceived, usedBy } from '../../store/received.ts'
import { createOwnership } from './ownership.ts'
import { peerCaller } from './receive-world.ts'

const day = 86_400_000
const script: Caller = {
  tokenId: 9,
  actor: 'token:nightly',
  owner: 'token:9',
  name: 'nightly',
  peerId: null,
  scopes: ['delete', 'download'],
}

async function world(holdDays = 0) {
  const bench = await engineBench()
  const tom = await peerCaller(bench, 'tom')
  const mia = await peerCaller(bench, 'mia')
  const removed: string[] = []
  const ownership = createOwnership(bench.deps, async (name) => {
    removed.push(name)
    await bench.deps.db.deleteFrom('archives').where('name', '=', name).execute()
  })
  await leave(bench, 'toms', tom, holdDays)
  await bench.addArchive('ours')
  return { bench, tom, mia, ownership, removed }
}

async function leave(bench: EngineBench, name: string, owner: Caller, holdDays: number) {
  const now = bench.deps.clock.now()
  await bench.addArchive(name, { origin: 'received' })
  await recordReceived(bench.deps.db, {
    name,
    owner: owner.owner,
    ownerName: owner.name,
    sizeBytes: 1000,
    sha256: 'a'.repeat(64),
    receivedAt: now,
    holdUntil: holdDays === 0 ? 0 : now + holdDays * day,
  })
}

describe('a peer', () => {
  test('reaches what it left here', async () => {
    const { ownership, tom } = await world()
    expect(await ownership.mustOwn(tom, 'toms')).toMatchObject({ name: 'toms' })
  })

  test.each(['ours', 'nothing'])('cannot tell %s from nothing', async (name) => {
    const { ownership, mia } = await world()
    await expect(ownership.mustOwn(mia, name)).rejects.toMatchObject({ code: 'archive_not_found' })
    await expect(ownership.mustOwn(mia, 'toms')).rejects.toMatchObject({ code: 'archive_not_found' })
    await expect(ownership.remove(mia, 'toms')).rejects.toMatchObject({ code: 'archive_not_found' })
  })

  test('has no right to another archive that got the name of its own later', async () => {
    const { ownership, tom, bench } = await world()
    await bench.deps.db.deleteFrom('archives').where('name', '=', 'toms').execute()
    await bench.addArchive('toms', { sha256: 'c'.repeat(64) })
    await expect(ownership.mustOwn(tom, 'toms')).rejects.toMatchObject({ code: 'archive_not_found' })
  })

  test('reaches everything with the right to everything', async () => {
    const { ownership, mia } = await world()
    const admin: Caller = { ...mia, scopes: ['admin'] }
    expect(await ownership.mustOwn(admin, 'ours')).toMatchObject({ name: 'ours' })
  })

  test('deletes its own, and is forgotten as its owner', async () => {
    const { ownership, tom, removed, bench } = await world()
    await ownership.remove(tom, 'toms')
    expect(removed).toEqual(['toms'])
    expect(await getReceived(bench.deps.db, 'toms')).toBeNull()
  })

  test('cannot delete its own within the hold time, even with the right to everything', async () => {
    const { ownership, tom, removed, bench } = await world(10)
    const held = { code: 'archive_held', facts: { until: '2026-05-18T12:00:00+02:00' } }
    await expect(ownership.remove(tom, 'toms')).rejects.toMatchObject(held)
    await expect(ownership.remove({ ...tom, scopes: ['admin'] }, 'toms')).rejects.toMatchObject(held)
    expect(removed).toEqual([])
    bench.setNow(bench.deps.clock.now() + 10 * day)
    await ownership.remove(tom, 'toms')
    expect(removed).toEqual(['toms'])
  })
})

describe('a token of a script', () => {
  test('reaches every archive, but not past the hold time', async () => {
    const { ownership } = await world(10)
    expect(await ownership.mustOwn(script, 'ours')).toMatchObject({ name: 'ours' })
    await expect(ownership.remove(script, 'toms')).rejects.toMatchObject({ code: 'archive_held' })
  })

  test('of a local admin deletes also what is held', async () => {
    const { ownership, removed } = await world(10)
    await ownership.remove({ ...script, scopes: ['admin'] }, 'toms')
    expect(removed).toEqual(['toms'])
  })
})

test('what is held for whom counts archives that are there', async () => {
  const { bench, tom } = await world()
  await leave(bench, 'toms2', tom, 0)
  await leave(bench, 'toms3', tom, 0)
  await bench.deps.db.updateTable('archives').set({ missing_at: 1 }).where('name', '=', 'toms3').execute()
  expect(await holdings(bench.deps.db)).toEqual([
    { owner: tom.owner, ownerName: 'tom', count: 2, bytes: 2000 },
  ])
  expect(await usedBy(bench.deps.db, tom.owner)).toEqual({ count: 2, bytes: 2000, open: 0 })
  expect(await usedBy(bench.deps.db, 'peer:nobody')).toEqual({ count: 0, bytes: 0, open: 0 })
})
