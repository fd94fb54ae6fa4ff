// What the tests of this folder share: a store in memory, a job and a run to begin with.
import { randomUUID } from 'node:crypto'
import type { Drill } from '../domain/drill.ts'
import type { Job } from '../domain/job.ts'
import type { RestorePlan } from '../domain/restore.ts'
import type { Run, RunTrigger } from '../domain/run.ts'
import type { ArchiveEntry } from './archives.ts'
import { openDatabase, type Database } from './database.ts'
import { insertJob } from './jobs.ts'
import type { NewRestore, RestoreEnd } from './restores.ts'
import { insertRun, type RunEnd } from './runs.ts'
import type { Q } from './schema.ts'

export const T0 = Date.UTC(2026, 4, 8, 3)

/** A measured figure, in the test's output. */
export function tell(line: string): void {
  process.stdout.write(`${line}\n`)
}

export function memoryStore(): Promise<Database> {
  return openDatabase(':memory:', { now: T0 })
}

export function jobFields(change: Partial<Omit<Job, 'id'>> = {}): Omit<Job, 'id'> {
  return {
    uid: randomUUID(),
    name: 'nocodb',
    type: 'ynh_app',
    config: { app_id: 'nocodb' },
    cronExpr: '0 3 * * *',
    retention: { mode: 'count', count: 7 },
    enabled: true,
    coreOnly: false,
    hooks: { timeoutS: 60 },
    timeoutS: null,
    createdAt: T0,
    updatedAt: T0,
    drill: null,
    nextDrillAt: null,
    nextRunAt: T0 + 1000,
    retentionHold: null,
    ...change,
  }
}

export function addJob(q: Q, change: Partial<Omit<Job, 'id'>> = {}): Promise<Job> {
  return insertJob(q, jobFields(change))
}

/** A queued run; throws when the job has an open one. */
export async function addRun(q: Q, jobId: number, trigger: RunTrigger = 'manual'): Promise<Run> {
  const run = await insertRun(q, {
    jobId,
    trigger,
    actor: 'admin',
    operation: randomUUID(),
    queuedAt: T0,
    notBefore: T0,
  })
  if (!run) throw new Error('the job has an open run')
  return run
}

export function runEnd(change: Partial<RunEnd> = {}): RunEnd {
  return {
    status: 'success',
    finishedAt: T0 + 60_000,
    archiveName: 'jerry_nocodb_20260508',
    sizeBytes: 1000,
    errorCode: null,
    errorFacts: {},
    targets: [],
    warnings: [],
    warningCount: 0,
    exitCodes: {},
    logTail: 'last line',
    ...change,
  }
}

export function archiveEntry(change: Partial<ArchiveEntry> = {}): ArchiveEntry {
  const name = change.name ?? 'jerry_nocodb_20260508'
  return {
    name,
    file: `${name}.tar`,
    fingerprint: '1:1000:1:1',
    type: 'ynh_app',
    app: 'nocodb',
    instanceName: 'jerry',
    createdAt: T0,
    sizeBytes: 1000,
    sha256: null,
    origin: 'foreign',
    jobId: null,
    jobUid: null,
    info: { description: 'one' },
    backupInfo: null,
    ...change,
  }
}

export function aPlan(change: Partial<RestorePlan> = {}): RestorePlan {
  return {
    archive: 'jerry_photos_20260508',
    type: 'custom_dir',
    target: '/srv/photos',
    steps: [
      { code: 'verify_archive', facts: { archive: 'jerry_photos_20260508' } },
      { code: 'extract_files', facts: { files: 3, bytes: 4096, path: '/srv/photos' } },
    ],
    warnings: [],
    refusals: [],
    replaces: false,
    safety: null,
    bytes: 4096,
    files: 3,
    ...change,
  }
}

export function newRestore(change: Partial<NewRestore> = {}): NewRestore {
  const plan = change.plan ?? aPlan()
  return {
    plan,
    steps: plan.steps.map((step) => ({
      ...step,
      state: 'waiting',
      startedAt: null,
      finishedAt: null,
      detail: '',
    })),
    options: {},
    settings: { source_path: '/srv/photos' },
    jobId: null,
    actor: 'admin',
    operation: randomUUID(),
    requestedAt: T0,
    ...change,
  }
}

export function restoreEnd(change: Partial<RestoreEnd> = {}): RestoreEnd {
  return {
    status: 'success',
    finishedAt: T0 + 60_000,
    errorCode: null,
    errorFacts: {},
    remarks: [],
    logTail: 'last line',
    ...change,
  }
}

export function drillOf(change: Partial<Omit<Drill, 'id'>> & Pick<Drill, 'jobId'>): Omit<Drill, 'id'> {
  return {
    archiveName: 'jerry_photos_20260508',
    depth: 'read',
    verdict: 'passed',
    findings: [],
    actor: 'admin',
    startedAt: T0,
    finishedAt: T0 + 1000,
    ...change,
  }
}
