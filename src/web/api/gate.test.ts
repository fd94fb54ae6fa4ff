// What one caller can have the root helper do at one time, by each way there is.
import { expect, test } from 'vitest'
import { apiBench, problemOf } from '../../../test/support/api.ts'
import { seedArchives } from '../../../test/support/archives.ts'
import { eventually } from '../../../test/support/eventually.ts'
import { createGate } from './gate.ts'

const names = Array.from({ length: 6 }, (_, n) => `jerry_wiki_2026112${n}`)

/** Archives of which each is too large to fit into what waits for its reader. */
async function bench() {
  const it = await apiBench()
  await seedArchives(it.web.deps.db, ...names.map((name) => ({ name, size_bytes: 1000 })))
  return it
}

test('downloads that nobody reads: the fifth is refused until one has ended; others are not kept out', async () => {
  const it = await bench()
  const key = await it.script('download')
  const get = () => it.ask(`GET /archives/${names[0]}/download`, { key })
  const open = await Promise.all([get(), get(), get(), get()])
  const refused = await get()
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '5'])
  expect(await problemOf(refused)).toBe('429 too_many_requests')
  const other = await it.script('download')
  const theirs = await it.ask(`GET /archives/${names[0]}/download`, { key: other })
  expect((await theirs.arrayBuffer()).byteLength).toBe(1000)
  await open[0]?.body?.cancel()
  await open[1]?.arrayBuffer()
  const again = await Promise.all([get(), get()])
  expect(again.map((one) => one.status)).toEqual([200, 200])
  expect((await get()).status).toBe(429)
})

test('a download that is refused or cannot begin takes no place', async () => {
  const it = await bench()
  const key = await it.script('download')
  const { contents } = it.web.machine
  const { archive } = contents
  contents.archive = () => Promise.reject(new Error('no helper'))
  for (let n = 0; n < 6; n += 1) {
    expect((await it.ask(`GET /archives/${names[0]}/download`, { key })).status).toBe(500)
  }
  contents.archive = archive
  for (let n = 0; n < 6; n += 1) {
    expect((await it.ask(`HEAD /archives/${names[0]}/download`, { key })).status).toBe(200)
  }
  expect((await it.ask(`GET /archives/${names[0]}/download`, { key })).status).toBe(200)
})

test('verifications of many archives: no more than four of one caller go on', async () => {
  const it = await bench()
  const held = Promise.withResolvers<void>()
  it.web.machine.verifyGate = held.promise
  const key = await it.script('run')
  const verify = (name: string) => it.ask(`POST /archives/${name}/verify`, { key })
  const statuses: number[] = []
  for (const name of names) statuses.push((await verify(name)).status)
  expect(statuses).toEqual([202, 202, 202, 202, 429, 429])
  // What goes on already is no more work.
  expect((await verify(names[0] ?? '')).status).toBe(202)
  held.resolve()
  await eventually(async () => (await verify(names[5] ?? '')).status === 202)
})

test('plans of restores: no more than four at one time', async () => {
  const it = await bench()
  const key = await it.script('restore')
  const plan = () =>
    it.ask(`POST /archives/${names[0]}/restore`, { key, json: { options: { dry_run: true } } })
  const codes = await Promise.all(Array.from({ length: 9 }, async () => (await plan()).status))
  expect(codes.filter((code) => code === 429).length).toBeGreaterThan(0)
  expect(codes.filter((code) => code === 200)).toHaveLength(4)
  expect((await plan()).status).toBe(200)
})

test('all callers together have a limit, and leaving twice frees one place', () => {
  const gate = createGate({ each: 2, all: 3 })
  const leave = gate.enter('a')
  gate.enter('a')
  expect(() => gate.enter('a')).toThrow('too_many_requests')
  gate.enter('b')
  expect(() => gate.enter('c')).toThrow('too_many_requests')
  leave()
  leave()
  gate.enter('c')
  expect(() => gate.enter('d')).toThrow('too_many_requests')
})
