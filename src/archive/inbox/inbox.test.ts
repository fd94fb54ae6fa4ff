// The inbox with a real sshd, rsync and account: what a peer can do there with its key, and what it cannot.
import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import {
  chown,
  link,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  unlink,
  writeFile,
} from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { startSshd, type TestSshd } from '../../../test/support/sshd.ts'
import { temporaryFolder } from '../../../test/support/temp.ts'
import { isProblem } from '../../domain/problem.ts'
import { run } from '../../sys/process.ts'
import { knownHosts, sshConfig, type SshServer } from '../../sys/ssh-config.ts'
import { loadSshKey } from '../../sys/ssh-key.ts'
import { probeInbox, sendByRsync } from '../rsync-send.ts'
import { clearInbox } from './clear.ts'
import { configureInbox } from './configure.ts'
import { openUpload } from './open.ts'
import { takeUpload } from './take.ts'

const MiB = 2 ** 20
const uid = '-Tom_uid'
const uploadId = '0f6a4c0e-6f0b-4b3a-9a52-3c4c7d1f2a10'
const name = 'jerry_photos_20260508'
const filename = `${name}.tar`
vi.setConfig({ testTimeout: 60_000 })

let sshd: TestSshd
let server: SshServer
beforeAll(async () => {
  sshd = await startSshd()
  const key = await readFile(join(sshd.hostKeys, 'ssh_host_ed25519_key.pub'), 'utf8')
  server = {
    host: '127.0.0.1',
    port: sshd.port,
    user: sshd.user,
    hostKeys: [key.split(' ').slice(0, 2).join(' ')],
  }
}, 30_000)
afterAll(() => sshd.close())

/** Both sides in one folder: our archives and key, and the inbox that lets us in. */
async function inboxWorld(options: { readonly sizeBytes?: number; readonly dataDir?: string } = {}) {
  const folder = await temporaryFolder()
  const places = {
    archivesDir: join(folder, 'archives'),
    dataDir: options.dataDir ?? join(folder, 'data'),
    inboxDir: sshd.inbox,
  }
  await mkdir(places.archivesDir)
  await mkdir(join(places.dataDir, 'uploads'), { recursive: true })
  const { publicKey, path: keyFile } = await loadSshKey(places.dataDir)
  await configureInbox([{ uid, key: publicKey }], places)
  const progressed: number[] = []
  const io = {
    run,
    signal: new AbortController().signal,
    places,
    now: () => Date.now(),
    progress: (done: number) => void progressed.push(done),
  }
  onTestFinished(async () => void (await clearInbox({ keep: [] }, io)))
  const file = randomBytes(options.sizeBytes ?? MiB)
  await writeFile(join(places.archivesDir, filename), file)
  const upload = { uid, uploadId, filename, sizeBytes: file.length }
  const part = join(places.dataDir, 'uploads', `${uploadId}.part`)
  const inFolder = join(sshd.inbox, uid, uploadId)
  const known = join(folder, 'known_hosts')
  const config = join(folder, 'ssh_config')
  await writeFile(known, knownHosts(server))
  await writeFile(config, sshConfig(server, { knownHosts: known, identity: keyFile }))
  return {
    places,
    io,
    file,
    upload,
    part,
    inFolder,
    progressed,
    config,
    open: (basis: string | null = null) => openUpload({ ...upload, basis, toCome: 0 }, io),
    send: () =>
      sendByRsync({ name, expected: file.length, server, uploadId, filename, bandwidthKib: null }, io),
    take: () => takeUpload({ ...upload, part }, io),
    /** A client that is not ours, with our key. */
    client: (program: string, ...args: string[]) => client(program, args),
    ssh: (...args: string[]) => client('ssh', ['-F', config, ...args]),
    rsync: (...args: string[]) => client('rsync', ['-e', `ssh -F ${config}`, ...args]),
  }
}

function client(
  program: string,
  args: readonly string[],
): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    const child = execFile(program, args, { timeout: 30_000 }, (error, out, err) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), out, err }),
    )
    child.stdin?.end()
  })
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const codeOf = (error: unknown): string => (isProblem(error) ? error.code : String(error))

