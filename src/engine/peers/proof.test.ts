// Whose archives are: what a peer says of itself gives it nothing; what it proves by pairing gives it all that is its own.
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { localInstance, type LocalInstance } from '../../../test/support/local-instances.ts'
import { ownerOfPeer } from '../../domain/peer.ts'
import { pairingScopes } from '../../domain/token.ts'
import { getPeer, listPeers } from '../../store/peers.ts'
import { getReceived, recordReceived } from '../../store/received.ts'
import { getUpload, insertUpload } from '../../store/uploads.ts'

const wanted = { scopes: pairingScopes, ssh: false }

async function keyAt(instance: LocalInstance): Promise<string> {
  return (await instance.engine.tokens.create({ name: 'key', scopes: ['read'] }, 'admin')).secret
}

/** The key of a token that an admin makes for the peer. */
async function tokenFor(instance: LocalInstance, peerId: number): Promise<string> {
  return (await instance.engine.tokens.create({ name: 'x', scopes: ['delete'], peerId }, 'admin')).secret
}

async function ownerBy(instance: LocalInstance, secret: string): Promise<string | null> {
  const verdict = await instance.engine.tokens.verify(secret, '::1')
  return verdict.ok ? verdict.caller.owner : null
}

async function join(joiner: LocalInstance, inviter: LocalInstance) {
  const { code } = await inviter.engine.peers.invite(wanted, 'admin')
  return joiner.engine.peers.join(code, wanted, 'admin')
}

/** An instance that says it is that other one. */
async function liar(other: LocalInstance): Promise<LocalInstance> {
  const mallory = await localInstance('mallory')
  mallory.onTheWay.answer = (_path, body) => body.replaceAll(mallory.id, other.id)
  return mallory
}

async function leave(instance: LocalInstance, owner: string): Promise<void> {
  await recordReceived(instance.db, {
    name: 'photos',
    owner,
    ownerName: 'tom',
    sizeBytes: 1,
    sha256: 'a'.repeat(64),
    receivedAt: 1,
    holdUntil: 0,
  })
}

const ownerOfPhotos = async ({ db }: LocalInstance) => (await getReceived(db, 'photos'))?.owner

test('what a removed peer left stays with its name on it, and is its own again when it pairs again', async () => {
  const [tom, jerry] = [await localInstance('tom'), await localInstance('jerry')]
  const first = await join(jerry, tom)
  expect(ownerOfPeer(first)).toBe(`peer:${tom.id}`)
  await leave(jerry, ownerOfPeer(first))
  await jerry.engine.peers.remove(first.id, 'admin')
  expect(await getReceived(jerry.db, 'photos')).toMatchObject({ owner: `peer:${tom.id}`, ownerName: 'tom' })
  const again = await join(tom, jerry)
  expect(again.publicKey).not.toBeNull()
  const [row] = await listPeers(jerry.db)
  expect(row?.id).not.toBe(first.id)
  expect(await ownerBy(jerry, await tokenFor(jerry, row?.id ?? 0))).toBe(await ownerOfPhotos(jerry))
})

test('a peer that says it is the removed one does not own what that one left', async () => {
  const [tom, jerry] = [await localInstance('tom'), await localInstance('jerry')]
  const known = await join(jerry, tom)
  await leave(jerry, ownerOfPeer(known))
  await jerry.engine.peers.remove(known.id, 'admin')
  const mallory = await liar(tom)
  const lying = await jerry.engine.peers.register(
    { name: 'mallory', url: mallory.url, key: await keyAt(mallory) },
    'admin',
  )
  expect(lying).toMatchObject({ uid: tom.id, publicKey: null, status: 'online' })
  expect(await ownerBy(jerry, await tokenFor(jerry, lying.id))).toBe(`peer:${lying.id}`)
  expect(await ownerOfPhotos(jerry)).toBe(`peer:${tom.id}`)
})

test('the number of a removed peer is given to no other', async () => {
  const [tom, jerry] = [await localInstance('tom'), await localInstance('jerry')]
  const ids: number[] = []
  for (let n = 0; n < 3; n += 1) {
    const input = { name: 'tom', url: tom.url, key: await keyAt(tom) }
    const { id } = await jerry.engine.peers.register(input, 'admin')
    await jerry.engine.peers.remove(id, 'admin')
    ids.push(id)
  }
  expect(new Set(ids).size).toBe(3)
})

/** Tom was entered by hand at jerry's, left an archive there and was leaving another one. */
async function entered() {
  const [tom, jerry] = [await localInstance('tom'), await localInstance('jerry')]
  const { id } = await jerry.engine.peers.register(
    { name: 'uncle', url: tom.url, key: await keyAt(tom) },
    'admin',
  )
  const owner = `peer:${id}`
  await leave(jerry, owner)
  await insertUpload(jerry.db, {
    id: 'u1',
    filename: 'music.tar',
    archiveName: 'music',
    totalSize: 1,
    chunkSize: 1,
    totalChunks: 1,
    checksum: null,
    owner,
    ownerName: 'uncle',
    peerId: id,
    startedAt: 1,
    activeAt: 1,
    folder: '/nowhere',
    carrier: 'http',
    info: {},
    backupInfo: null,
  })
  return { tom, jerry, id, owner, token: await tokenFor(jerry, id) }
}

test('a peer that was entered by hand and then pairs keeps what it left, and no token from before', async () => {
  const { tom, jerry, id, token } = await entered()
  expect(await ownerBy(jerry, token)).toBe(`peer:${id}`)
  await join(tom, jerry)
  expect(await listPeers(jerry.db)).toMatchObject([{ id, name: 'uncle', uid: tom.id }])
  expect(await ownerOfPhotos(jerry)).toBe(`peer:${tom.id}`)
  expect((await getUpload(jerry.db, 'u1'))?.owner).toBe(`peer:${tom.id}`)
  // Whoever bore it is not proven to be tom.
  expect(await ownerBy(jerry, token)).toBeNull()
  expect(await ownerBy(jerry, await tokenFor(jerry, id))).toBe(`peer:${tom.id}`)
})

test('all of it or nothing: when the pairing cannot be stored, nothing has another owner', async () => {
  const { tom, jerry, id, owner, token } = await entered()
  const { code } = await jerry.engine.peers.invite(wanted, 'admin')
  await sql`CREATE TEMP TRIGGER full BEFORE INSERT ON main.activity BEGIN SELECT RAISE(ABORT, 'full'); END`.execute(
    jerry.db,
  )
  await expect(tom.engine.peers.join(code, wanted, 'admin')).rejects.toMatchObject({ code: 'peer_problem' })
  expect([await ownerOfPhotos(jerry), await ownerBy(jerry, token)]).toEqual([owner, owner])
  expect(await getPeer(jerry.db, id)).toMatchObject({ publicKey: null })
})

test('a liar whose name was taken from it by the real one has no key here any more', async () => {
  const [tom, jerry] = [await localInstance('tom'), await localInstance('jerry')]
  const mallory = await liar(tom)
  const { id } = await jerry.engine.peers.register(
    { name: 'tom', url: mallory.url, key: await keyAt(mallory) },
    'admin',
  )
  const token = await tokenFor(jerry, id)
  await join(tom, jerry)
  expect(await listPeers(jerry.db)).toMatchObject([{ id, uid: tom.id, url: tom.url }])
  expect(await ownerBy(jerry, token)).toBeNull()
})
