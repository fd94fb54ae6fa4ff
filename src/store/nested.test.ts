// One connection stands behind Kysely: a function that used the outer database inside a transaction would wait for ever.
import { afterEach, beforeEach, expect, it } from 'vitest'
import * as activity from './activity.ts'
import * as archives from './archives.ts'
import type { Database } from './database.ts'
import * as holds from './holds.ts'
import * as jobs from './jobs.ts'
import * as overview from './overview.ts'
import * as runs from './runs.ts'
import type { Q } from './schema.ts'
import * as drills from './drills.ts'
import * as restores from './restores.ts'
import * as settings from './settings.ts'
import {
  addJob,
  addRun,
  archiveEntry,
  drillOf,
  jobFields,
  memoryStore,
  newRestore,
  restoreEnd,
  runEnd,
  T0,
} from './testing.ts'

let database: Database
beforeEach(async () => {
  database = await memoryStore()
})
afterEach(() => database.close())

const calls: Record<string, (q: Q) => Promise<unknown>> = {
  addActivity: (q) => activity.addActivity(q, { at: T0, actor: 'a', action: 'b', subject: 'c', jobId: null }),
  listActivity: (q) => activity.listActivity(q, { limit: 1 }),
  deleteActivityBefore: (q) => activity.deleteActivityBefore(q, T0),
  getArchive: (q) => archives.getArchive(q, 'a'),
  archivesOfJob: (q) => archives.archivesOfJob(q, 1),
  verifyCandidates: (q) => archives.verifyCandidates(q),
  totals: (q) => archives.totals(q),
  takenNames: (q) => archives.takenNames(q, 'a'),
  deletingArchives: (q) => archives.deletingArchives(q),
  markDeleting: (q) => archives.markDeleting(q, 'a'),
  unmarkDeleting: (q) => archives.unmarkDeleting(q, 'a'),
  removeArchives: (q) => archives.removeArchives(q, ['b']),
  setPinned: (q) => archives.setPinned(q, 'a', false),
  setState: (q) => archives.setState(q, 'a', { state: 'ok', detail: null }),
  listArchives: (q) => archives.listArchives(q, { limit: 1 }),
  facets: (q) => archives.facets(q),
  catalogueRows: (q) => archives.catalogueRows(q),
  fingerprints: (q) => archives.fingerprints(q),
  markMissing: (q) => archives.markMissing(q, { gone: [{ name: 'b', fingerprint: '1' }], back: ['c'] }, T0),
  upsertArchives: (q) => archives.upsertArchives(q, [archiveEntry({ name: 'a' })]),
  acquireHold: (q) => holds.acquireHold(q, 'a', 'h', 'verify', T0, 1),
  renewHold: (q) => holds.renewHold(q, 'a', 'h', T0, 1),
  releaseHold: (q) => holds.releaseHold(q, 'a', 'h'),
  heldNames: (q) => holds.heldNames(q, T0),
  clearExpiredHolds: (q) => holds.clearExpiredHolds(q, T0),
  listJobs: (q) => jobs.listJobs(q),
  listedJobsByIds: (q) => jobs.listedJobsByIds(q, [1]),
  dueJobs: (q) => jobs.dueJobs(q, T0),
  getJob: (q) => jobs.getJob(q, 1),
  findJob: (q) => jobs.findJob(q, '1'),
  countJobs: (q) => jobs.countJobs(q),
  insertJob: (q) => jobs.insertJob(q, jobFields({ name: 'nested' })),
  updateJob: (q) => jobs.updateJob(q, 1, { enabled: false }),
  deleteJob: (q) => jobs.deleteJob(q, 99),
  setNextRun: (q) => jobs.setNextRun(q, 1, T0),
  setRetentionHold: (q) => jobs.setRetentionHold(q, 1, null),
  backupAges: (q) => overview.backupAges(q),
  jobOverview: (q) => overview.jobOverview(q, { limit: 5, offset: 0 }),
  counts: (q) => overview.counts(q, T0),
  jobsNeedingAttention: (q) => overview.jobsNeedingAttention(q, 5),
  insertRun: (q) =>
    runs.insertRun(q, { jobId: 1, trigger: 'api', actor: 'a', operation: 'o', queuedAt: T0, notBefore: T0 }),
  getRun: (q) => runs.getRun(q, 1),
  runLogTail: (q) => runs.runLogTail(q, 1),
  listRunsOfJob: (q) => runs.listRunsOfJob(q, 1, { limit: 5 }),
  listRuns: (q) => runs.listRuns(q, { limit: 5 }),
  listedRunsByIds: (q) => runs.listedRunsByIds(q, [1, null]),
  openRuns: (q) => runs.openRuns(q),
  lastRunOfJob: (q) => runs.lastRunOfJob(q, 1),
  lastSuccessAt: (q) => runs.lastSuccessAt(q, 1),
  claimRun: (q) => runs.claimRun(q, 1, T0),
  setRunStep: (q) => runs.setRunStep(q, 1, 'backup'),
  setRunProgress: (q) => runs.setRunProgress(q, 1, 1, 2),
  setRunArchive: (q) => runs.setRunArchive(q, 1, 'a'),
  requestCancel: (q) => runs.requestCancel(q, 1),
  finishRun: (q) => runs.finishRun(q, 1, runEnd()),
  runsBefore: (q) => runs.runsBefore(q, T0, 1),
  deleteRunsBefore: (q) => runs.deleteRunsBefore(q, T0, 1),
  hastenRun: (q) => runs.hastenRun(q, 1, 'test', T0),
  runIdsOfJob: (q) => runs.runIdsOfJob(q, 1),
  forgetMissing: (q) => archives.forgetMissing(q, T0),
  endPins: (q) => archives.endPins(q, T0),
  jobsDueForDrill: (q) => jobs.jobsDueForDrill(q, T0),
  setNextDrill: (q) => jobs.setNextDrill(q, 1, null),
  insertDrill: (q) => drills.insertDrill(q, drillOf({ jobId: 1 })),
  lastDrills: (q) => drills.lastDrills(q, [1]),
  drillsOfJob: (q) => drills.drillsOfJob(q, 1, 5),
  deleteDrillsBefore: (q) => drills.deleteDrillsBefore(q, T0, 1),
  insertRestore: (q) => restores.insertRestore(q, newRestore()),
  getRestore: (q) => restores.getRestore(q, 1),
  restoreSettings: (q) => restores.restoreSettings(q, 1),
  listRestores: (q) => restores.listRestores(q, { limit: 1 }),
  newestRestoreOf: (q) => restores.newestRestoreOf(q, 'a'),
  openRestores: (q) => restores.openRestores(q),
  claimRestore: (q) => restores.claimRestore(q, 1, T0),
  requestRestoreCancel: (q) => restores.requestRestoreCancel(q, 1),
  setRestoreSteps: (q) => restores.setRestoreSteps(q, 1, []),
  setRestoreProgress: (q) => restores.setRestoreProgress(q, 1, 1, 2),
  setSafetyArchive: (q) => restores.setSafetyArchive(q, 1, 'b'),
  restoreThatSaved: (q) => restores.restoreThatSaved(q, 'b'),
  finishRestore: (q) => restores.finishRestore(q, 1, restoreEnd()),
  deleteRestoresBefore: (q) => restores.deleteRestoresBefore(q, T0, 1),
  getSettings: (q) => settings.getSettings(q),
  putSettings: (q) => settings.putSettings(q, { historyDays: 9 }, T0),
}

it('every function of the store works inside the transaction of its caller', { timeout: 5000 }, async () => {
  await addRun(database.db, (await addJob(database.db)).id)
  await archives.upsertArchives(database.db, [archiveEntry({ name: 'a' })])
  await database.db.transaction().execute(async (trx) => {
    for (const call of Object.values(calls)) await call(trx)
  })
  expect(await jobs.findJob(database.db, 'nested')).not.toBeNull()
})

it('the list above has every function', () => {
  const all = [activity, archives, drills, holds, jobs, overview, restores, runs, settings].flatMap((part) =>
    Object.keys(part),
  )
  expect(Object.keys(calls).toSorted()).toEqual([...new Set(all)].toSorted())
})
