// The tables `remote_instances` and `remote_runs`: peers, what they last said, and their jobs.
import type { Selectable } from 'kysely'
import { z } from 'zod'
import { summarySchema } from '../domain/api/summary.ts'
import type { Peer, PeerSsh, PeerStatus } from '../domain/peer.ts'
import type { Facts, ProblemCode } from '../domain/problem.ts'
import { noStarts, type PeerStarts } from '../domain/peer-starts.ts'
import { pauseTooLongMs } from '../domain/poll-plan.ts'
import { knownScopes, type Scope } from '../domain/token.ts'
import { factsSchema } from './error-columns.ts'
import { readListed, readOne, type Listed, type ReadJson } from './json.ts'
import { inTransaction, type Q, type RemoteInstancesTable } from './schema.ts'

const scopesSchema: z.ZodType<readonly Scope[]> = z.array(z.string()).transform(knownScopes)
const sshSchema: z.ZodType<PeerSsh> = z.object({
  host: z.string(),
  port: z.number().int(),
  user: z.string(),
  hostKeys: z.array(z.string()),
  theirKey: z.string().nullable(),
})

const startsSchema: z.ZodType<PeerStarts> = z.object({
  seen: z.array(z.string()),
  backAt: z.number().nullable(),
})

/** What is stored of a peer besides what polling finds out. `sealedKey`: encrypted, '' when there is none. */
export interface PeerColumns {
  readonly uid: string | null
  readonly name: string
  readonly url: string
  readonly sealedKey: string
  readonly publicKey: string | null
  readonly certPin: string | null
  readonly scopes: readonly Scope[] | null
  readonly quotaBytes: number | null
  readonly quotaCount: number | null
  readonly holdDays: number
  readonly ssh: PeerSsh | null
}

/** By name. */
export async function listPeers(q: Q): Promise<readonly Listed<Peer>[]> {
  const rows = await q.selectFrom('remote_instances').selectAll().orderBy('name').orderBy('id').execute()
  return rows.map((row) => readListed(row, toPeer))
}

/** What they are called here. */
export function peerNames(q: Q): Promise<readonly { readonly id: number; readonly name: string }[]> {
  return q.selectFrom('remote_instances').select(['id', 'name']).execute()
}

export async function hasPeers(q: Q): Promise<boolean> {
  return (await q.selectFrom('remote_instances').select('id').limit(1).executeTakeFirst()) !== undefined
}

export async function getPeer(q: Q, id: number): Promise<Peer | null> {
  const row = await q.selectFrom('remote_instances').selectAll().where('id', '=', id).executeTakeFirst()
  return row ? readOne('remote_instances', id, row, toPeer) : null
}

export async function getPeerByUid(q: Q, uid: string): Promise<Peer | null> {
  const row = await q.selectFrom('remote_instances').selectAll().where('uid', '=', uid).executeTakeFirst()
  return row ? readOne('remote_instances', row.id, row, toPeer) : null
}

/** The encrypted key for the peer; '' when there is none, null when there is no such peer. */
export async function sealedPeerKey(q: Q, id: number): Promise<string | null> {
  const row = await q.selectFrom('remote_instances').select('api_key').where('id', '=', id).executeTakeFirst()
  return row?.api_key ?? null
}

/** The new peer's id; it is polled at `now`. */
export async function insertPeer(q: Q, peer: PeerColumns, now: number): Promise<number> {
  const { id } = await q
    .insertInto('remote_instances')
    .values({ ...toColumns(peer), created_at: now, updated_at: now, next_poll_at: now })
    .returning('id')
    .executeTakeFirstOrThrow()
  return id
}

/**
 * Changes what is given; what is not stays. What was learnt by polling stays too, but it is polled at once, and what its processes
 * were is forgotten: an admin has looked.
 */
export async function updatePeer(q: Q, id: number, change: Partial<PeerColumns>, now: number): Promise<void> {
  await q
    .updateTable('remote_instances')
    .set({ ...toColumns(change), updated_at: now, next_poll_at: now, etag: null, starts_json: null })
    .where('id', '=', id)
    .execute()
}

/** Its tokens, jobs, destination and copies go with it. */
export async function deletePeer(q: Q, id: number): Promise<void> {
  await q.deleteFrom('remote_instances').where('id', '=', id).execute()
}

/**
 * What a poll needs to know of the row besides the peer: the ETag of what it last said, which processes answered, and a text that
 * is another one as soon as an admin has changed where or how it is asked.
 */
