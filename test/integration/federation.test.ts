// Instances that know each other over HTTPS, as people use them: each one the real program in a process of its own.
import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { createInstances, type Instance, type Instances } from '../support/whole-instances.ts'

interface WireTransfer {
  readonly transfer_id: number
  readonly status: string
  readonly error: string | null
}
interface TransferRow {
  readonly status: string
  readonly bytes_done: number
  readonly bytes_total: number | null
  readonly bytes_sent: number
}
interface WireArchiveLine {
  readonly name: string
  readonly sha256: string | null
  readonly origin: string
  readonly state: string
}

const MiB = 2 ** 20
const everything = 'read,run,upload,download,delete,restore'
/** Until the assertion holds. */
const soon = (look: () => Promise<void>): Promise<void> => vi.waitFor(look, { timeout: 60_000, interval: 50 })
let world: Instances<'jerry' | 'tom'>
let jerry: Instance
let tom: Instance
// One pair for all of the tests: starting programs is what takes the time here.
beforeAll(async () => {
  world = await createInstances(['jerry', 'tom'])
  jerry = world.of.jerry
  tom = world.of.tom
  await Promise.all([jerry.up(), tom.up()])
  await world.pair('tom', 'jerry', { scopes: everything })
}, 120_000)
afterAll(() => world.dispose())
vi.setConfig({ testTimeout: 120_000 })

/** A job over a folder with that many bytes that cannot be compressed; its archive's name. */
async function backUp(of: Instance, bytes: number, ...more: string[]): Promise<string> {
  const folder = join(of.folder, 'photos')
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'picture.raw'), randomBytes(bytes))
  const jobs = (await of.json(['job', 'list'])) as { items: { name: string }[] }
  if (jobs.items.length === 0) {
    await of.json([
      ...['job', 'add', '--name', 'Photos', '--type', 'custom_dir', '--config'],
      JSON.stringify({ source_path: folder }),
      ...['--cron', '0 3 1 1 *', '--retention', 'count:3', ...more],
    ])
  }
  const run = (await of.json(['job', 'run', 'Photos', '--wait'])) as { archive_name: string }
  return run.archive_name
}

async function archives(of: Instance): Promise<readonly WireArchiveLine[]> {
  return ((await of.json(['archive', 'list'])) as { items: WireArchiveLine[] }).items
}

/** Straight from the database of the sender: asking by the command line takes a second. */
async function transfer(id: number): Promise<TransferRow> {
  const db = new Database(join(jerry.dataDir, 'backupmanager.db'), { readonly: true })
  try {
    return db.prepare<[number], TransferRow>('SELECT * FROM transfers WHERE id = ?').get(id) as TransferRow
  } finally {
    db.close()
  }
}

async function archive(of: Instance, name: string): Promise<WireArchiveLine | undefined> {
  return (await archives(of)).find((one) => one.name === name)
}

async function send(name: string, ...more: string[]): Promise<WireTransfer> {
  return (await jerry.json(['archive', 'send', name, '--to', 'tom', ...more])) as WireTransfer
}

const hashOf = async (path: string) =>
  createHash('sha256')
    .update(await readFile(path))
    .digest('hex')

async function sameFile(name: string): Promise<void> {
  const [there, here] = await Promise.all(
    [tom, jerry].map((one) => hashOf(join(one.archivesDir, `${name}.tar`))),
  )
  expect(there).toBe(here)
}

