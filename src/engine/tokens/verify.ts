// Who bears a key: found by a part of its SHA-256, proven by bcrypt, remembered for a while, guessed never.
import bcrypt from 'bcrypt'
import { ownerOfPeer } from '../../domain/peer.ts'
import { tokenPattern, type Caller } from '../../domain/token.ts'
import {
  endFormerSecret,
  findToken,
  TOUCH_EVERY_MS,
  touchToken,
  type FoundToken,
} from '../../store/tokens.ts'
import type { EngineDeps } from '../deps.ts'
import type { TokenVerdict } from '../federation.ts'
import { createFailureLimit } from './failure-limit.ts'
import { createGate } from './gate.ts'
import { digestOf, lookupOf } from './mint.ts'
import { createRemembered } from './remembered.ts'

/** The hash of a secret that nobody has: comparing with it takes as long as with any other. */
const nobody = '$2b$10$wiRQLIBSjsw0nZJPthZSJea4jmzjWroihZTeAGE..9DVFo.byPfYy'
/** The thread pool has four threads, which files need too. */
const AT_ONCE = 2
const MOST_WAITING = 64

type Verify = (secret: string, address: string) => Promise<TokenVerdict>

/** See `Tokens.verify`. `compare`: bcrypt's, for tests that count. */
export function createVerify(
  deps: Pick<EngineDeps, 'db' | 'clock' | 'log'>,
  compare: (secret: string, hash: string) => Promise<boolean> = (secret, hash) =>
    bcrypt.compare(secret, hash),
): Verify {
  const limit = createFailureLimit()
  const remembered = createRemembered()
  const gate = createGate(AT_ONCE, MOST_WAITING)
  /** Proofs under way: requests that come together with one key are proven once. */
  const proving = new Map<string, Promise<FoundToken | 'unknown' | 'busy'>>()

  const find = (digest: string) => findToken(deps.db, lookupOf(digest), deps.clock.now())

  async function prove(secret: string, digest: string): Promise<FoundToken | 'unknown' | 'busy'> {
    const found = await find(digest)
    const proof = await gate.pass(() => compare(secret, found?.hash ?? nobody))
    if (proof === null) return 'busy'
    if (!proof.value || !found) return 'unknown'
    // It may have been revoked while it was proven.
    const now = await find(digest)
    if (now?.hash !== found.hash || !now.valid) return 'unknown'
    remembered.set(digest, found.hash, deps.clock.now())
    return now
  }

  async function accept(found: FoundToken): Promise<TokenVerdict> {
    const now = deps.clock.now()
    const { token } = found
    try {
      if (found.ends) await endFormerSecret(deps.db, token.id, now, found.ends)
      if (token.lastUsedAt === null || token.lastUsedAt <= now - TOUCH_EVERY_MS) {
        await touchToken(deps.db, token.id, now)
      }
    } catch (error) {
      // A full disk, say. That it was used is not worth refusing its bearer.
      deps.log.warn({ err: error, token: token.id }, 'the use of a token could not be recorded')
    }
    return { ok: true, caller: callerOf(found) }
  }

  function fail(address: string): TokenVerdict {
    limit.failed(address, deps.clock.now())
    return { ok: false, retryAfterS: null }
  }

  return async (secret, address) => {
    if (!tokenPattern.test(secret)) {
      const wait = limit.blockedFor(address, deps.clock.now())
      return wait > 0 ? { ok: false, retryAfterS: wait } : fail(address)
    }
    const digest = digestOf(secret)
    const hash = remembered.get(digest, deps.clock.now())
    if (hash !== null) {
      const found = await find(digest)
      if (found?.valid && found.hash === hash) return accept(found)
      remembered.forget(digest)
      return fail(address)
    }
    let proof = proving.get(digest)
    const first = proof === undefined
    if (proof === undefined) {
      const wait = limit.takeProof(address, deps.clock.now())
      if (wait > 0) return { ok: false, retryAfterS: wait }
      proof = prove(secret, digest).finally(() => proving.delete(digest))
      proving.set(digest, proof)
    }
    const result = await proof
    if (result === 'unknown') return fail(address)
    if (first) limit.giveBack(address)
    return result === 'busy' ? { ok: false, retryAfterS: 1 } : accept(result)
  }
}

function callerOf({ token, peer }: FoundToken): Caller {
  return {
    tokenId: token.id,
    actor: peer ? `peer:${peer.name}` : `token:${token.name}`,
    owner: peer ? ownerOfPeer(peer) : `token:${token.id}`,
    name: peer?.name ?? token.name,
    peerId: peer?.id ?? null,
    scopes: token.scopes,
  }
}
