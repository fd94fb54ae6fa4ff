// How jobs, runs and archives look outside this program: the JSON of the command line and of the API (api.md).
import type { WireTransfer } from './api/archives.ts'
import type { Archive } from './archive.ts'
import type { ContentsEntry } from './contents.ts'
import type { Drill } from './drill.ts'
import { localIso } from './iso-time.ts'
import type { Job } from './job.ts'
import { formatPolicy } from './policy-text.ts'
import type { Restore } from './restore.ts'
import type { Run } from './run.ts'
import type { Copy, Destination, Transfer } from './transfer.ts'
import { formatWindow } from './transfer-window.ts'

/** ISO 8601 with the zone's offset; null stays null. */
export function time(ms: number | null, timeZone: string): string | null {
  return ms === null ? null : localIso(ms, timeZone)
}

/** The number that the `retention_value` column and API field carry. */
export function retentionValue(job: Pick<Job, 'retention'>): number {
  const policy = job.retention
  if (policy.mode === 'count') return policy.count
  return policy.mode === 'daily' ? policy.days : policy.daily
}

/** A job with its settings but for the `hidden` ones, of which only is told that they are there. */
export function jobToWire(job: Job, timeZone: string, hidden: readonly string[]) {
  const settings = Object.entries(job.config)
  return {
    id: job.id,
    uid: job.uid,
    name: job.name,
    type: job.type,
    config: Object.fromEntries(settings.filter(([key]) => !hidden.includes(key))),
    config_hidden: settings.map(([key]) => key).filter((key) => hidden.includes(key)),
    enabled: job.enabled,
    core_only: job.coreOnly,
    cron_expr: job.cronExpr,
    retention: formatPolicy(job.retention),
    retention_mode: job.retention.mode,
    retention_value: retentionValue(job),
    retention_config: job.retention,
    retention_hold: job.retentionHold,
    hooks: {
      pre_backup: job.hooks.preBackup ?? null,
      post_backup: job.hooks.postBackup ?? null,
      timeout_s: job.hooks.timeoutS,
    },
    timeout_s: job.timeoutS,
    drill: job.drill && { depth: job.drill.depth, every_days: job.drill.everyDays },
    next_drill_at: time(job.nextDrillAt, timeZone),
    next_run_at: time(job.nextRunAt, timeZone),
    created_at: time(job.createdAt, timeZone),
    updated_at: time(job.updatedAt, timeZone),
  }
}

export function drillToWire(drill: Drill, timeZone: string) {
  return {
    id: drill.id,
    job_id: drill.jobId,
    archive_name: drill.archiveName,
    depth: drill.depth,
    verdict: drill.verdict,
    findings: drill.findings,
    actor: drill.actor,
    started_at: time(drill.startedAt, timeZone),
    finished_at: time(drill.finishedAt, timeZone),
  }
}

export function runToWire(run: Run, timeZone: string) {
  return {
    id: run.id,
    job_id: run.jobId,
    status: run.status,
    trigger: run.trigger,
    actor: run.actor,
    queued_at: time(run.queuedAt, timeZone),
    started_at: time(run.startedAt, timeZone),
    finished_at: time(run.finishedAt, timeZone),
    duration_s:
      run.startedAt !== null && run.finishedAt !== null ? (run.finishedAt - run.startedAt) / 1000 : null,
    archive_name: run.archiveName,
    size_bytes: run.sizeBytes,
    step: run.step,
    progress: run.progressDone === null ? null : { done: run.progressDone, total: run.progressTotal },
    error: run.errorCode === null ? null : { code: run.errorCode, facts: run.errorFacts },
    targets: run.targets,
    warnings: run.warnings,
    warning_count: run.warningCount,
    exit_codes: run.exitCodes,
  }
}

export function archiveToWire(archive: Archive, timeZone: string) {
  return {
    name: archive.name,
    file: archive.file,
    type: archive.type,
    app: archive.app,
    instance_name: archive.instanceName,
    created_at: time(archive.createdAt, timeZone),
    size_bytes: archive.sizeBytes,
    sha256: archive.sha256,
    state: archive.state,
    state_detail: archive.stateDetail,
    origin: archive.origin,
    pinned: archive.pinned,
    pinned_until: time(archive.pinnedUntil, timeZone),
    job_id: archive.jobId,
    verified_at: time(archive.verifiedAt, timeZone),
  }
}

/** api.md's status of a restore, and what else there is to tell. */
export function restoreToWire(restore: Restore, timeZone: string) {
  return {
    id: restore.id,
    archive: restore.archiveName,
    type: restore.type,
    target: restore.target,
    job_id: restore.jobId,
    status: restore.status,
    actor: restore.actor,
    options: restore.options,
    requested_at: time(restore.requestedAt, timeZone),
    started_at: time(restore.startedAt, timeZone),
    finished_at: time(restore.finishedAt, timeZone),
    progress:
      restore.progressDone === null ? null : { done: restore.progressDone, total: restore.progressTotal },
    steps: restore.steps.map((step) => ({
      name: step.code,
      facts: step.facts,
      state: step.state,
      started_at: time(step.startedAt, timeZone),
      finished_at: time(step.finishedAt, timeZone),
      detail: step.detail,
    })),
    remarks: restore.remarks,
    safety_archive: restore.safetyArchive,
    error: restore.errorCode === null ? null : { code: restore.errorCode, facts: restore.errorFacts },
    log_tail: restore.logTail,
  }
}

/** api.md's transfer; `destination`: its name. */
export function transferToWire(transfer: Transfer, destination: string, timeZone: string) {
  return {
    transfer_id: transfer.id,
    direction: transfer.direction,
    archive_name: transfer.archiveName,
    destination,
    mode: transfer.mode,
    chosen: transfer.chosen,
    status: transfer.status,
    trigger: transfer.trigger,
    actor: transfer.actor,
    attempt: transfer.attempt,
    bytes_done: transfer.bytesDone,
    bytes_total: transfer.bytesTotal,
    bytes_sent: transfer.bytesSent,
    queued_at: localIso(transfer.queuedAt, timeZone),
    not_before: localIso(transfer.notBefore, timeZone),
    started_at: time(transfer.startedAt, timeZone),
    finished_at: time(transfer.finishedAt, timeZone),
    error: transfer.errorCode,
  } satisfies WireTransfer & Record<string, unknown>
}

export function destinationToWire(destination: Destination, timeZone: string) {
  return {
    id: destination.id,
    name: destination.name,
    kind: destination.kind,
    enabled: destination.enabled,
    mode: destination.mode,
    bandwidth_kib: destination.bandwidthKib,
    hours: destination.window && formatWindow(destination.window),
    retention: destination.retention && formatPolicy(destination.retention),
    created_at: time(destination.createdAt, timeZone),
  }
}

/** `destination`: its name. */
export function copyToWire(copy: Copy, destination: string, timeZone: string) {
  return {
    destination_id: copy.destinationId,
    destination,
    state: copy.state,
    size_bytes: copy.sizeBytes,
    copied_at: localIso(copy.copiedAt, timeZone),
    checked_at: localIso(copy.checkedAt, timeZone),
  }
}

/** A file or directory in an archive. */
export function entryToWire(entry: ContentsEntry, timeZone: string) {
  return {
    path: entry.path,
    name: entry.name,
    kind: entry.kind,
    size_bytes: entry.sizeBytes,
    files: entry.files,
    modified_at: time(entry.modifiedAt, timeZone),
    mode: entry.mode,
    owner: entry.owner,
    group: entry.group,
    link_target: entry.linkTarget,
  }
}
