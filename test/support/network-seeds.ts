// Peers for tests of the network: rows as polling leaves them, and answers as instances give them.
import type { Kysely } from 'kysely'
import type { PeerSummary, WireJob } from '../../src/domain/api/summary.ts'
import { insertPeer, recordPoll, type PeerColumns, type PollOutcome } from '../../src/store/peers.ts'
import type { Schema } from '../../src/store/schema.ts'
import { testNow } from './web.ts'

const hour = 3_600_000
const gib = 2 ** 30

/** An instance id that is always the same for a name. */
export function idOf(name: string): string {
  return `${name}-`.padEnd(43, 'x').slice(0, 43)
}

export function iso(at: number): string {
  return new Date(at).toISOString().replace('Z', '+00:00')
}

/** A job that went well two hours ago. */
export function jobThere(app: string, change: Partial<WireJob> = {}): WireJob {
  const end = iso(testNow - 2 * hour)
  return {
    id: 1,
    name: app,
    type: 'ynh_app',
    app,
    enabled: true,
    cron_expr: '0 3 * * *',
    retention_mode: 'count',
    retention_value: 7,
    next_run_at: iso(testNow + 18 * hour),
    last_run: {
      id: 12,
      status: 'success',
      started_at: end,
      finished_at: end,
      archive_name: `tom_${app}_20261121`,
      size_bytes: 412 * 2 ** 20,
    },
    last_success_at: end,
    archive_count: 7,
    total_size_bytes: 3 * gib,
    overdue: false,
    ...change,
  }
}

/** What an instance says about itself. */
export function summaryOf(name: string, change: Partial<PeerSummary> = {}): PeerSummary {
  const jobs = change.jobs ?? [jobThere('nextcloud')]
  return {
    health: {
      status: 'ok',
      instance: { id: idOf(name), name, url: `https://${name}.example/backup` },
      version: '0.3.0',
      api: 1,
      yunohost_version: '12.1.38',
      time: iso(testNow),
      uptime_s: 86_400,
      disk: { total_bytes: 500 * gib, free_bytes: 120 * gib },
      jobs: {
        total: jobs.length,
        enabled: jobs.length,
        failing: 0,
        overdue: jobs.filter((job) => job.overdue).length,
        running: 0,
      },
      capabilities: [],
    },
    jobs: [...jobs],
    archives: { count: 42, total_size_bytes: 96 * gib, newest_created_at: iso(testNow - hour) },
    holdings: [],
    watching: [],
    yours: null,
    ...change,
  }
}

export interface SeededPeer {
  readonly name: string
  /** Null: it never answered. */
  readonly said?: PeerSummary | null
  readonly saidAt?: number
  /** What came of asking it since. */
  readonly since?: Partial<PollOutcome>
  readonly columns?: Partial<PeerColumns>
}

/** Adds a peer with its destination, as if it had been polled; its id. */
export async function seedPeer(db: Kysely<Schema>, peer: SeededPeer): Promise<number> {
  const { name, said = summaryOf(name), saidAt = testNow - 60_000 } = peer
  const columns: PeerColumns = {
    uid: null,
    name,
    url: `https://${name}.example/backup`,
    sealedKey: 'sealed',
    publicKey: null,
    certPin: null,
    scopes: ['read', 'run', 'upload', 'download', 'delete', 'restore'],
    quotaBytes: null,
    quotaCount: null,
    holdDays: 0,
    ssh: null,
    ...peer.columns,
  }
  const id = await insertPeer(db, columns, testNow - 30 * 24 * hour)
  await db
    .insertInto('destinations')
    .values({ kind: 'peer', name, peer_id: id, created_at: testNow })
    .execute()
  const good: PollOutcome = {
    status: 'online',
    at: saidAt,
    nextPollAt: testNow + 240_000,
    failures: 0,
    errorCode: null,
    errorFacts: {},
  }
  if (said !== null) {
    const uid = said.health.instance.id
    await recordPoll(db, id, { ...good, said: { facts: said, etag: '"1"', uid, scopes: null } })
  }
  if (peer.since !== undefined) await recordPoll(db, id, { ...good, at: testNow - 60_000, ...peer.since })
  return id
}

/** The columns of a poll that nobody answered. */
export const unreachable = {
  status: 'offline',
  failures: 4,
  errorCode: 'peer_unreachable',
  errorFacts: { detail: 'connect ECONNREFUSED 203.0.113.7:443' },
} as const satisfies Partial<PollOutcome>
