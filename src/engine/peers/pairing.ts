// Two instances come to know each other: one shows a code, the other brings it. Each proves its key, each gives a token.
import { randomBytes } from 'node:crypto'
import {
  joinedSchema,
  joinedText,
  joinSchema,
  joinText,
  type Invite,
  type JoinAnswer,
  type JoinRequest,
  type SshOffer,
} from '../../domain/api/pairing.ts'
import type { Peer } from '../../domain/peer.ts'
import { invalid, Problem } from '../../domain/problem.ts'
import { knownScopes, type Scope } from '../../domain/token.ts'
import { consumeCode, deleteUnusedCode, findUsableCode, insertCode, sweepCodes } from '../../store/pairing.ts'
import { deferPoll } from '../../store/peer-rows.ts'
import type { EngineDeps } from '../deps.ts'
import type { Actor } from '../engine.ts'
import type { Invitation, Peers } from '../federation.ts'
import { mintSecret } from '../tokens/mint.ts'
import { scopeErrors, tidyScopes } from '../tokens/token-input.ts'
import { adoptPeer, secretHash } from './adopt.ts'
import { readAnswer } from '../../sys/peer-answer.ts'
import { isSignedBy, keyText, readKey, signText } from './identity.ts'
import { formatInvite, parseInvite } from './invite-code.ts'
import { note } from './note.ts'
import type { PeersParts } from './peers.ts'
import { readPeerUrl } from './peer-url.ts'

const INVITATION_MS = 15 * 60_000
/** Codes that nobody can use any more are remembered for so long. */
const KEEP_CODES_MS = 30 * 86_400_000
const JOIN_TOTAL_MS = 30_000
/** The other must have written down what it was answered before its new key is good for anything. */
const FIRST_POLL_AFTER_MS = 5000

interface PairingInput {
  readonly scopes: readonly Scope[]
  readonly ssh: boolean
}

