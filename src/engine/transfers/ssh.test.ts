// When archives go by rsync, and what the connection test says.
import { describe, expect, test } from 'vitest'
import type { PeerSsh } from '../../domain/peer.ts'
import { Problem } from '../../domain/problem.ts'
import { rsyncFromBytes } from '../../domain/transfer.ts'
import { updateDestination } from '../../store/destinations.ts'
import { transfersWorld, type World } from './transfers-world.ts'

const ssh: PeerSsh = {
  host: 'tom.example',
  port: 22,
  user: 'inbox',
  hostKeys: ['ssh-ed25519 AAAA'],
  theirKey: null,
}
const admin = 'alice'
const large = 'jerry_photos_20260508'
const small = 'jerry_mail_20260508'

async function prepared(peerSsh?: PeerSsh): Promise<{ world: World; to: number }> {
  const world = await transfersWorld()
  await world.addArchive(large, { sizeBytes: rsyncFromBytes })
  await world.addArchive(small, { sizeBytes: rsyncFromBytes - 1 })
  return { world, to: (await world.addPeer('tom', peerSsh)).id }
}

async function send(world: World, archive: string, destinationId: number, mode: 'auto' | 'http' | 'rsync') {
  world.transfers.open()
  const order = { archive, destinationId, mode, trigger: 'manual' } as const
  const { id } = await world.transfers.send(order, admin)
  await world.transfers.idle()
  return world.row(id)
}

describe('by rsync goes', () => {
  test('what is large, where the peer has an inbox', async () => {
    const { world, to } = await prepared(ssh)
    expect(await send(world, large, to, 'auto')).toMatchObject({ status: 'success', chosen: 'rsync' })
    expect(await send(world, small, to, 'auto')).toMatchObject({ status: 'success', chosen: 'http' })
    expect(world.sent).toEqual([`tom ${large} by rsync`, `tom ${small}`])
  })

  test('what is small too, when it was chosen, and nothing that was chosen otherwise', async () => {
    const { world, to } = await prepared(ssh)
    expect(await send(world, small, to, 'rsync')).toMatchObject({ chosen: 'rsync' })
    expect(await send(world, large, to, 'http')).toMatchObject({ chosen: 'http' })
  })

  test('nothing to a peer without an inbox, also when it may come to ours', async () => {
    const { world, to } = await prepared({
      ...ssh,
      host: '',
      user: '',
      hostKeys: [],
      theirKey: 'ssh-ed25519 AAAA',
    })
    expect(await send(world, large, to, 'auto')).toMatchObject({ status: 'success', chosen: 'http' })
    const order = { archive: small, destinationId: to, mode: 'rsync', trigger: 'manual' } as const
    await expect(world.transfers.send(order, admin)).rejects.toMatchObject({
      code: 'transfer_mode_unavailable',
    })
  })

  test('with the destination’s bandwidth limit and the inbox that was pinned', async () => {
    const { world, to } = await prepared(ssh)
    await updateDestination(world.deps.db, to, {
      enabled: true,
      mode: 'auto',
      bandwidthKib: 512,
      window: null,
    })
    const seen: unknown[] = []
    world.carriers.rsync = ({ bandwidthKib, inbox }) => {
      seen.push({ bandwidthKib, inbox })
      return Promise.resolve()
    }
    await send(world, large, to, 'auto')
    expect(seen).toEqual([{ bandwidthKib: 512, inbox: ssh }])
  })
})

describe('a peer that takes nothing by rsync', () => {
  const refuses = () => Promise.reject(new Problem('transfer_mode_unavailable', { mode: 'rsync' }))

  test('gets it in chunks instead', async () => {
    const { world, to } = await prepared(ssh)
    world.carriers.rsync = refuses
    expect(await send(world, large, to, 'auto')).toMatchObject({ status: 'success', chosen: 'http' })
    expect(world.sent).toEqual([`tom ${large}`])
  })

  test('gets nothing when rsync was chosen by hand', async () => {
    const { world, to } = await prepared(ssh)
    world.carriers.rsync = refuses
    const row = await send(world, large, to, 'rsync')
    expect(row).toMatchObject({ status: 'error', errorCode: 'transfer_mode_unavailable' })
    expect(world.sent).toEqual([])
  })
})

test('a host key that has changed is never a reason to send another way', async () => {
  const { world, to } = await prepared(ssh)
  world.carriers.rsync = () => Promise.reject(new Problem('ssh_host_key_changed', { host: 'tom.example' }))
  expect(await send(world, large, to, 'auto')).toMatchObject({
    status: 'error',
    errorCode: 'ssh_host_key_changed',
  })
  expect(world.sent).toEqual([])
})

describe('the connection test', () => {
  const signal = new AbortController().signal
  const answering = async (answer: (us: string) => string) => {
    const world: World = await transfersWorld({
      'ssh.probe': () => ({
        answer: answer(world.deps.identity.id),
        rsync: 'rsync  version 3.2.7  protocol',
      }),
    })
    const { peerId } = await world.addPeer('tom', ssh)
    return world.transfers.testSsh(peerId ?? 0, signal)
  }

  test('tells both versions and what they are worth', async () => {
    expect(await answering((us) => `backupmanager inbox ${us} ok rsync 3.1.3`)).toEqual({
      problem: null,
      here: { version: '3.2.7', standing: 'unsure' },
      there: { version: '3.1.3', standing: 'old' },
    })
  })

  test('fails when somebody else’s inbox, or none, answers', async () => {
    for (const answer of ['backupmanager inbox somebody ok rsync 3.5.0', 'Welcome to Debian', '']) {
      expect((await answering(() => answer)).problem).toMatchObject({ code: 'ssh_failed' })
    }
  })

  test('says what stood in the way', async () => {
    const world = await transfersWorld({
      'ssh.probe': () => Promise.reject(new Problem('ssh_failed', { detail: 'Connection refused' })),
    })
    const { peerId } = await world.addPeer('tom', ssh)
    expect((await world.transfers.testSsh(peerId ?? 0, signal)).problem?.facts).toEqual({
      detail: 'Connection refused',
    })
    const without = await world.addPeer('ann')
    expect((await world.transfers.testSsh(without.peerId ?? 0, signal)).problem).toMatchObject({
      code: 'transfer_mode_unavailable',
    })
    await expect(world.transfers.testSsh(99, signal)).rejects.toMatchObject({ code: 'peer_not_found' })
  })
})