export async function pollMemory(q: Q, id: number): Promise<PollMemory | null> {
  const row = await q
    .selectFrom('remote_instances')
    .select(['etag', 'url', 'api_key', 'cert_pin', 'updated_at', 'starts_json'])
    .where('id', '=', id)
    .executeTakeFirst()
  if (!row) return null
  const { etag, url, api_key, cert_pin, updated_at, starts_json } = row
  return {
    etag,
    // Not worth refusing to ask: what cannot be read is forgotten.
    starts: readListed({}, (_, json) => ({
      known: starts_json === null ? noStarts : json('starts_json', starts_json, startsSchema, noStarts),
    })).known,
    version: JSON.stringify([url, api_key, cert_pin, updated_at, starts_json]),
  }
}

/** An admin has looked: whatever answered until now, the next answer is believed. */
export async function forgetStarts(q: Q, id: number): Promise<void> {
  await q.updateTable('remote_instances').set({ starts_json: null }).where('id', '=', id).execute()
}

export interface PollMemory {
  readonly etag: string | null
  readonly starts: PeerStarts
  readonly version: string
}

/** How a poll ended. `facts` and `etag` are absent when nothing new was said (304, or no answer). */
export interface PollOutcome {
  readonly status: PeerStatus
  readonly at: number
  readonly nextPollAt: number
  readonly failures: number
  readonly errorCode: ProblemCode | null
  readonly errorFacts: Facts
  /** Absent: as before. */
  readonly starts?: PeerStarts
  readonly said?: {
    readonly facts: z.infer<typeof summarySchema>
    readonly etag: string | null
    readonly uid: string
    readonly scopes: readonly Scope[] | null
  }
}

/** Stores the outcome and, when the peer said something new, its jobs, at once. */
export async function recordPoll(q: Q, id: number, outcome: PollOutcome): Promise<void> {
  await inTransaction(q, async (trx) => {
    const { said } = outcome
    await trx
      .updateTable('remote_instances')
      .set({
        status: outcome.status,
        polled_at: outcome.at,
        next_poll_at: outcome.nextPollAt,
        failures: outcome.failures,
        error_code: outcome.errorCode,
        error_facts: JSON.stringify(outcome.errorFacts),
        ...(outcome.status === 'online' && { last_seen: outcome.at }),
        ...(outcome.starts && { starts_json: JSON.stringify(outcome.starts) }),
        ...(said && {
          facts_json: JSON.stringify(said.facts),
          etag: said.etag,
          uid: said.uid,
          ...(said.scopes && { scopes_json: JSON.stringify(said.scopes) }),
        }),
      })
      .where('id', '=', id)
      .execute()
    if (!said) return
    await trx.deleteFrom('remote_runs').where('instance_id', '=', id).execute()
    const rows = said.facts.jobs.map((job) => ({
      instance_id: id,
      job_id: job.id,
      job_name: job.name,
      type: job.type,
      app: job.app,
      enabled: job.enabled ? 1 : 0,
      overdue: job.overdue ? 1 : 0,
      running: job.last_run?.status === 'running' || job.last_run?.status === 'queued' ? 1 : 0,
      last_run_at: timeOf(job.last_run?.started_at ?? null),
      last_status: job.last_run?.status ?? null,
      last_archive: job.last_run?.archive_name ?? null,
      last_size_bytes: job.last_run?.size_bytes ?? null,
      last_success_at: timeOf(job.last_success_at),
      next_run_at: timeOf(job.next_run_at),
      archive_count: job.archive_count,
      total_size_bytes: job.total_size_bytes,
      last_error: null,
    }))
    // SQLite takes a bounded number of parameters per statement.
    for (let from = 0; from < rows.length; from += 500) {
      await trx
        .insertInto('remote_runs')
        .values(rows.slice(from, from + 500))
        .execute()
    }
  })
}

/** How peers that we ask stand, without what they said: that is long, and not needed to tell whom we watch. */
export async function watchedPeers(
  q: Q,
): Promise<
  readonly (Pick<Peer, 'status' | 'lastSeen' | 'polledAt' | 'createdAt'> & { readonly uid: string })[]
> {
  const rows = await q
    .selectFrom('remote_instances')
    .select(['uid', 'status', 'last_seen', 'polled_at', 'created_at'])
    .where('api_key', '!=', '')
    .orderBy('name')
    .orderBy('id')
    .execute()
  return rows.flatMap(({ uid, status, last_seen: lastSeen, polled_at: polledAt, created_at: createdAt }) =>
    uid === null ? [] : [{ uid, status, lastSeen, polledAt, createdAt: createdAt ?? 0 }],
  )
}

/** Peers whose turn has come, the longest waiting first. A turn too far ahead was set by a clock that was wrong: it has come. */
export async function duePeers(q: Q, now: number, limit: number): Promise<readonly number[]> {
  const rows = await q
    .selectFrom('remote_instances')
    .select('id')
    .where('api_key', '!=', '')
    .where((eb) =>
      eb.or([
        eb('next_poll_at', 'is', null),
        eb('next_poll_at', '<=', now),
        eb('next_poll_at', '>', now + pauseTooLongMs),
      ]),
    )
    .orderBy('next_poll_at')
    .limit(limit)
    .execute()
  return rows.map((row) => row.id)
}

