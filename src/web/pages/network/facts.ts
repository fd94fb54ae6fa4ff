// Gathers what is known of every instance: of this one from its own tables, of the others what they last said. Asks nobody.
import { sql } from 'kysely'
import type { WireHealth, PeerSummary } from '../../../domain/api/summary.ts'
import { parseArchiveName } from '../../../domain/archive-name.ts'
import { ownerOfPeer, type Peer } from '../../../domain/peer.ts'
import type { RunStatus } from '../../../domain/run.ts'
import type { DiskState } from '../../../engine/engine.ts'
import type { AnySource } from '../../../sources/source.ts'
import { present } from '../../../store/archive-row.ts'
import { listJobs } from '../../../store/jobs.ts'
import { jobFacts } from '../../../store/overview-facts.ts'
import { backupAges } from '../../../store/overview.ts'
import { listPeers } from '../../../store/peers.ts'
import { listedRunsByIds } from '../../../store/runs.ts'
import type { Q } from '../../../store/schema.ts'
import type { WebDeps } from '../../page.ts'
import { overdueJobs } from '../home/overdue.ts'
import { remembered } from '../home/remembered.ts'

const diskForMs = 30_000

/** What an instance backs up itself. Times are epoch milliseconds. */
export interface OwnBackup {
  readonly app: string
  readonly type: string
  /** The last run that ended; null when none has. */
  readonly status: RunStatus | null
  readonly running: boolean
  readonly enabled: boolean
  readonly overdue: boolean
  readonly lastGoodAt: number | null
  readonly sizeBytes: number | null
  readonly archiveCount: number
}

/** Archives of one app that were made by one instance and lie at another. */
export interface Held {
  /** The name of the instance that made them, as the archives say. */
  readonly of: string
  readonly app: string
  /** Null: not known any more. */
  readonly type: string | null
  readonly newestAt: number
  readonly count: number
  readonly bytes: number
}

export interface InstanceFacts {
  /** Null: this instance. */
  readonly peer: Peer | null
  /** What people here call it. */
  readonly name: string
  /** What its archives call it. */
  readonly madeBy: string
  /** When it said what is told of it; null when it never did. */
  readonly asOf: number | null
  readonly version: string | null
  readonly disk: { readonly totalBytes: number; readonly freeBytes: number } | null
  readonly jobs: WireHealth['jobs'] | null
  readonly archives: { readonly count: number; readonly bytes: number } | null
  readonly backups: readonly OwnBackup[]
  readonly holds: readonly Held[]
  /** What this instance keeps for it. */
  readonly keptHere: { readonly count: number; readonly bytes: number }
}

export interface NetworkReader {
  /** This instance first, the others by name. */
  read(): Promise<readonly InstanceFacts[]>
}

/** Makes the reader. */
export function networkReader(deps: WebDeps): NetworkReader {
  const { db, engine, clock } = deps
  const disk = remembered(
    () => engine.disk(),
    () => clock.now(),
    diskForMs,
  )
  return {
    async read() {
      const [peers, backups, holds, ours, kept, space] = await Promise.all([
        listPeers(db),
        ownBackups(deps),
        heldHere(db, deps.config.instanceName),
        ourCopies(db, deps.config.instanceName),
        keptForOwners(db),
        disk(),
      ])
      return [
        here(deps, backups, holds, 'value' in space ? space.value : null),
        ...peers.map((peer) =>
          there(peer, ours.get(peer.id) ?? [], kept.get(ownerOfPeer(peer)) ?? { count: 0, bytes: 0 }),
        ),
      ]
    },
  }
}

function here(
  { config, clock, version }: WebDeps,
  local: LocalBackups,
  holds: readonly Held[],
  disk: DiskState | null,
): InstanceFacts {
  const { backups } = local
  return {
    peer: null,
    name: config.instanceName,
    madeBy: config.instanceName,
    asOf: clock.now(),
    version,
    disk,
    jobs: {
      total: backups.length,
      enabled: backups.filter((one) => one.enabled).length,
      failing: backups.filter((one) => one.status === 'error' || one.status === 'interrupted').length,
      overdue: backups.filter((one) => one.overdue).length,
      running: backups.filter((one) => one.running).length,
    },
    archives: local.archives,
    backups,
    holds,
    keptHere: { count: 0, bytes: 0 },
  }
}

function there(peer: Peer, ours: readonly Held[], keptHere: InstanceFacts['keptHere']): InstanceFacts {
  const { facts } = peer
  return {
    peer,
    name: peer.name,
    madeBy: facts?.health.instance.name ?? peer.name,
    asOf: facts === null ? null : peer.lastSeen,
    version: facts?.health.version ?? null,
    disk:
      facts === null
        ? null
        : { totalBytes: facts.health.disk.total_bytes, freeBytes: facts.health.disk.free_bytes },
    jobs: facts?.health.jobs ?? null,
    archives: facts === null ? null : { count: facts.archives.count, bytes: facts.archives.total_size_bytes },
    backups: facts?.jobs.map(backupThere) ?? [],
    holds: newestOf([...(facts?.holdings.flatMap(holdingThere) ?? []), ...ours]),
    keptHere,
  }
}

function backupThere(job: PeerSummary['jobs'][number]): OwnBackup {
  const status = job.last_run?.status ?? null
  return {
    app: job.app ?? job.name,
    type: job.type,
    status: status === 'queued' || status === 'running' ? null : status,
    running: status === 'queued' || status === 'running',
    enabled: job.enabled,
    overdue: job.overdue,
    lastGoodAt: job.last_success_at === null ? null : Date.parse(job.last_success_at),
    sizeBytes: job.last_run?.size_bytes ?? null,
    archiveCount: job.archive_count,
  }
}

