// The table `pairing_codes`: invitations. Of a code's secret only the SHA-256 is kept.
import type { Selectable } from 'kysely'
import { z } from 'zod'
import { knownScopes, type Scope } from '../domain/token.ts'
import { readListed, readOne, type Listed, type ReadJson } from './json.ts'
import type { PairingCodesTable, Q } from './schema.ts'

const scopesSchema: z.ZodType<readonly Scope[]> = z.array(z.string()).transform(knownScopes)

/** An invitation as it is known here. Times are epoch milliseconds. */
export interface PairingCode {
  readonly id: number
  readonly scopes: readonly Scope[]
  readonly ssh: boolean
  readonly createdAt: number
  readonly createdBy: string
  readonly expiresAt: number
  readonly usedAt: number | null
  /** Who used it. */
  readonly peerId: number | null
}

/** Its id. `secretHash`: SHA-256 as hex. */
export async function insertCode(
  q: Q,
  secretHash: string,
  code: Pick<PairingCode, 'scopes' | 'ssh' | 'createdAt' | 'createdBy' | 'expiresAt'>,
): Promise<number> {
  const { id } = await q
    .insertInto('pairing_codes')
    .values({
      secret_hash: secretHash,
      scopes_json: JSON.stringify(code.scopes),
      ssh: code.ssh ? 1 : 0,
      created_at: code.createdAt,
      created_by: code.createdBy,
      expires_at: code.expiresAt,
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  return id
}

/** The one that could be used now; null for an unknown, used or expired one. */
export async function findUsableCode(q: Q, secretHash: string, now: number): Promise<PairingCode | null> {
  const row = await q
    .selectFrom('pairing_codes')
    .selectAll()
    .where('secret_hash', '=', secretHash)
    .where('used_at', 'is', null)
    .where('expires_at', '>', now)
    .executeTakeFirst()
  return row ? readOne('pairing_codes', row.id, row, toCode) : null
}

/** Uses it up for that peer. False when somebody else did so before, or it has expired meanwhile: one statement decides. */
export async function consumeCode(q: Q, id: number, peerId: number, now: number): Promise<boolean> {
  const { numUpdatedRows } = await q
    .updateTable('pairing_codes')
    .set({ used_at: now, peer_id: peerId })
    .where('id', '=', id)
    .where('used_at', 'is', null)
    .where('expires_at', '>', now)
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

/** Those that could still be used, the newest first. */
export async function listOpenCodes(q: Q, now: number): Promise<Listed<PairingCode>[]> {
  const rows = await q
    .selectFrom('pairing_codes')
    .selectAll()
    .where('used_at', 'is', null)
    .where('expires_at', '>', now)
    .orderBy('id', 'desc')
    .execute()
  return rows.map((row) => readListed(row, toCode))
}

/** False when it was used already, or is not known. */
export async function deleteUnusedCode(q: Q, id: number): Promise<boolean> {
  const { numDeletedRows } = await q
    .deleteFrom('pairing_codes')
    .where('id', '=', id)
    .where('used_at', 'is', null)
    .executeTakeFirst()
  return numDeletedRows > 0n
}

/** Forgets codes that expired before `at` (epoch ms). */
export async function sweepCodes(q: Q, at: number): Promise<void> {
  await q.deleteFrom('pairing_codes').where('expires_at', '<', at).execute()
}

function toCode(row: Selectable<PairingCodesTable>, json: ReadJson): PairingCode {
  return {
    id: row.id,
    scopes: json<readonly Scope[]>('scopes_json', row.scopes_json, scopesSchema, []),
    ssh: row.ssh === 1,
    createdAt: row.created_at,
    createdBy: row.created_by,
    expiresAt: row.expires_at,
    usedAt: row.used_at,
    peerId: row.peer_id,
  }
}
