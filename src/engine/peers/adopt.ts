// Writing down an instance that proved who it is: a new peer, or the one it was before with new keys.
import { createHash } from 'node:crypto'
import type { SshOffer } from '../../domain/api/pairing.ts'
import { ownerOfPeer, type PeerSsh } from '../../domain/peer.ts'
import type { Scope } from '../../domain/token.ts'
import { ensurePeerDestination } from '../../store/peer-destination.ts'
import { findUnknownPeerAt, isPeerNameTaken } from '../../store/peer-rows.ts'
import { changeOwner } from '../../store/owner.ts'
import { getPeer, getPeerByUid, insertPeer, updatePeer } from '../../store/peers.ts'
import type { Q } from '../../store/schema.ts'
import { insertToken, replaceTokensOfPeer, revokeTokensOfPeer, type TokenProof } from '../../store/tokens.ts'
import type { EngineDeps } from '../deps.ts'
import { peerKeyPlace } from './target.ts'

const NAME_MAX = 60
/** What no name may hold. */
const hidden = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu

export interface Introduction {
  readonly uid: string
  /** As it calls itself. */
  readonly name: string
  readonly url: string
  /** PEM. */
  readonly publicKey: string
  /** Our key there. */
  readonly key: string
  /** What our key allows there. */
  readonly scopes: readonly Scope[]
  /** Absent: what is stored stays. */
  readonly certPin?: string | null
  readonly ssh: SshOffer | null
  /** Its token here, which takes the place of all that it bore before, once it uses it. */
  readonly token: {
    readonly proof: TokenProof
    readonly scopes: readonly Scope[]
    readonly createdBy: string
  }
}

/**
 * In the caller's transaction. What an admin set for the peer (name, quotas, hold time) stays. A peer that was entered by hand and
 * proves only now who it is keeps what it left here, but no token: anybody may have borne those.
 */
export async function adoptPeer(
  deps: Pick<EngineDeps, 'vault'>,
  trx: Q,
  other: Introduction,
  now: number,
): Promise<{ readonly id: number; readonly name: string }> {
  const unknown = await findUnknownPeerAt(trx, other.url)
  const known =
    (await getPeerByUid(trx, other.uid)) ?? (unknown === null ? null : await getPeer(trx, unknown))
  const id =
    known?.id ??
    (await insertPeer(
      trx,
      {
        uid: other.uid,
        name: await freePeerName(trx, other.name),
        url: other.url,
        sealedKey: '',
        publicKey: null,
        certPin: null,
        scopes: null,
        quotaBytes: null,
        quotaCount: null,
        holdDays: 0,
        ssh: null,
      },
      now,
    ))
  const ssh = sshOf(other.ssh)
  await updatePeer(
    trx,
    id,
    {
      uid: other.uid,
      url: other.url,
      sealedKey: deps.vault.seal(other.key, peerKeyPlace(id)),
      publicKey: other.publicKey,
      scopes: other.scopes,
      ...(other.certPin !== undefined && { certPin: other.certPin }),
      ...(ssh && { ssh }),
    },
    now,
  )
  const name = known?.name ?? (await getPeer(trx, id))?.name ?? other.name
  await ensurePeerDestination(trx, id, name, now)
  const proven = known !== null && known.publicKey !== null
  if (known && !proven) {
    await revokeTokensOfPeer(trx, id, now)
    const { uid, publicKey } = other
    await changeOwner(trx, ownerOfPeer(known), ownerOfPeer({ id, uid, publicKey }))
  }
  const { proof, scopes, createdBy } = other.token
  const token = { name, scopes, ...proof, peerId: id, createdAt: now, createdBy, expiresAt: null }
  const made = await insertToken(trx, token)
  if (proven) await replaceTokensOfPeer(trx, id, made.id, now)
  return { id, name }
}

/** The name without what no name may hold, with a number when another peer has it. */
export async function freePeerName(q: Q, wanted: string): Promise<string> {
  const tidy = wanted.replace(hidden, '').trim()
  const base = tidy === '' ? 'peer' : tidy
  for (let n = 1; ; n += 1) {
    const suffix = n === 1 ? '' : ` ${n}`
    // Half of a character may be left at the cut.
    const name = base.slice(0, NAME_MAX - suffix.length).replace(hidden, '') + suffix
    if (!(await isPeerNameTaken(q, name))) return name
  }
}

/** SHA-256 of an invitation's secret as hex: all that is stored of it. */
export function secretHash(secret: string): string {
  return createHash('sha256').update(secret).digest('hex')
}

function sshOf(offer: SshOffer | null): PeerSsh | null {
  if (!offer) return null
  // It may come to us all the same.
  if (!offer.inbox) return { host: '', port: 22, user: '', hostKeys: [], theirKey: offer.public_key }
  const { host, port, user, host_keys: hostKeys } = offer.inbox
  return { host, port, user, hostKeys, theirKey: offer.public_key }
}