/** What the home page tells of a peer. */
export interface PeerGlance extends Pick<
  Peer,
  'id' | 'name' | 'status' | 'lastSeen' | 'createdAt' | 'errorCode'
> {
  /** Jobs that it said are overdue. */
  readonly overdue: number
  /** It holds at least one copy of ours, as far as is known. */
  readonly holdsCopies: boolean
}

/** Of each peer that can be asked, by name. */
export async function peerGlances(q: Q): Promise<readonly PeerGlance[]> {
  const rows = await q
    .selectFrom('remote_instances as i')
    .select(['i.id', 'i.name', 'i.status', 'i.last_seen', 'i.created_at', 'i.error_code'])
    .select((eb) =>
      eb
        .exists(
          eb
            .selectFrom('copies as c')
            .innerJoin('destinations as d', 'd.id', 'c.destination_id')
            .select('c.archive_name')
            .whereRef('d.peer_id', '=', 'i.id')
            .where('c.state', '=', 'present'),
        )
        .as('holds_copies'),
    )
    .select((eb) =>
      eb
        .selectFrom('remote_runs as r')
        .select((e) => e.fn.countAll<number>().as('n'))
        .whereRef('r.instance_id', '=', 'i.id')
        .where('r.overdue', '=', 1)
        .where('r.enabled', '=', 1)
        .as('overdue'),
    )
    .where('i.api_key', '!=', '')
    .orderBy('i.name')
    .orderBy('i.id')
    .execute()
  return rows.map((row) => ({
    id: row.id,
    name: row.name,
    status: row.status,
    lastSeen: row.last_seen,
    createdAt: row.created_at ?? 0,
    errorCode: row.error_code,
    overdue: row.overdue ?? 0,
    holdsCopies: Boolean(row.holds_copies),
  }))
}

/** When the next turn of any peer comes; null without peers. */
export async function nextPollAt(q: Q): Promise<number | null> {
  const row = await q
    .selectFrom('remote_instances')
    .select((eb) => eb.fn.min('next_poll_at').as('at'))
    .where('api_key', '!=', '')
    .executeTakeFirst()
  return row?.at ?? null
}

function timeOf(iso: string | null): number | null {
  return iso === null ? null : Date.parse(iso)
}

function toColumns(peer: Partial<PeerColumns>) {
  const {
    uid,
    name,
    url,
    sealedKey,
    publicKey,
    certPin,
    scopes: granted,
    quotaBytes,
    quotaCount,
    holdDays,
    ssh,
  } = peer
  return {
    ...(uid !== undefined && { uid }),
    ...(publicKey !== undefined && { public_key: publicKey }),
    ...(certPin !== undefined && { cert_pin: certPin }),
    ...(granted !== undefined && { scopes_json: granted === null ? null : JSON.stringify(granted) }),
    ...(quotaBytes !== undefined && { quota_bytes: quotaBytes }),
    ...(quotaCount !== undefined && { quota_count: quotaCount }),
    ...(holdDays !== undefined && { hold_days: holdDays }),
    ...(ssh !== undefined && { ssh_json: ssh === null ? null : JSON.stringify(ssh) }),
    ...(name !== undefined && { name }),
    ...(url !== undefined && { url }),
    ...(sealedKey !== undefined && { api_key: sealedKey }),
  } as { name: string; url: string; api_key: string }
}

function toPeer(row: Selectable<RemoteInstancesTable>, json: ReadJson): Peer {
  return {
    id: row.id,
    uid: row.uid,
    name: row.name,
    url: row.url,
    hasKey: row.api_key !== '',
    publicKey: row.public_key,
    certPin: row.cert_pin,
    scopes:
      row.scopes_json === null
        ? null
        : json<readonly Scope[] | null>('scopes_json', row.scopes_json, scopesSchema, null),
    status: row.status,
    lastSeen: row.last_seen,
    polledAt: row.polled_at,
    nextPollAt: row.next_poll_at,
    failures: row.failures,
    errorCode: row.error_code,
    errorFacts: json('error_facts', row.error_facts, factsSchema, {}),
    facts:
      row.facts_json === null ? null : json<Peer['facts']>('facts_json', row.facts_json, summarySchema, null),
    quotaBytes: row.quota_bytes,
    quotaCount: row.quota_count,
    holdDays: row.hold_days,
    ssh: row.ssh_json === null ? null : json<PeerSsh | null>('ssh_json', row.ssh_json, sshSchema, null),
    createdAt: row.created_at ?? 0,
  }
}
