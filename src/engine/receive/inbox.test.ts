// Uploads that come by rsync, as the engine sees them: real folders and root's real work, without the SSH in between.
import { randomUUID } from 'node:crypto'
import { access, mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { temporaryFolder } from '../../../test/support/temp.ts'
import { clearInbox } from '../../archive/inbox/clear.ts'
import { openUpload } from '../../archive/inbox/open.ts'
import { takeUpload } from '../../archive/inbox/take.ts'
import { isProblem } from '../../domain/problem.ts'
import type { Caller } from '../../domain/token.ts'
import { uploadIdleMs } from '../../domain/upload.ts'
import { recordReceived } from '../../store/received.ts'
import { archiveName, peerCaller, receiveWorld, type ReceiveWorld } from './receive-world.ts'

const uid = 'T'.repeat(43)
const ssh = {
  host: 'tom.example',
  port: 22,
  user: 'inbox',
  hostKeys: ['ssh-ed25519 AAAA'],
  theirKey: 'ssh-ed25519 AAAA',
}

interface InboxWorld extends ReceiveWorld {
  readonly peer: Caller
  readonly inbox: string
  /** What was asked of root about the inbox. */
  asked(verb: string): readonly unknown[]
  begin(): Promise<string>
  put(id: string, bytes: Uint8Array): Promise<void>
  left(): Promise<readonly string[]>
}

async function inboxWorld(): Promise<InboxWorld> {
  const inbox = await temporaryFolder()
  const io = () => ({
    signal: new AbortController().signal,
    places: { archivesDir: world.bench.deps.archivesDir, dataDir: world.bench.deps.dataDir, inboxDir: inbox },
    now: () => world.bench.deps.clock.now(),
    progress: () => undefined,
  })
  const world: ReceiveWorld = await receiveWorld({
    answers: {
      'inbox.open': async (args) => ({ basis: await openUpload(args, io()) }),
      'inbox.take': async (args) => ({ sha256: await takeUpload(args, io()) }),
      'inbox.clear': async (args) => ({ removed: await clearInbox(args, io()) }),
    },
  })
  const { deps } = world.bench
  await mkdir(deps.archivesDir, { recursive: true })
  Object.assign(deps, { inbox: { user: 'inbox', host: 'jerry.example', port: 22, hostKeys: '/etc/ssh' } })
  // What is sent here are archives of tom: nobody else who is known has that name.
  await deps.db.updateTable('remote_instances').set({ name: 'zoe' }).execute()
  const peer = { ...(await peerCaller(world.bench, 'ann', { uid, ssh })), owner: `peer:${uid}` }
  return Object.assign(world, {
    peer,
    inbox,
    asked: (verb: string) => world.bench.calls.filter((call) => call.verb === verb).map((call) => call.args),
    async begin() {
      const started = await world.start({ carrier: 'rsync' }, peer)
      if (started.kind === 'present') throw new Error('it is here already')
      expect(started.rsync).toEqual({ path: `${started.upload.id}/${archiveName}.tar`, ready: true })
      return started.upload.id
    },
    put: (id: string, bytes: Uint8Array) => writeFile(join(inbox, uid, id, `${archiveName}.tar`), bytes),
    left: async () => (await readdir(join(inbox, uid))).toSorted(),
  })
}

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'done',
    (error: unknown) => (isProblem(error) ? error.code : String(error)),
  )

