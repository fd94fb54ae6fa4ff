// What this instance says about itself to others: its health, its jobs, and what it holds.
import { randomBytes } from 'node:crypto'
import type { PeerSummary, WireHealth, WireJob } from '../../domain/api/summary.ts'
import { diskGuard } from '../../domain/disk-guard.ts'
import { localIso } from '../../domain/iso-time.ts'
import { overdue } from '../../domain/overdue.ts'
import { parseCron } from '../../domain/schedule.ts'
import type { Caller } from '../../domain/token.ts'
import { time } from '../../domain/wire.ts'
import type { AnySource } from '../../sources/source.ts'
import { isGone } from '../../domain/poll-plan.ts'
import { getPeer, watchedPeers } from '../../store/peers.ts'
import { getSettings } from '../../store/settings.ts'
import {
  archiveTotals,
  heldFor,
  holdings,
  jobCounts,
  jobSummaries,
  type JobSummary,
} from '../../store/summary.ts'
import type { EngineDeps } from '../deps.ts'
import type { DiskState, Engine } from '../engine.ts'
import type { SelfDescription } from '../federation.ts'

/** What the API of this version can do, for instances of other versions. */
export const capabilities = [
  'summary',
  'upload',
  'download',
  'transfer',
  'restore',
  'contents',
  'verify',
  'pairing',
] as const

const jobsMost = 5000
const holdingsMost = 5000
const watchedMost = 1000

export function createSelf(
  deps: EngineDeps,
  machine: Pick<Engine, 'disk' | 'yunohostVersion'>,
): SelfDescription {
  const { db, timeZone } = deps
  // Not the time of day: that may be set back.
  const since = performance.now()
  const started = randomBytes(16).toString('base64url')

  async function health(jobs: readonly JobSummary[]): Promise<WireHealth> {
    const now = deps.clock.now()
    const [{ failing, running }, settings, disk, yunohostVersion] = await Promise.all([
      jobCounts(db),
      getSettings(db),
      machine.disk().catch((error: unknown) => unknownOf(error, 'disk')),
      machine.yunohostVersion().catch((error: unknown) => unknownOf(error, 'YunoHost')),
    ])
    const late = jobs.filter((job) => isOverdue(job, now)).length
    const room = disk !== null && hasRoom(disk, settings.diskReserveBytes)
    return {
      status: failing > 0 || late > 0 || !room ? 'degraded' : 'ok',
      instance: { ...deps.instance },
      version: deps.version,
      api: 1,
      yunohost_version: yunohostVersion,
      time: localIso(now, timeZone),
      uptime_s: Math.floor((performance.now() - since) / 1000),
      started,
      // No bytes at all is what a disk has that nobody can look at.
      disk: { total_bytes: disk?.totalBytes ?? 0, free_bytes: disk?.freeBytes ?? 0 },
      jobs: {
        total: jobs.length,
        enabled: jobs.filter((job) => job.enabled).length,
        failing,
        overdue: late,
        running,
      },
      capabilities: [...capabilities],
    }
  }

  function unknownOf(error: unknown, what: string): null {
    deps.log.warn({ err: error }, `${what} could not be looked at`)
    return null
  }

  function isOverdue(job: JobSummary, now: number): boolean {
    const cron = parseCron(job.cronExpr, timeZone)
    return overdue({ ...job, intervalMs: cron.ok ? cron.schedule.intervalMs(now) : null }, now).overdue
  }

  function wireJob(job: JobSummary): WireJob {
    const { lastRun } = job
    return {
      id: job.id,
      name: clip(job.name, 300),
      type: clip(job.type, 60),
      app: subjectOf(deps.sources, job),
      enabled: job.enabled,
      cron_expr: clip(job.cronExpr, 300),
      retention_mode: job.retentionMode,
      retention_value: job.retentionValue,
      next_run_at: time(job.nextRunAt, timeZone),
      last_run: lastRun && {
        id: lastRun.id,
        status: lastRun.status,
        started_at: time(lastRun.startedAt, timeZone),
        finished_at: time(lastRun.finishedAt, timeZone),
        archive_name: lastRun.archiveName,
        size_bytes: lastRun.sizeBytes,
      },
      last_success_at: time(job.lastSuccessAt, timeZone),
      archive_count: job.archiveCount,
      total_size_bytes: job.totalBytes,
      overdue: isOverdue(job, deps.clock.now()),
    }
  }

  return {
    health: async () => health(await jobSummaries(db, { limit: jobsMost })),
    jobs: async (page) => (await jobSummaries(db, page)).map(wireJob),
    async summary(caller) {
      const [jobs, totals, held, peers, yours] = await Promise.all([
        jobSummaries(db, { limit: jobsMost }),
        archiveTotals(db),
        holdings(db, holdingsMost),
        watchedPeers(db),
        yoursOf(caller),
      ])
      return {
        health: await health(jobs),
        jobs: jobs.map(wireJob),
        archives: {
          count: totals.count,
          total_size_bytes: totals.bytes,
          newest_created_at: time(totals.newestAt, timeZone),
        },
        holdings: held.map((one) => ({
          instance_name: clip(one.instanceName, 300),
          app: one.app && clip(one.app, 300),
          type: one.type && clip(one.type, 60),
          archive_count: one.count,
          total_size_bytes: one.bytes,
          newest_created_at: localIso(one.newestAt, timeZone),
          newest_name: one.newestName,
        })),
        watching: peers.slice(0, watchedMost).map((peer) => ({ id: peer.uid, gone: isGone(peer) })),
        yours,
      }
    },
  }

  /** Also for a token of no peer, which has no quota: an instance that added this one by hand learns its rights so. */
  async function yoursOf({ peerId, owner, scopes }: Caller): Promise<NonNullable<PeerSummary['yours']>> {
    const [peer, held] = await Promise.all([peerId === null ? null : getPeer(db, peerId), heldFor(db, owner)])
    return {
      archive_count: held.count,
      total_size_bytes: held.bytes,
      quota_bytes: peer?.quotaBytes ?? null,
      quota_count: peer?.quotaCount ?? null,
      hold_days: peer?.holdDays ?? 0,
      scopes: [...scopes],
    }
  }
}

function hasRoom(disk: DiskState, reserveBytes: number | null): boolean {
  return diskGuard({ ...disk, neededBytes: null, reserveBytes }).ok
}

/** The middle of the names of a job's archives; null when its settings cannot be read. */
function subjectOf(sources: readonly AnySource[], job: JobSummary): string | null {
  const source = sources.find((one) => one.id === job.type)
  if (!source || job.config === null) return null
  // Secrets are encrypted there, and no name is made of them.
  const open = Object.entries(job.config).filter(([key]) => !source.secrets.includes(key))
  const settings = source.settings.safeParse(Object.fromEntries(open))
  return settings.success ? clip(source.subject(settings.data, job.name), 300) : null
}

function clip(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`
}
