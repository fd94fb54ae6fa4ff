// The table `api_tokens`. A token's row keeps its id for ever; while its secret is exchanged, a second row that points to it
// (`replaced_by`) holds the former secret for a while. After a peer paired again its earlier tokens are such rows too.
import type { Selectable } from 'kysely'
import { z } from 'zod'
import { knownScopes, type ApiToken, type Scope } from '../domain/token.ts'
import type { Peer } from '../domain/peer.ts'
import { readListed, readOne, type Listed, type ReadJson } from './json.ts'
import { inTransaction, type ApiTokensTable, type Q } from './schema.ts'

/** Scopes of a later version are not known here and grant nothing; the others still do. */
const scopesSchema: z.ZodType<readonly Scope[]> = z.array(z.string()).transform(knownScopes)

/** So long after a pairing nothing ends by it: another one, which crosses it, may still be on its way. */
export const SETTLED_MS = 60_000

/** Last use is written at most this often. */
export const TOUCH_EVERY_MS = 60_000

export type NewToken = Omit<ApiToken, 'id' | 'lastUsedAt' | 'revokedAt'> & TokenProof

/** What finds a row by its secret, and what proves the secret. */
export interface TokenProof {
  /** First 16 hex digits of the secret's SHA-256. */
  readonly lookup: string
  /** bcrypt. */
  readonly hash: string
}

/** What is needed to let its bearer in: one read per request. */
export interface FoundToken {
  /** The token itself, also when the secret is its former one. */
  readonly token: ApiToken
  readonly hash: string
  /** Not revoked, not expired, at the time that was given. */
  readonly valid: boolean
  /** Former secrets that are still taken and are to end now; null: there are none. */
  readonly ends: FormerSecrets | null
  readonly peer: Pick<Peer, 'id' | 'uid' | 'publicKey' | 'name'> | null
}

/** Former secrets of a token by the ids of their rows, both bounds excluded. */
export interface FormerSecrets {
  readonly above: number
  readonly below: number
}

const allFormer: FormerSecrets = { above: 0, below: Number.MAX_SAFE_INTEGER }

export async function insertToken(q: Q, token: NewToken): Promise<ApiToken> {
  const row = await q
    .insertInto('api_tokens')
    .values({
      name: token.name,
      lookup: token.lookup,
      hash: token.hash,
      scopes_json: JSON.stringify(token.scopes),
      peer_id: token.peerId,
      created_at: token.createdAt,
      created_by: token.createdBy,
      expires_at: token.expiresAt,
    })
    .returningAll()
    .executeTakeFirstOrThrow()
  return readOne('api_tokens', row.id, row, toToken)
}

export async function getToken(q: Q, id: number): Promise<ApiToken | null> {
  const row = await own(q).where('id', '=', id).executeTakeFirst()
  return row ? readOne('api_tokens', id, row, toToken) : null
}

/** All of them, also ended ones until they are swept; by name. */
export async function listTokens(q: Q, of: { readonly peerId?: number } = {}): Promise<Listed<ApiToken>[]> {
  let query = own(q)
  if (of.peerId !== undefined) query = query.where('peer_id', '=', of.peerId)
  const rows = await query.orderBy('name').orderBy('id').execute()
  return rows.map((row) => readListed(row, toToken))
}

/** Who a secret with this `lookup` may be; `hash` must still prove it. */
export async function findToken(q: Q, lookup: string, now: number): Promise<FoundToken | null> {
  const shown = await q.selectFrom('api_tokens').selectAll().where('lookup', '=', lookup).executeTakeFirst()
  if (!shown) return null
  const row =
    shown.replaced_by === null ? shown : await own(q).where('id', '=', shown.replaced_by).executeTakeFirst()
  if (!row) return null
  const peer =
    row.peer_id === null
      ? undefined
      : await q
          .selectFrom('remote_instances')
          .select(['id', 'uid', 'public_key as publicKey', 'name'])
          .where('id', '=', row.peer_id)
          .executeTakeFirst()
  const ends = formerThanUsed(row, shown.id, now)
  return {
    token: readOne('api_tokens', row.id, row, toToken),
    hash: shown.hash,
    valid: isValid(shown, now) && isValid(row, now),
    ends: (await hasFormer(q, row.id, now, ends)) ? ends : null,
    peer: peer ?? null,
  }
}

/** Remembers the use, at most once a minute. */
export async function touchToken(q: Q, id: number, now: number): Promise<void> {
  await q
    .updateTable('api_tokens')
    .set({ last_used_at: now })
    .where('id', '=', id)
    .where((eb) => eb.or([eb('last_used_at', 'is', null), eb('last_used_at', '<=', now - TOUCH_EVERY_MS)]))
    .execute()
}

/** False when there is none that could be revoked. */
export async function revokeToken(q: Q, id: number, now: number): Promise<boolean> {
  return inTransaction(q, async (trx) => {
    await endFormerSecret(trx, id, now)
    const { numUpdatedRows } = await trx
      .updateTable('api_tokens')
      .set({ revoked_at: now })
      .where('id', '=', id)
      .where('replaced_by', 'is', null)
      .where('revoked_at', 'is', null)
      .executeTakeFirst()
    return numUpdatedRows > 0n
  })
}

/** Ends the tokens that a peer bore until now; their ids. */
export async function revokeTokensOfPeer(q: Q, peerId: number, now: number): Promise<readonly number[]> {
  const rows = await q
    .updateTable('api_tokens')
    .set({ revoked_at: now })
    .where('peer_id', '=', peerId)
    .where('revoked_at', 'is', null)
    .returning('id')
    .execute()
  return rows.map((row) => row.id)
}