describe('the inbox', () => {
  test('receives a file, which root then takes out and hashes, once and again', async () => {
    const world = await inboxWorld()
    await world.open()
    const stats = await world.send()
    expect(stats.bytesSent).toBeGreaterThan(MiB)
    expect(world.progressed.at(-1)).toBe(MiB)
    expect(await world.take()).toBe(sha256(world.file))
    expect(await world.take()).toBe(sha256(world.file))
    expect(sha256(await readFile(world.part))).toBe(sha256(world.file))
    expect((await stat(world.part)).mode & 0o777).toBe(0o600)
    expect(await readdir(join(sshd.inbox, uid))).toEqual([])
  })

  test('hands what has come to the server’s user, from another file system too', async () => {
    for (const dataDir of [undefined, await mkdtemp('/dev/shm/bm-test-')]) {
      const world = await inboxWorld(dataDir === undefined ? {} : { dataDir })
      if (dataDir !== undefined) onTestFinished(() => rm(dataDir, { recursive: true }))
      // The folder that rsync wrote into is not on the file system of the uploads then.
      const [inbox, uploads] = await Promise.all([stat(sshd.inbox), stat(dirname(world.part))])
      expect(inbox.dev === uploads.dev).toBe(dataDir === undefined)
      if (process.getuid?.() === 0) await chown(world.places.dataDir, 65_534, 65_534)
      await world.open()
      await world.send()
      expect(await world.take()).toBe(sha256(world.file))
      expect(sha256(await readFile(world.part))).toBe(sha256(world.file))
      expect((await stat(world.part)).uid).toBe((await stat(world.places.dataDir)).uid)
      expect(await readdir(join(sshd.inbox, uid))).toEqual([])
    }
  })

  test('says who it is for and which rsync it has', async () => {
    const world = await inboxWorld()
    const found = await probeInbox(server, world.io)
    expect(found.answer).toMatch(new RegExp(`^backupmanager inbox ${uid} ok rsync \\d+\\.\\d+`))
    expect(found.rsync).toMatch(/^rsync {2}version \d/)
  })

  test('gives an earlier archive as basis: what is in it is not sent again', async () => {
    const world = await inboxWorld({ sizeBytes: 16 * MiB })
    const before = Buffer.from(world.file)
    for (let at = 0; at < before.length; at += 100 * 4096) randomBytes(4096).copy(before, at)
    await writeFile(join(world.places.archivesDir, 'jerry_photos_20260507.tar'), before)
    expect(await world.open('jerry_photos_20260507')).toBe(true)
    const { bytesSent } = await world.send()
    expect(bytesSent).toBeLessThan(0.05 * 16 * MiB)
    expect(await world.take()).toBe(sha256(world.file))
  })

  test('gives it also to what was cut in the middle', async () => {
    const world = await inboxWorld({ sizeBytes: 16 * MiB })
    const before = Buffer.from(world.file)
    for (let at = 0; at < before.length; at += 100 * 4096) randomBytes(4096).copy(before, at)
    await writeFile(join(world.places.archivesDir, 'jerry_photos_20260507.tar'), before)
    await world.open('jerry_photos_20260507')
    await mkdir(join(world.inFolder, '.rsync-partial'), { mode: 0o777 })
    const partial = join(world.inFolder, '.rsync-partial', filename)
    await writeFile(partial, world.file.subarray(0, 4 * MiB), { mode: 0o666 })
    await world.open('jerry_photos_20260507')
    const once = (await stat(partial)).size
    await world.open('jerry_photos_20260507')
    expect((await stat(partial)).size).toBe(once)
    await client('chown', ['-R', sshd.user, join(world.inFolder, '.rsync-partial')])
    const { bytesSent } = await world.send()
    expect(bytesSent).toBeLessThan(0.05 * 16 * MiB)
    expect(await world.take()).toBe(sha256(world.file))
  })

  test('follows no link that stands where the basis or what has come should be', async () => {
    const world = await inboxWorld()
    await writeFile(join(world.places.archivesDir, 'jerry_photos_20260507.tar'), world.file)
    await world.open()
    const trap = join(world.places.dataDir, 'trap')
    await mkdir(trap)
    await writeFile(join(trap, filename), 'mine')
    await symlink(trap, join(world.inFolder, '.rsync-partial'))
    await symlink(join(trap, filename), join(world.inFolder, 'jerry_photos_20260507.tar'))
    await world.open('jerry_photos_20260507')
    expect(await readFile(join(trap, filename), 'utf8')).toBe('mine')
  })
})