export function createPairing(
  deps: EngineDeps,
  { tokens, changed, polled, sshOffer, ownPin }: PeersParts,
): Pick<Peers, 'invite' | 'cancelInvitation' | 'join' | 'acceptJoin'> {
  const offer = async (wanted: boolean): Promise<SshOffer | null> =>
    wanted && sshOffer ? await sshOffer() : null
  const pinOf = async (url: string): Promise<string | null> => (ownPin ? await ownPin(url) : null)
  const self = () => ({ id: deps.identity.id, name: deps.instance.name, url: ownUrl(deps) })

  async function invite(input: PairingInput, actor: Actor): Promise<Invitation> {
    const scopes = checkedScopes(input.scopes)
    const url = ownUrl(deps)
    const pin = await pinOf(url)
    const secret = randomBytes(32).toString('base64url')
    const now = deps.clock.now()
    const expiresAt = now + INVITATION_MS
    const id = await deps.db.transaction().execute(async (trx) => {
      await sweepCodes(trx, now - KEEP_CODES_MS)
      const made = await insertCode(trx, secretHash(secret), {
        scopes,
        ssh: input.ssh,
        createdAt: now,
        createdBy: actor,
        expiresAt,
      })
      await note(deps, trx, actor, {
        action: 'peer.invite',
        subject: String(made),
        facts: { scopes: scopes.join(', ') },
      })
      return made
    })
    const code: Invite = { v: 1, url, id: deps.identity.id, secret, ...(pin !== null && { pin }) }
    return { id, code: formatInvite(code), expiresAt }
  }

  async function cancelInvitation(id: number, actor: Actor): Promise<void> {
    await deps.db.transaction().execute(async (trx) => {
      if (await deleteUnusedCode(trx, id))
        await note(deps, trx, actor, { action: 'peer.uninvite', subject: String(id) })
    })
  }

  async function join(text: string, input: PairingInput, actor: Actor): Promise<Peer> {
    const scopes = checkedScopes(input.scopes)
    const code = parseInvite(text)
    if (code.id === deps.identity.id) throw new Problem('peer_is_self')
    const url = secureUrl(deps, code.url)
    // Nothing is stored before the other has proven itself: an attempt that fails leaves nothing behind.
    const instance = self()
    const pin = await pinOf(instance.url)
    const { secret: token, proof } = await mintSecret()
    const unsigned = joinSchema.omit({ signature: true }).parse({
      secret: code.secret,
      instance,
      public_key: keyText(deps.identity),
      token,
      scopes,
      nonce: randomBytes(24).toString('base64url'),
      ssh: await offer(input.ssh),
      ...(pin !== null && { pin }),
    })
    const certPin = code.pin ?? null
    const request: JoinRequest = {
      ...unsigned,
      signature: signText(deps.identity, joinText(unsigned, code.id)),
    }
    const response = await deps.peerHttp.request(
      { url, key: null, certPin },
      {
        method: 'POST',
        path: '/pairing/join',
        json: request,
        signal: new AbortController().signal,
        totalMs: JOIN_TOTAL_MS,
      },
    )
    const answer = readAnswer(response, joinedSchema)
    const publicKey = provenKey(answer, code.id, joinedText(answer, deps.identity.id, request.nonce))
    const peer = await deps.db.transaction().execute(async (trx) => {
      const adopted = await adoptPeer(
        deps,
        trx,
        {
          uid: code.id,
          name: answer.instance.name,
          url,
          publicKey,
          key: answer.token,
          scopes: knownScopes(answer.scopes),
          certPin,
          ssh: input.ssh ? answer.ssh : null,
          token: { proof, scopes, createdBy: actor },
        },
        deps.clock.now(),
      )
      await note(deps, trx, actor, { action: 'peer.join', subject: adopted.name, facts: { url } })
      return adopted
    })
    await tokens.checkSignals()
    changed()
    return polled(peer.id)
  }

  async function acceptJoin(request: JoinRequest, address: string): Promise<JoinAnswer> {
    const refuse = () => {
      deps.log.warn({ address }, 'a pairing was refused')
      return new Problem('pairing_refused')
    }
    // Found by the hash of 32 random bytes: how long that takes tells nothing about the secret.
    const code = await findUsableCode(deps.db, secretHash(request.secret), deps.clock.now())
    if (!code) throw refuse()
    if (request.instance.id === deps.identity.id) throw new Problem('peer_is_self')
    const theirs = readKey(request.public_key)
    const signed = joinText(request, deps.identity.id)
    if (theirs?.id !== request.instance.id || !isSignedBy(theirs.key, signed, request.signature)) {
      throw refuse()
    }
    const url = secureUrl(deps, request.instance.url)
    const { secret: token, proof } = await mintSecret()
    const unsigned = joinedSchema.omit({ signature: true }).parse({
      instance: self(),
      public_key: keyText(deps.identity),
      token,
      scopes: code.scopes,
      ssh: await offer(code.ssh),
    })
    const now = deps.clock.now()
    await deps.db.transaction().execute(async (trx) => {
      const adopted = await adoptPeer(
        deps,
        trx,
        {
          uid: theirs.id,
          name: request.instance.name,
          url,
          publicKey: theirs.pem,
          key: request.token,
          scopes: knownScopes(request.scopes),
          ...(request.pin !== undefined && { certPin: request.pin }),
          ssh: code.ssh ? request.ssh : null,
          token: { proof, scopes: code.scopes, createdBy: code.createdBy },
        },
        now,
      )
      // Somebody may have been faster: then nothing of this has happened.
      if (!(await consumeCode(trx, code.id, adopted.id, now))) throw refuse()
      await deferPoll(trx, adopted.id, now + FIRST_POLL_AFTER_MS)
      await note(deps, trx, `peer:${adopted.name}`, {
        action: 'peer.joined',
        subject: adopted.name,
        facts: { url },
      })
    })
    await tokens.checkSignals()
    changed()
    const text = joinedText(unsigned, request.instance.id, request.nonce)
    return { ...unsigned, signature: signText(deps.identity, text) }
  }

  return { invite, cancelInvitation, join, acceptJoin }
}

/** The key (PEM) of the one who showed the code, who alone can have signed the answer. */
function provenKey(answer: JoinAnswer, expected: string, text: string): string {
  const theirs = readKey(answer.public_key)
  if (theirs?.id !== expected || answer.instance.id !== expected) {
    throw new Problem('peer_identity_changed', { found: theirs?.id ?? answer.instance.id, expected })
  }
  if (!isSignedBy(theirs.key, text, answer.signature)) {
    throw new Problem('peer_answer_invalid', { detail: 'the signature does not fit' })
  }
  return theirs.pem
}

function checkedScopes(given: readonly Scope[]): readonly Scope[] {
  const errors = scopeErrors(given)
  if (errors.length > 0) throw invalid(...errors)
  return tidyScopes(given)
}

/** Where others reach us. `peer_insecure` when BM_PUBLIC_URL is none that they would call. */
function ownUrl(deps: EngineDeps): string {
  const { url } = deps.instance
  const read = readPeerUrl(url, deps.allowInsecurePeers)
  if (read.ok) return read.url
  throw new Problem('peer_insecure', { url }, { errors: [{ field: 'BM_PUBLIC_URL', code: read.code }] })
}

function secureUrl(deps: EngineDeps, text: string): string {
  const read = readPeerUrl(text, deps.allowInsecurePeers)
  if (!read.ok) throw new Problem('peer_insecure', { url: text })
  return read.url
}