function holdingThere(held: PeerSummary['holdings'][number]): readonly Held[] {
  if (held.app === null) return []
  return [
    {
      of: held.instance_name,
      app: held.app,
      type: held.type,
      newestAt: Date.parse(held.newest_created_at),
      count: held.archive_count,
      bytes: held.total_size_bytes,
    },
  ]
}

/** What we sent there and what it says it holds are the same archives: the account with the newer archive counts. */
function newestOf(held: readonly Held[]): readonly Held[] {
  const best = new Map<string, Held>()
  for (const one of held) {
    const key = JSON.stringify([one.of, one.app])
    const known = best.get(key)
    if (known === undefined || one.newestAt > known.newestAt) {
      best.set(key, { ...one, type: one.type ?? known?.type ?? null })
    }
  }
  return [...best.values()]
}

interface LocalBackups {
  readonly backups: readonly OwnBackup[]
  readonly archives: { readonly count: number; readonly bytes: number }
}

async function ownBackups({ db, sources, clock, config }: WebDeps): Promise<LocalBackups> {
  const [jobs, ages, sums] = await Promise.all([
    listJobs(db),
    backupAges(db),
    sql<{ n: number; bytes: number }>`
      SELECT count(*) AS n, coalesce(sum(size_bytes), 0) AS bytes FROM archives WHERE ${present}`.execute(db),
  ])
  const late = new Set(overdueJobs(ages, clock.now(), config.timeZone))
  const ids = jobs.map((job) => job.id)
  const facts = await jobFacts(db, ids, 1)
  const last = await listedRunsByIds(
    db,
    [...facts.values()].map((one) => one.lastId),
  )
  const sourceOf = new Map(sources.map((source): [string, AnySource] => [source.id, source]))
  const backups = jobs.map((job): OwnBackup => {
    const fact = facts.get(job.id)
    const settings = sourceOf.get(job.type)?.settings.safeParse(job.config)
    return {
      app:
        settings?.success === true
          ? (sourceOf.get(job.type)?.subject(settings.data, job.name) ?? job.name)
          : job.name,
      type: job.type,
      status: last.get(fact?.lastId ?? null)?.status ?? null,
      running: fact?.openId !== null && fact?.openId !== undefined,
      enabled: job.enabled,
      overdue: late.has(job.id),
      lastGoodAt: fact?.goodAt ?? null,
      sizeBytes: fact?.goodSize ?? null,
      archiveCount: fact?.archiveCount ?? 0,
    }
  })
  return { backups, archives: { count: sums.rows[0]?.n ?? 0, bytes: sums.rows[0]?.bytes ?? 0 } }
}

/** Archives here that others made. */
async function heldHere(q: Q, instanceName: string): Promise<readonly Held[]> {
  const { rows } = await sql<Held>`
    SELECT instance_name AS "of", app, type, max(created_at) AS newestAt, count(*) AS count, sum(size_bytes) AS bytes
    FROM archives
    WHERE origin = 'received' AND instance_name <> ${instanceName} AND app IS NOT NULL AND ${present}
    GROUP BY instance_name, app, type`.execute(q)
  return rows
}

interface CopyRow extends Omit<Held, 'of' | 'app'> {
  readonly peerId: number
  readonly of: string | null
  readonly app: string | null
  readonly name: string
}

/** Archives of ours that peers hold, also those that are gone here: then their name says what they are of. */
async function ourCopies(q: Q, instanceName: string): Promise<Map<number, Held[]>> {
  const { rows } = await sql<CopyRow>`
    SELECT d.peer_id AS peerId, coalesce(a.instance_name, ${instanceName}) AS "of", a.app, a.type,
      max(c.archive_at) AS newestAt, count(*) AS count, sum(c.size_bytes) AS bytes, c.archive_name AS name
    FROM copies c JOIN destinations d ON d.id = c.destination_id LEFT JOIN archives a ON a.name = c.archive_name
    WHERE c.state = 'present' AND d.peer_id IS NOT NULL
    GROUP BY d.peer_id, a.instance_name, a.app, a.type, iif(a.app IS NULL, c.archive_name, '')`.execute(q)
  const found = new Map<number, Held[]>()
  for (const { peerId, name, ...row } of rows) {
    const said = row.app === null ? parseArchiveName(name) : null
    const app = row.app ?? said?.subject ?? null
    if (app === null) continue
    const held = { ...row, of: said?.instance ?? row.of ?? instanceName, app }
    const list = found.get(peerId) ?? []
    const same = list.findIndex((one) => one.of === held.of && one.app === held.app)
    const known = list[same]
    if (known === undefined) list.push(held)
    else list[same] = together(known, held)
    found.set(peerId, list)
  }
  return found
}

function together(a: Held, b: Held): Held {
  return {
    ...a,
    type: a.type ?? b.type,
    newestAt: Math.max(a.newestAt, b.newestAt),
    count: a.count + b.count,
    bytes: a.bytes + b.bytes,
  }
}

async function keptForOwners(q: Q): Promise<Map<string, { count: number; bytes: number }>> {
  const { rows } = await sql<{ owner: string; count: number; bytes: number }>`
    SELECT owner, count(*) AS count, sum(size_bytes) AS bytes FROM received_archives GROUP BY owner`.execute(
    q,
  )
  return new Map(rows.map(({ owner, ...sums }) => [owner, sums]))
}
