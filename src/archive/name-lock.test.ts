import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { archivePaths } from './format.ts'
import { withNameLock } from './name-lock.ts'
import { bench, tar } from './receive-world.ts'
import { recoverArchive } from './recover.ts'
import { sha256Of } from './testing-archives.ts'

const signal = new AbortController().signal

test.each([false, true])(
  'an upload that is put in place twice at once is there once, whole (other file system: %s)',
  async (far) => {
    for (let delay = 0; delay < 12; delay += 1) {
      const it = await bench({ far })
      const order = it.upload(tar)
      const first = it.publish(order)
      await new Promise((go) => setTimeout(go, delay))
      const both = await Promise.all([first, it.publish(order)])
      expect(both[0]).toEqual(both[1])
      expect(it.files()).toEqual(['a.info.json', 'a.tar'])
      expect(readFileSync(join(it.archivesDir, 'a.tar')).equals(tar)).toBe(true)
      expect(readdirSync(it.uploads)).toEqual([])
    }
  },
)

test('two uploads of one name and other contents: one is there, the other one stays as it was', async () => {
  const it = await bench()
  const order = it.upload(tar)
  const part = join(it.uploads, '2.part')
  const other = Buffer.from(tar)
  other[other.length - 1024 - 600] = (other.at(-1024 - 600) ?? 0) ^ 1
  writeFileSync(part, other)
  const ends = await Promise.allSettled([
    it.publish(order),
    it.publish({ ...order, part, sha256: sha256Of(other) }),
  ])
  expect(ends.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
  expect(it.files()).toEqual(['a.info.json', 'a.tar'])
  expect(readdirSync(it.uploads)).toHaveLength(1)
})

test('a name is free again when its holder was killed', async () => {
  const it = await bench()
  const path = archivePaths(it.archivesDir, 'a').lock
  const holder = spawn('flock', ['--exclusive', path, 'sh', '-c', 'echo held; exec sleep 100'], {
    stdio: ['ignore', 'pipe', 'ignore'],
    detached: true,
  })
  onTestFinished(() => void (holder.exitCode ?? holder.signalCode ?? holder.kill('SIGKILL')))
  await once(holder.stdout, 'data')
  const stop = new AbortController()
  const waits = withNameLock(it.archivesDir, 'a', stop.signal, async () => 'never')
  setTimeout(() => stop.abort(new Error('enough')), 200)
  await expect(waits).rejects.toThrow('enough')
  if (holder.pid === undefined) throw new Error('not started')
  process.kill(-holder.pid, 'SIGKILL')
  expect(await withNameLock(it.archivesDir, 'a', signal, async () => existsSync(path))).toBe(true)
  expect(it.files()).toEqual([])
})

test('nobody has it together with another, however many come', async () => {
  const it = await bench()
  let inside = 0
  let most = 0
  const work = async () => {
    inside += 1
    most = Math.max(most, inside)
    await new Promise((go) => setTimeout(go, 3))
    inside -= 1
  }
  await Promise.all(Array.from({ length: 12 }, () => withNameLock(it.archivesDir, 'a', signal, work)))
  expect(most).toBe(1)
  expect(it.files()).toEqual([])
})

test('a lock that was left says nothing of what stands under its name', async () => {
  const it = await bench()
  const { lock, sidecar } = archivePaths(it.archivesDir, 'a')
  writeFileSync(lock, '')
  writeFileSync(sidecar, '{}')
  expect(await recoverArchive(it.archivesDir, 'a')).toEqual([])
  expect(existsSync(sidecar)).toBe(true)
})

test('an upload that was taken over before a power cut is given back to the server when it cannot be named', async () => {
  const it = await bench()
  chownSync(it.dataDir, 65_534, 65_534)
  const order = it.upload(tar)
  chownSync(order.part, 0, 0)
  chmodSync(order.part, 0o640)
  writeFileSync(archivePaths(it.archivesDir, 'a').sidecar, 'precious')
  await expect(it.publish(order)).rejects.toMatchObject({ code: 'archive_exists' })
  expect(statSync(order.part)).toMatchObject({ uid: 65_534, gid: 65_534, mode: 0o100600, nlink: 1 })
})