describe('an upload by rsync', () => {
  test('is the same one when it is started again, and an archive when its file is right', async () => {
    const world = await inboxWorld()
    const id = await world.begin()
    expect(await world.begin()).toBe(id)
    await world.put(id, world.file)
    const received = { name: archiveName, sizeBytes: world.file.length, sha256: world.digest }
    expect(await world.uploads.finish(world.peer, id, world.digest)).toEqual(received)
    expect(await world.uploads.finish(world.peer, id, world.digest)).toEqual(received)
    await access(join(world.bench.deps.archivesDir, `${archiveName}.tar`))
    expect(await world.left()).toEqual([])
  })

  test('is incomplete, and not lost, while the file is not whole', async () => {
    const world = await inboxWorld()
    const id = await world.begin()
    expect(await codeOf(world.uploads.finish(world.peer, id, null))).toBe('upload_incomplete')
    await world.put(id, world.file.subarray(10))
    expect(await codeOf(world.uploads.finish(world.peer, id, null))).toBe('upload_incomplete')
    await world.restart()
    await world.put(id, world.file)
    expect(await world.uploads.finish(world.peer, id, null)).toMatchObject({ sha256: world.digest })
  })

  test('is void when the file hashes to something else', async () => {
    const world = await inboxWorld()
    const id = await world.begin()
    const other = Buffer.from(world.file)
    other[5] = (other[5] ?? 0) ^ 1
    await world.put(id, other)
    expect(await codeOf(world.uploads.finish(world.peer, id, world.digest))).toBe('upload_checksum_mismatch')
    expect(await codeOf(world.uploads.finish(world.peer, id, world.digest))).toBe('upload_checksum_mismatch')
    expect(await readdir(world.bench.deps.archivesDir)).toEqual([])
    expect(await readdir(join(world.bench.deps.dataDir, 'uploads'))).toEqual([])
    expect(await world.left()).toEqual([])
    expect(await world.begin()).not.toBe(id)
  })

  test('is finished when the server stopped after the file was taken', async () => {
    const world = await inboxWorld()
    const id = await world.begin()
    await world.put(id, world.file)
    const part = join(world.bench.deps.dataDir, 'uploads', `${id}.part`)
    const { length: sizeBytes } = world.file
    await world.bench.deps.helper.call('inbox.take', {
      uid,
      uploadId: id,
      filename: `${archiveName}.tar`,
      sizeBytes,
      part,
    })
    await world.restart()
    expect(await world.uploads.finish(world.peer, id, world.digest)).toMatchObject({ sha256: world.digest })
  })

  test('takes no chunks, and what comes in chunks is another upload', async () => {
    const world = await inboxWorld()
    const id = await world.begin()
    expect(await codeOf(world.send(id, 0, { caller: world.peer }))).toBe('upload_not_found')
    const inChunks = await world.start({}, world.peer)
    expect(inChunks).toMatchObject({ kind: 'new', upload: { carrier: 'http' } })
    expect(await codeOf(world.uploads.status(world.peer, id))).toBe('upload_not_found')
    expect(await world.left()).toEqual([])
  })

  test('leaves nothing when it is given up or nobody went on with it', async () => {
    const world = await inboxWorld()
    await world.uploads.remove(world.peer, await world.begin())
    expect(await world.left()).toEqual([])
    const id = await world.begin()
    await mkdir(join(world.inbox, uid, randomUUID()))
    await world.uploads.sweep(new AbortController().signal)
    expect(await world.left()).toEqual([id, `${id}.json`])
    world.bench.setNow(world.bench.deps.clock.now() + uploadIdleMs + 1)
    await world.uploads.sweep(new AbortController().signal)
    expect(await world.left()).toEqual([])
  })

  test('gets the newest archive of the same application from the same sender as its basis', async () => {
    const world = await inboxWorld()
    const of = { app: 'photos', instanceName: 'tom', type: 'custom_dir' }
    const names = ['tom_photos_20260501', 'tom_photos_20260507', 'tom_mail_20260508', 'ann_photos_20260508']
    for (const [n, name] of names.entries()) {
      const app = name.includes('mail') ? 'mail' : of.app
      await world.bench.addArchive(name, { ...of, app, createdAt: n, origin: 'received' })
      const owner = name.startsWith('ann') ? 'peer:somebody' : world.peer.owner
      const row = { name, owner, ownerName: 'ann', sizeBytes: 1000, sha256: 'a'.repeat(64) }
      await recordReceived(world.bench.deps.db, { ...row, receivedAt: n, holdUntil: 0 })
    }
    const backupInfo = {
      ...{
        app: 'photos',
        type: 'custom_dir',
        instance_name: 'tom',
        instance: { id: 'x', name: 'tom', url: '' },
      },
    }
    await world.start({ carrier: 'rsync', backup_info: backupInfo }, world.peer)
    expect(world.asked('inbox.open')).toEqual([expect.objectContaining({ basis: 'tom_photos_20260507' })])
  })
})

describe('in chunks goes', () => {
  test('what is asked of a server without an inbox, or by somebody without a key', async () => {
    const world = await inboxWorld()
    expect(await world.start({ carrier: 'rsync' })).not.toHaveProperty('rsync')
    Object.assign(world.bench.deps, { inbox: null })
    const name = { filename: 'tom_other_20260508.tar' }
    expect(await world.start({ ...name, carrier: 'rsync' }, world.peer)).not.toHaveProperty('rsync')
    expect(world.asked('inbox.open')).toEqual([])
  })
})