describe('root takes out only', () => {
  test('what has come whole', async () => {
    const world = await inboxWorld()
    await world.open()
    expect(codeOf(await world.take().catch((error: unknown) => error))).toBe('upload_incomplete')
    await writeFile(join(world.inFolder, filename), world.file.subarray(1))
    expect(codeOf(await world.take().catch((error: unknown) => error))).toBe('upload_incomplete')
    // It can still come.
    await world.send()
    expect(await world.take()).toBe(sha256(world.file))
  })

  test.each(['a symbolic link', 'a second name', 'a folder', 'a fifo'])(
    'no file that is %s',
    async (what) => {
      const world = await inboxWorld()
      await world.open()
      const secret = join(world.places.dataDir, 'secret')
      await writeFile(secret, world.file)
      const at = join(world.inFolder, filename)
      if (what === 'a symbolic link') await symlink(secret, at)
      else if (what === 'a second name') await link(secret, at)
      else if (what === 'a folder') await mkdir(at)
      else await run('mkfifo', [at])
      expect(codeOf(await world.take().catch((error: unknown) => error))).toBe('helper_refused')
      expect(sha256(await readFile(secret))).toBe(sha256(world.file))
      expect(await readdir(join(world.places.dataDir, 'uploads'))).toEqual([])
    },
  )

  test('into a folder for uploads', async () => {
    const world = await inboxWorld()
    await world.open()
    await world.send()
    const elsewhere = takeUpload({ ...world.upload, part: join(world.places.dataDir, 'else.part') }, world.io)
    expect(codeOf(await elsewhere.catch((error: unknown) => error))).toBe('helper_refused')
  })
})