/**
 * The peer has another token from now on: the secrets of its earlier ones act for that one until its own is used, a minute later or
 * whenever that is. They have no other end: when the answer that brought the new secret was lost, or two pairings crossed, the
 * peer holds one of them.
 */
export async function replaceTokensOfPeer(
  q: Q,
  peerId: number,
  newTokenId: number,
  now: number,
): Promise<void> {
  await q
    .updateTable('api_tokens')
    .set({ replaced_by: newTokenId })
    .where('peer_id', '=', peerId)
    .where('id', '!=', newTokenId)
    .where('revoked_at', 'is', null)
    .where((eb) => eb.or([eb('expires_at', 'is', null), eb('expires_at', '>', now)]))
    .execute()
}

/**
 * The token proves itself with another secret from now on. The former one is taken until `formerUntil`, or until
 * {@link endFormerSecret}. While one from an exchange is taken the present one was never used: then that is thrown away instead.
 */
export async function exchangeSecret(
  q: Q,
  id: number,
  proof: TokenProof,
  now: number,
  formerUntil: number,
): Promise<void> {
  await inTransaction(q, async (trx) => {
    const row = await own(trx).where('id', '=', id).executeTakeFirstOrThrow()
    // Those of an earlier pairing say nothing about whether the present one was used.
    const unused = await hasFormer(trx, id, now, { ...allFormer, above: id })
    await trx.updateTable('api_tokens').set(proof).where('id', '=', id).execute()
    if (unused) return
    const { id: _id, ...former } = row
    await trx
      .insertInto('api_tokens')
      .values({
        ...former,
        created_at: now,
        expires_at: Math.min(formerUntil, row.expires_at ?? formerUntil),
        replaced_by: id,
      })
      .execute()
  })
}

/** Former secrets of the token are unknown from now on: all of them unless told which. */
export async function endFormerSecret(
  q: Q,
  id: number,
  now: number,
  { above, below }: FormerSecrets = allFormer,
): Promise<void> {
  await q
    .updateTable('api_tokens')
    .set({ revoked_at: now })
    .where('replaced_by', '=', id)
    .where('id', '>', above)
    .where('id', '<', below)
    .where('revoked_at', 'is', null)
    .execute()
}

/** Those of `ids` that let nobody in any more: revoked, expired, or gone. */
export async function endedTokens(q: Q, ids: readonly number[], now: number): Promise<readonly number[]> {
  const rows = await own(q).where('id', 'in', ids).execute()
  const alive = new Set(rows.filter((row) => isValid(row, now)).map((row) => row.id))
  return ids.filter((id) => !alive.has(id))
}

/** Forgets tokens that ended before `at` (epoch ms), and former secrets that ended at all by `now`. */
export async function sweepTokens(q: Q, at: number, now: number): Promise<void> {
  const ended = (moment: number) =>
    q
      .deleteFrom('api_tokens')
      .where((eb) => eb.or([eb('revoked_at', '<', moment), eb('expires_at', '<', moment)]))
  await ended(now).where('replaced_by', 'is not', null).execute()
  // Former secrets would come alive as tokens of their own.
  await inTransaction(q, async (trx) => {
    const gone = await trx
      .selectFrom('api_tokens')
      .select('id')
      .where((eb) => eb.or([eb('revoked_at', '<', at), eb('expires_at', '<', at)]))
      .execute()
    const ids = gone.map((row) => row.id)
    if (ids.length === 0) return
    await trx.deleteFrom('api_tokens').where('replaced_by', 'in', ids).execute()
    await trx.deleteFrom('api_tokens').where('id', 'in', ids).execute()
  })
}

/** Rows that are tokens, not former secrets of one. */
function own(q: Q) {
  return q.selectFrom('api_tokens').selectAll().where('replaced_by', 'is', null)
}

/**
 * What the use of a secret ends; `used`: its row. The token's own ends all others, a former one those from before it. Rows of
 * exchanged secrets are younger than the token's, rows that an earlier pairing made are older.
 */
function formerThanUsed(
  token: Pick<ApiTokensTable, 'created_at'> & { readonly id: number },
  used: number,
  now: number,
): FormerSecrets {
  const settled = now >= token.created_at + SETTLED_MS
  return { above: settled ? 0 : token.id, below: used === token.id ? allFormer.below : used }
}

async function hasFormer(
  q: Q,
  id: number,
  now: number,
  { above, below }: FormerSecrets = allFormer,
): Promise<boolean> {
  const row = await q
    .selectFrom('api_tokens')
    .select('id')
    .where('replaced_by', '=', id)
    .where('id', '>', above)
    .where('id', '<', below)
    .where('revoked_at', 'is', null)
    .where((eb) => eb.or([eb('expires_at', 'is', null), eb('expires_at', '>', now)]))
    .executeTakeFirst()
  return row !== undefined
}

function isValid(row: Pick<ApiTokensTable, 'revoked_at' | 'expires_at'>, now: number): boolean {
  return row.revoked_at === null && (row.expires_at === null || row.expires_at > now)
}

function toToken(row: Selectable<ApiTokensTable>, json: ReadJson): ApiToken {
  return {
    id: row.id,
    name: row.name,
    scopes: json<readonly Scope[]>('scopes_json', row.scopes_json, scopesSchema, []),
    peerId: row.peer_id,
    createdAt: row.created_at,
    createdBy: row.created_by,
    lastUsedAt: row.last_used_at,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
  }
}