describe('two instances', () => {
  test('know each other after an invitation, from both sides, and never by a used one', async () => {
    for (const [here, there] of [
      [jerry, 'tom'],
      [tom, 'jerry'],
    ] as const) {
      await here.cli(['peer', 'poll', there])
      expect(await here.json(['peer', 'show', there])).toMatchObject({ name: there, status: 'online' })
    }
    const invited = (await tom.json(['peer', 'invite', '--scopes', everything])) as { code: string }
    const again = () => jerry.cli(['peer', 'join', '-', '--scopes', everything], { stdin: invited.code })
    const first = await again()
    const second = await again()
    expect([first.code, second.code === 0, second.stderr]).toEqual([
      0,
      false,
      expect.stringContaining('invitation'),
    ])
    const self = (await jerry.json(['peer', 'invite'])) as { code: string }
    expect((await jerry.cli(['peer', 'join', '-'], { stdin: self.code })).stderr).toContain('itself')
  })

  test('send an archive, which appears whole with its sidecar, and fetch it back after it was lost', async () => {
    const name = await backUp(jerry, 3 * MiB)
    expect(await send(name, '--wait')).toMatchObject({ status: 'success' })
    await sameFile(name)
    expect(await archive(tom, name)).toMatchObject({ origin: 'received', state: 'ok' })
    expect(await readFile(join(tom.archivesDir, `${name}.info.json`), 'utf8')).toBe(
      await readFile(join(jerry.archivesDir, `${name}.info.json`), 'utf8'),
    )
    await jerry.json(['archive', 'delete', name])
    expect(await archive(jerry, name)).toBeUndefined()
    const fetched = (await jerry.json(['archive', 'fetch', name, '--from', 'tom', '--wait'])) as WireTransfer
    expect(fetched.status).toBe('success')
    await sameFile(name)
    expect(await archive(jerry, name)).toMatchObject({ state: 'ok', origin: 'local' })
  })

  test('send archives of apps, which are good there and can be restored there', async () => {
    await jerry.json([
      ...['job', 'add', '--name', 'Cloud', '--type', 'ynh_app', '--config', '{"app_id":"nextcloud"}'],
      ...['--cron', '0 3 1 1 *', '--retention', 'count:3'],
    ])
    const { archive_name: name } = (await jerry.json(['job', 'run', 'Cloud', '--wait'])) as {
      archive_name: string
    }
    expect(await send(name, '--wait')).toMatchObject({ status: 'success' })
    expect(await tom.json(['archive', 'verify', name])).toMatchObject({ state: 'ok' })
    expect(await jerry.json(['network', 'restore', 'tom', name, '--yes', '--wait'])).toMatchObject({
      status: 'success',
    })
  })

  test('keep copies of each good run by themselves', async () => {
    await jerry.json(['job', 'set-copies', 'Photos', 'tom'])
    const name = await backUp(jerry, 2000)
    await soon(async () => expect(await archive(tom, name)).toMatchObject({ origin: 'received' }))
    await jerry.json(['job', 'set-copies', 'Photos'])
    expect(await jerry.json(['archive', 'info', name])).toMatchObject({
      copies: [{ destination: 'tom', state: 'present' }],
    })
  })

  test('do not take an archive for good that was damaged on the disk of its sender', async () => {
    const name = await backUp(jerry, MiB)
    const path = join(jerry.archivesDir, `${name}.tar`)
    const bytes = await readFile(path)
    bytes[700_000] = (bytes[700_000] ?? 0) ^ 1
    await writeFile(path, bytes)
    const sent = await jerry.cli(['archive', 'send', name, '--to', 'tom', '--wait', '--json'])
    expect([sent.code === 0, JSON.parse(sent.stdout)]).toMatchObject([false, { status: 'error' }])
    expect(await archive(tom, name)).toBeUndefined()
    expect(await archive(jerry, name)).toMatchObject({ state: 'corrupted' })
  })

  test('start runs of each other, and restore on each other with the archive sent first', async () => {
    await backUp(tom, 1000)
    await jerry.cli(['peer', 'poll', 'tom'])
    const before = (await archives(tom)).length
    await jerry.json(['network', 'run', 'tom', 'Photos'])
    await soon(async () => expect(await archives(tom)).toHaveLength(before + 1))

    const name = await backUp(jerry, 5000)
    const target = join(tom.folder, 'rescued')
    const restored = await jerry.json([
      ...['network', 'restore', 'tom', name, '--target', target, '--yes', '--wait'],
    ])
    expect(restored).toMatchObject({ status: 'success' })
    expect(await hashOf(join(target, 'picture.raw'))).toBe(
      await hashOf(join(jerry.folder, 'photos', 'picture.raw')),
    )
  })
})

describe('a transfer goes on', () => {
  test.each(['jerry', 'tom'] as const)('after kill -9 of %s in its middle', async (victim) => {
    const name = await backUp(jerry, 160 * MiB)
    await jerry.json(['destination', 'set', 'tom', '--bandwidth', '60000'])
    const { transfer_id: id } = await send(name)
    await soon(async () => expect((await transfer(id)).bytes_done).toBeGreaterThan(0))
    await world.of[victim].down('SIGKILL')
    const parts = join(tom.dataDir, 'uploads')
    expect((await readdir(parts)).filter((file) => file.endsWith('.part'))).toHaveLength(1)
    expect((await readdir(tom.archivesDir)).filter((file) => file.startsWith(name))).toEqual([])
    await world.of[victim].up()
    await jerry.json(['destination', 'set', 'tom', '--bandwidth', 'none'])
    await jerry.cli(['transfer', 'resume', String(id)])
    await soon(async () => expect((await transfer(id)).status).toBe('success'))
    await sameFile(name)
    expect(await readdir(parts)).toEqual([])
    const { bytes_sent: sent, bytes_total: total } = await transfer(id)
    // At most what was under way on both connections is sent again.
    expect(sent).toBeLessThanOrEqual((total ?? 0) + 2 * 52_428_800)
  })

  test('after the peer was away', async () => {
    const name = await backUp(jerry, MiB)
    tom.front.refuse(true)
    // Also the connection that is kept from before.
    tom.front.cut()
    const { transfer_id: id } = await send(name)
    await soon(async () => expect((await transfer(id)).status).toBe('waiting'))
    tom.front.refuse(false)
    await jerry.cli(['transfer', 'resume', String(id)])
    await soon(async () => expect((await transfer(id)).status).toBe('success'))
    await sameFile(name)
  })

  test('once it was paused, and leaves nothing there once it was cancelled', async () => {
    const name = await backUp(jerry, 60 * MiB)
    await jerry.json(['destination', 'set', 'tom', '--bandwidth', '5000'])
    const { transfer_id: id } = await send(name)
    await soon(async () => expect((await transfer(id)).status).toBe('running'))
    await jerry.json(['transfer', 'pause', String(id)])
    await soon(async () => expect((await transfer(id)).status).toBe('paused'))
    await jerry.json(['transfer', 'resume', String(id)])
    await soon(async () => expect((await transfer(id)).status).toBe('running'))
    await jerry.json(['transfer', 'cancel', String(id)])
    await soon(async () => expect((await transfer(id)).status).toBe('cancelled'))
    await soon(async () => expect(await readdir(join(tom.dataDir, 'uploads'))).toEqual([]))
  })
})

test('a peer that was removed is out at once', async () => {
  await jerry.json(['destination', 'set', 'tom', '--bandwidth', 'none'])
  const name = await backUp(jerry, 1000)
  await tom.json(['peer', 'remove', 'jerry'])
  const sent = await jerry.cli(['archive', 'send', name, '--to', 'tom', '--wait', '--json'])
  expect(JSON.parse(sent.stdout)).toMatchObject({ status: 'error', error: 'peer_key_refused' })
  await jerry.cli(['peer', 'poll', 'tom'])
  expect(await jerry.json(['peer', 'show', 'tom'])).toMatchObject({ status: 'error' })
})
