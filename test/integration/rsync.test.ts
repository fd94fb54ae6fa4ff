// Archives by rsync over SSH between two whole instances, with a real sshd: what arrives, how little is sent, and what is refused.
import { createHash, randomBytes } from 'node:crypto'
import { mkdir, open, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { createWire, inboxEnv, startSshd, type TestSshd, type Wire } from '../support/sshd.ts'
import { createInstances, type Instance, type Instances } from '../support/whole-instances.ts'

interface WireTransfer {
  readonly transfer_id: number
  readonly status: string
  readonly chosen: string | null
  readonly error: string | null
  readonly bytes_sent: number
}

const MiB = 2 ** 20
const scopes = 'read,run,upload,download,delete,restore'
const soon = (look: () => Promise<void>): Promise<void> =>
  vi.waitFor(look, { timeout: 60_000, interval: 100 })
let sshd: TestSshd
let wire: Wire
let world: Instances<'jerry' | 'tom'>
let jerry: Instance
let tom: Instance
let picture: string

beforeAll(async () => {
  sshd = await startSshd()
  wire = await createWire(sshd.port)
  world = await createInstances(['jerry', 'tom'], {
    env: { tom: inboxEnv(sshd, wire.port) },
  })
  jerry = world.of.jerry
  tom = world.of.tom
  await tom.up()
  await world.pair('tom', 'jerry', { scopes, ssh: true })
  const folder = join(jerry.folder, 'photos')
  await mkdir(folder, { recursive: true })
  picture = join(folder, 'picture.raw')
  await writeFile(picture, randomBytes(64 * MiB))
  await jerry.json([
    ...['job', 'add', '--name', 'Photos', '--type', 'custom_dir', '--config'],
    JSON.stringify({ source_path: folder }),
    ...['--cron', '0 3 1 1 *', '--retention', 'count:9'],
  ])
}, 120_000)
afterAll(async () => {
  await world.dispose()
  await wire.close()
  await sshd.close()
})
vi.setConfig({ testTimeout: 120_000 })

async function backUp(): Promise<string> {
  const run = (await jerry.json(['job', 'run', 'Photos', '--wait'])) as { archive_name: string }
  return run.archive_name
}

/** Sends by rsync and waits, whatever comes of it. */
async function send(archive: string, ...more: string[]): Promise<WireTransfer> {
  const args = ['archive', 'send', archive, '--to', 'tom', '--mode', 'rsync', '--wait', ...more]
  return (await jerry.json(args, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10])) as WireTransfer
}

async function sha256(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex')
}

async function expectSame(archive: string): Promise<void> {
  const file = `${archive}.tar`
  expect(await sha256(join(tom.archivesDir, file))).toBe(await sha256(join(jerry.archivesDir, file)))
}

/** Other bytes in that share of the blocks of 4 KiB, all over the file. */
async function change(share: number): Promise<void> {
  const file = await open(picture, 'r+')
  const blocks = (64 * MiB) / 4096
  const step = Math.floor(1 / share)
  for (let block = 7; block < blocks; block += step)
    await file.write(randomBytes(4096), 0, 4096, block * 4096)
  await file.close()
}

/** Straight from the database of the sender: asking by the command line takes a second. */
function rowOf(id: number): { status: string; bytes_sent: number; error_code: string | null } {
  const db = new Database(join(jerry.dataDir, 'backupmanager.db'), { readonly: true })
  try {
    const rows = db.prepare<[number], ReturnType<typeof rowOf>>('SELECT * FROM transfers WHERE id = ?')
    const row = rows.get(id)
    if (!row) throw new Error(`no transfer ${id}`)
    return row
  } finally {
    db.close()
  }
}

async function inInbox(): Promise<readonly string[]> {
  const uids = (await readdir(sshd.inbox)).filter((name) => name !== '.ssh')
  return (await Promise.all(uids.map((uid) => readdir(join(sshd.inbox, uid))))).flat()
}

describe('an archive by rsync', () => {
  test('arrives whole with its sidecar, and the inbox is empty again', async () => {
    const archive = await backUp()
    expect(await send(archive)).toMatchObject({ status: 'success', chosen: 'rsync' })
    await expectSame(archive)
    expect(await readdir(tom.archivesDir)).toContain(`${archive}.info.json`)
    expect(await inInbox()).toEqual([])
  })

  test('costs little when most of it came yesterday', async () => {
    await change(0.01)
    const archive = await backUp()
    wire.passed()
    const sent = await send(archive)
    const passed = wire.passed()
    expect(sent).toMatchObject({ status: 'success', chosen: 'rsync' })
    await expectSame(archive)
    expect(passed).toBeLessThan(0.05 * 64 * MiB)
    expect(sent.bytes_sent).toBeLessThan(0.05 * 64 * MiB)
    process.stderr.write(`yesterday's archive as basis: ${passed} of ${64 * MiB} bytes\n`)
  })

  test('goes on where the connection was cut', async () => {
    await writeFile(picture, randomBytes(64 * MiB))
    const archive = await backUp()
    await jerry.up()
    try {
      wire.cutAfter(40 * MiB)
      const { transfer_id: id } = (await jerry.json([
        ...['archive', 'send', archive, '--to', 'tom', '--mode', 'rsync'],
      ])) as WireTransfer
      await soon(async () => expect(rowOf(id)).toMatchObject({ status: 'waiting', error_code: 'ssh_failed' }))
      wire.passed()
      await jerry.json(['transfer', 'resume', String(id)])
      await soon(async () => expect(rowOf(id).status).toBe('success'))
      expect(wire.passed()).toBeLessThan(30 * MiB)
      await expectSame(archive)
    } finally {
      await jerry.down()
    }
  })

  test('is tried by the connection test, which leaves nothing behind', async () => {
    const found = await jerry.json(['peer', 'test-ssh', 'tom'])
    expect(found).toMatchObject({ ok: true, error: null })
    expect((found as { there: { version: string } }).there.version).toMatch(/^3\.\d+\.\d+$/)
    expect(await inInbox()).toEqual([])
  })

  test('is not sent to a server with another host key', async () => {
    await change(0.2)
    const archive = await backUp()
    await sshd.changeHostKey()
    wire.passed()
    const { status, error } = await send(archive)
    expect({ status, error }).toEqual({ status: 'error', error: 'ssh_host_key_changed' })
    expect(wire.passed()).toBeLessThan(20_000)
    expect(await readdir(tom.archivesDir)).not.toContain(`${archive}.tar`)
    expect(await jerry.json(['peer', 'test-ssh', 'tom'], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])).toMatchObject({
      ok: false,
      error: { code: 'ssh_host_key_changed' },
    })
  })

  test('comes from nobody who was removed as a peer', async () => {
    const keys = join(sshd.inbox, '.ssh', 'authorized_keys')
    expect(await readFile(keys, 'utf8')).toMatch(/^restrict,command="[^"]* inbox [^"]*" ssh-ed25519 \S+\n$/)
    await tom.json(['peer', 'remove', 'jerry'])
    expect(await readFile(keys, 'utf8')).toBe('')
  })
})