describe('a key of a peer opens', () => {
  const commands = [
    [],
    ['sh'],
    ['id'],
    ['probe; id'],
    ['probe\nid'],
    [`rsync --server --sender -yte.LsfxCIvu . ${uploadId}/${filename}`],
    [`rsync --server -yte.LsfxCIvu . ${uploadId}/${filename}; id`],
    [`rsync --server -yte.LsfxCIvu . ${uploadId}/../../../etc/cron.d/${filename}`],
    [`rsync --server -yte.LsfxCIvu . /etc/cron.d/${filename}`],
    [`rsync --server -yte.LsfxCIvu . ../${uploadId}/${filename}`],
    [`rsync --server -logDtpre.LsfxCIvu . ${uploadId}/${filename}`],
    [`rsync --server -yte.LsfxCIvu --log-file=/tmp/x . ${uploadId}/${filename}`],
    [`rsync --server -yte.LsfxCIvu --partial-dir /tmp . ${uploadId}/${filename}`],
    [`rsync --server -yte.LsfxCIvu --inplace . ${uploadId}/${filename}`],
    [`rsync --server --daemon .`],
    [`rsync --server -yte.LsfxCIvu . ${uploadId}/other.tar`],
    [`rsync --server -yte.LsfxCIvu . 1f6a4c0e-6f0b-4b3a-9a52-3c4c7d1f2a10/${filename}`],
    [`rsync --server -yte.LsfxCIvu . ${uploadId}/$(id)`],
    [`rsync --server -yte.LsfxCIvu . ${uploadId}/${filename} x`],
    ['scp -t /tmp'],
    ['internal-sftp'],
  ]
  test('nothing but the one transfer', async () => {
    const world = await inboxWorld()
    await world.open()
    for (const command of commands) {
      const { code, out, err } = await world.ssh('backupmanager-peer', ...command)
      expect({ command, refused: err.startsWith('backupmanager inbox: refused: '), code, out }).toEqual({
        command,
        refused: true,
        code: 1,
        out: '',
      })
    }
    expect(await readdir(world.inFolder)).toEqual([])
  })

  test('no subsystem, no port and no terminal', async () => {
    const world = await inboxWorld()
    expect((await world.ssh('-s', 'backupmanager-peer', 'sftp')).code).not.toBe(0)
    const forwarded = await world.ssh('-W', `127.0.0.1:${sshd.port}`, 'backupmanager-peer')
    expect(forwarded.out).toBe('')
    expect(forwarded.code).not.toBe(0)
    const terminal = await world.ssh('-tt', '-o', 'RequestTTY=force', 'backupmanager-peer', 'probe')
    expect(terminal.err).toContain('PTY allocation request failed')
    expect(terminal.out).toBe('')
  })

  test('no way to read what is in the folder', async () => {
    const world = await inboxWorld()
    await world.open()
    await world.send()
    const target = join(world.places.dataDir, 'stolen')
    const { code } = await world.rsync(`backupmanager-peer:${uploadId}/${filename}`, target)
    expect(code).not.toBe(0)
    await expect(stat(target)).rejects.toThrow('ENOENT')
  })

  test('no place for several files', async () => {
    const world = await inboxWorld()
    await world.open()
    const others = ['one', 'two'].map((one) => join(world.places.dataDir, one))
    for (const one of others) await writeFile(one, randomBytes(1000))
    const dishonest = await world.rsync(...others, `backupmanager-peer:${uploadId}/${filename}`)
    expect(dishonest.code).not.toBe(0)
    expect(dishonest.err).toContain('refused: not one file')
    expect(codeOf(await world.take().catch((error: unknown) => error))).toBe('helper_refused')
  })

  test('no place for a file larger than the one that was announced', async () => {
    const world = await inboxWorld({ sizeBytes: 100_000 })
    await world.open()
    const large = join(world.places.dataDir, 'large')
    await writeFile(large, randomBytes(4 * MiB))
    const { code } = await world.rsync(large, `backupmanager-peer:${uploadId}/${filename}`)
    expect(code).not.toBe(0)
    expect(codeOf(await world.take().catch((error: unknown) => error))).toBe('upload_incomplete')
  })

  test('no folder that is a link to another', async () => {
    const world = await inboxWorld()
    await world.open()
    await run('rm', ['-r', world.inFolder])
    await symlink('/tmp', world.inFolder)
    const { code } = await world.rsync(
      join(world.places.archivesDir, filename),
      `backupmanager-peer:${uploadId}/${filename}`,
    )
    await unlink(world.inFolder)
    expect(code).not.toBe(0)
    await expect(stat(join('/tmp', filename))).rejects.toThrow('ENOENT')
  })

  test('nothing any more once it is taken off the list', async () => {
    const world = await inboxWorld()
    await configureInbox([], world.places)
    const { code, err } = await world.ssh('backupmanager-peer', 'probe')
    expect(code).toBe(255)
    expect(err).toContain('Permission denied')
  })
})

test('another host key than the pinned one ends it before anything is sent', async () => {
  const world = await inboxWorld()
  await world.open()
  const other = await loadSshKey(join(world.places.dataDir, 'other'))
  const pinned = { ...server, hostKeys: [other.publicKey] }
  const sending = sendByRsync(
    { name, expected: world.file.length, server: pinned, uploadId, filename, bandwidthKib: null },
    world.io,
  )
  expect(codeOf(await sending.catch((error: unknown) => error))).toBe('ssh_host_key_changed')
  expect(await readdir(world.inFolder)).toEqual([])
})

test('a bandwidth limit is kept to, and a transfer that is cancelled ends', async () => {
  const world = await inboxWorld({ sizeBytes: 8 * MiB })
  await world.open()
  const stop = new AbortController()
  const signal = stop.signal
  const marked: typeof run = (file, args, options) => run(file, args, { ...options, signal })
  const io = { ...world.io, run: marked, progress: () => stop.abort() }
  const order = { name, expected: world.file.length, server, uploadId, filename, bandwidthKib: 100 }
  expect(codeOf(await sendByRsync(order, io).catch((error: unknown) => error))).toBe('cancelled')
  await vi.waitFor(async () => expect(await readdir(world.inFolder)).toEqual(['.rsync-partial']), {
    timeout: 10_000,
  })
  const [kept] = await readdir(join(world.inFolder, '.rsync-partial'))
  const { size } = await stat(join(world.inFolder, '.rsync-partial', kept ?? ''))
  expect(size).toBeLessThan(4 * MiB)
})
