// Peers that an admin enters, changes and removes by hand.
import type { Peer } from '../../domain/peer.ts'
import { rotatedSchema } from '../../domain/api/tokens.ts'
import { knownScopes } from '../../domain/token.ts'
import { invalid, isProblem, Problem } from '../../domain/problem.ts'
import { ensurePeerDestination, renamePeerDestination } from '../../store/peer-destination.ts'
import { isPeerNameTaken } from '../../store/peer-rows.ts'
import {
  deletePeer,
  getPeer,
  getPeerByUid,
  insertPeer,
  listPeers,
  sealedPeerKey,
  updatePeer,
} from '../../store/peers.ts'
import type { Q } from '../../store/schema.ts'
import type { EngineDeps } from '../deps.ts'
import type { Actor } from '../engine.ts'
import type { PeerInput, Peers } from '../federation.ts'
import { askHealth, askWho, onField } from './acquaintance.ts'
import { readAnswer } from '../../sys/peer-answer.ts'
import { note } from './note.ts'
import { checkPeerInput, type CheckedPeer } from './peer-input.ts'
import type { PeersParts } from './peers.ts'
import { peerKeyPlace, peerTarget } from './target.ts'

const ROTATE_TOTAL_MS = 15_000

export function createKeeping(
  deps: EngineDeps,
  { tokens, changed, polled }: PeersParts,
): Pick<Peers, 'register' | 'update' | 'rotateKey' | 'remove'> {
  async function register(input: PeerInput, actor: Actor): Promise<Peer> {
    const checked = await checkPeerInput(deps, input, null)
    const { key } = checked
    if (key === undefined) throw invalid({ field: 'key', code: 'required' })
    const certPin = checked.columns.certPin ?? null
    const uid = await askWho(deps, { url: checked.url, key, certPin })
    if (uid === deps.identity.id) throw onField(new Problem('peer_is_self'))
    const now = deps.clock.now()
    const id = await deps.db.transaction().execute(async (trx) => {
      const same = await getPeerByUid(trx, uid)
      if (same) throw onField(new Problem('peer_exists', { peer: same.name }))
      await mustBeFree(trx, checked, 0)
      const made = await insertPeer(
        trx,
        {
          uid,
          name: checked.name,
          url: checked.url,
          sealedKey: '',
          publicKey: null,
          certPin,
          scopes: null,
          quotaBytes: checked.columns.quotaBytes ?? null,
          quotaCount: checked.columns.quotaCount ?? null,
          holdDays: checked.columns.holdDays ?? 0,
          ssh: null,
        },
        now,
      )
      await updatePeer(trx, made, { sealedKey: deps.vault.seal(key, peerKeyPlace(made)) }, now)
      await ensurePeerDestination(trx, made, checked.name, now)
      await note(deps, trx, actor, { action: 'peer.add', subject: checked.name, facts: { url: checked.url } })
      return made
    })
    changed()
    return polled(id)
  }

  async function update(id: number, input: PeerInput, actor: Actor): Promise<Peer> {
    const before = await mustGetPeer(deps.db, id)
    const checked = await checkPeerInput(deps, input, id)
    const certPin = checked.columns.certPin === undefined ? before.certPin : checked.columns.certPin
    // Somebody else may be there: our key would be theirs, whatever they say of themselves.
    if (before.hasKey && checked.key === undefined && originOf(checked.url) !== originOf(before.url)) {
      throw invalid({ field: 'key', code: 'key_required' })
    }
    const elsewhere = checked.url !== before.url || checked.key !== undefined || certPin !== before.certPin
    const key = checked.key ?? (elsewhere && before.hasKey ? (await peerTarget(deps, id, 'poll')).key : null)
    // Without a key nobody can be asked; it only comes to us.
    const uid =
      elsewhere && key !== null ? await askWho(deps, { url: checked.url, key, certPin }) : before.uid
    if (uid === deps.identity.id) throw onField(new Problem('peer_is_self'))
    if (before.uid !== null && uid !== before.uid) {
      throw onField(new Problem('peer_identity_changed', { found: uid ?? '', expected: before.uid }))
    }
    const now = deps.clock.now()
    await deps.db.transaction().execute(async (trx) => {
      await mustGetPeer(trx, id)
      const same = uid === null ? null : await getPeerByUid(trx, uid)
      if (same && same.id !== id) throw onField(new Problem('peer_exists', { peer: same.name }))
      await mustBeFree(trx, checked, id)
      const { name, url, columns } = checked
      const sealed =
        checked.key === undefined ? {} : { sealedKey: deps.vault.seal(checked.key, peerKeyPlace(id)) }
      await updatePeer(trx, id, { uid, name, url, ...sealed, ...columns }, now)
      if (name !== before.name) await renamePeerDestination(trx, id, name)
      await note(deps, trx, actor, {
        action: 'peer.update',
        subject: name,
        facts: name === before.name ? {} : { was: before.name },
      })
    })
    changed()
    return elsewhere && key !== null ? polled(id) : mustGetPeer(deps.db, id)
  }

  async function rotateKey(id: number, actor: Actor): Promise<Peer> {
    const peer = await mustGetPeer(deps.db, id)
    const target = await peerTarget(deps, id)
    const former = await sealedPeerKey(deps.db, id)
    const response = await deps.peerHttp.request(target, {
      method: 'POST',
      path: '/tokens/rotate',
      json: {},
      signal: new AbortController().signal,
      totalMs: ROTATE_TOTAL_MS,
    })
    const { token: key, scopes: told } = readAnswer(response, rotatedSchema)
    const scopes = knownScopes(told)
    // Stored before it is used for the first time: that use ends the former one.
    await deps.db.transaction().execute(async (trx) => {
      const now = deps.clock.now()
      await updatePeer(trx, id, { sealedKey: deps.vault.seal(key, peerKeyPlace(id)), scopes }, now)
      await note(deps, trx, actor, { action: 'peer.rotate_key', subject: peer.name })
    })
    try {
      await askHealth(deps, { ...target, key })
    } catch (error) {
      if (isProblem(error, 'peer_key_refused') && former !== null) {
        await updatePeer(deps.db, id, { sealedKey: former }, deps.clock.now())
      }
      throw error
    }
    changed()
    return mustGetPeer(deps.db, id)
  }

  async function remove(id: number, actor: Actor): Promise<void> {
    await deps.db.transaction().execute(async (trx) => {
      // From the list: a peer whose row is damaged can still be removed.
      const peer = (await listPeers(trx)).find((one) => one.id === id)
      if (!peer) throw new Problem('peer_not_found', { id })
      await deletePeer(trx, id)
      await note(deps, trx, actor, { action: 'peer.remove', subject: peer.name, facts: { url: peer.url } })
    })
    await tokens.checkSignals()
    changed()
  }

  return { register, update, rotateKey, remove }
}

/** Somebody may have taken the name while the peer was asked. */
async function mustBeFree(trx: Q, checked: CheckedPeer, except: number): Promise<void> {
  if (await isPeerNameTaken(trx, checked.name, except)) {
    throw invalid({ field: 'name', code: 'peer_name_taken' })
  }
}

function originOf(url: string): string {
  return new URL(url).origin
}

export async function mustGetPeer(q: Q, id: number): Promise<Peer> {
  const peer = await getPeer(q, id)
  if (!peer) throw new Problem('peer_not_found', { id })
  return peer
}
