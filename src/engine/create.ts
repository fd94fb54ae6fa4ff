// Puts the use cases together behind the `Engine` interface, and starts and stops what runs by itself.
import { randomUUID } from 'node:crypto'
import type { Drill, DrillDepth } from '../domain/drill.ts'
import type { Job } from '../domain/job.ts'
import { Problem } from '../domain/problem.ts'
import { isTerminal } from '../domain/run-state.ts'
import { localIso } from '../domain/iso-time.ts'
import { addActivity } from '../store/activity.ts'
import { getArchive, setPinned } from '../store/archives.ts'
import { finishRun, getRun, hastenRun, insertRun, requestCancel } from '../store/runs.ts'
import { getSettings, putSettings } from '../store/settings.ts'
import { bytesToCome } from '../store/uploads.ts'
import { rescan } from './catalogue.ts'
import type { EngineDeps } from './deps.ts'
import type { Actor, DiskState, Engine } from './engine.ts'
import { createRunEvents } from './events.ts'
import { startHousekeeping, type Housekeeping } from './housekeeping.ts'
import { changeJob, checkJob, createJob, enableJob, mustGetJob, releaseRetention, removeJob } from './jobs.ts'
import { createContents } from './contents.ts'
import { createInboxKeys, sshOffer, withInboxKeys } from './inbox.ts'
import { createPoller } from './network/poller.ts'
import { createRemote } from './network/remote.ts'
import { createSelf } from './network/self.ts'
import { createPeers } from './peers/peers.ts'
import { createOwnership } from './receive/ownership.ts'
import { createUploads } from './receive/uploads.ts'
import { createTokens } from './tokens/tokens.ts'
import { createTransfers } from './transfers/transfers.ts'
import { drillDue, runDrill } from './drills.ts'
import { createMachine, sourceOffers } from './machine.ts'
import { applyRetention, deleteArchive, previewRetention } from './prune.ts'
import { createQueue, nothing, waitForRun } from './queue.ts'
import { oneAtATime } from './one-at-a-time.ts'
import { finishDeletions, recover } from './recover.ts'
import { endSafetyArchives } from './restore/safety.ts'
import { createRestores } from './restore/restores.ts'
import { createScheduler, type Scheduler } from './scheduler.ts'
import { createSpace } from './space.ts'
import { verifyArchive } from './verify.ts'

/** How often another process's writes are looked for. */
const WATCH_MS = 250

export interface EngineControl extends Engine {
  /**
   * Recovers, then executes queued runs and restores (`only`: just this one); with `schedule` also ticks and keeps house.
   * Needs the instance lock.
   * Resolves when recovery is done; the first catalogue scan goes on behind it.
   */
  start(options: {
    readonly schedule: boolean
    readonly only?: { readonly run: number } | { readonly restore: number } | { readonly transfer: number }
  }): Promise<void>
  /** Ends what a process that died has left; see `recover`. Needs the instance lock. `start` does it too. */
  recover(): Promise<void>
  /** Stops scheduling, interrupts runs and waits for their end. */
  stop(): Promise<void>
  /** Resolves when nothing is running or about to. */
  idle(): Promise<void>
}

export async function createEngine(deps: EngineDeps): Promise<EngineControl> {
  const events = createRunEvents()
  const restoreEvents = createRunEvents()
  const stamp = () => localIso(deps.clock.now(), deps.timeZone, { milliseconds: true })
  const space = createSpace(() => bytesToCome(deps.db))
  const afterRun = (job: Job, archive: string) => transfers.afterRun(job, archive)
  const queue = createQueue(deps, events, stamp, afterRun, space)
  const restores = createRestores(deps, queue, restoreEvents, stamp)
  const contents = createContents(deps)
  const drilling = new Set<number>()
  const machine = createMachine(deps)
  const verifying = new Map<string, number>()
  let settings = await getSettings(deps.db)
  let scheduler: Scheduler | null = null
  let house: Housekeeping | null = null
  let watcher: NodeJS.Timeout | undefined
  let running = false

  /** Ends what belongs to no run: verifications, scans, deletions. */
  const stopping = new AbortController()
  const work = new Set<Promise<unknown>>()
  const owned = async <R>(promise: Promise<R>): Promise<R> => {
    work.add(promise)
    try {
      return await promise
    } finally {
      work.delete(promise)
    }
  }
  const background = (promise: Promise<unknown>, complaint: string) => {
    promise.catch((error: unknown) => {
      if (!stopping.signal.aborted) deps.log.error({ err: error }, complaint)
    })
  }
  const scan = oneAtATime(() => owned(rescan(deps, stopping.signal)))

  const wake = () => {
    scheduler?.wake()
    if (!running) return
    void queue.pump()
    void restores.pump()
    void transfers.pump()
    poller.wake()
    remote.wake()
  }
  const drill = async (jobId: number, depth: DrillDepth | null, actor: Actor): Promise<Drill> => {
    if (drilling.has(jobId)) throw new Problem('drill_running', { job: jobId })
    drilling.add(jobId)
    try {
      return await owned(runDrill(deps, jobId, depth, actor, stopping.signal))
    } finally {
      drilling.delete(jobId)
    }
  }
  const verifyNow: Engine['verifyArchive'] = async (name, actor, signal) => {
    verifying.set(name, (verifying.get(name) ?? 0) + 1)
    try {
      const any = signal ? AbortSignal.any([signal, stopping.signal]) : stopping.signal
      return await owned(verifyArchive(deps, name, actor, any))
    } finally {
      const left = (verifying.get(name) ?? 1) - 1
      if (left > 0) verifying.set(name, left)
      else verifying.delete(name)
    }
  }
  const removeArchive: Engine['deleteArchive'] = async (name, actor) => {
    const archive = await getArchive(deps.db, name)
    await owned(
      deleteArchive(deps, name, actor, { reason: 'by hand', jobId: archive?.jobId ?? null }, stopping.signal),
    )
  }
  const tokens = createTokens(deps)
  const poller = createPoller(deps)
  const inboxKeys = createInboxKeys(deps)
  const peers = withInboxKeys(
    createPeers(deps, {
      tokens,
      poll: (id) => poller.poll(id),
      changed: () => poller.wake(),
      sshOffer: () => sshOffer(deps),
    }),
    inboxKeys,
  )
  const uploads = createUploads(deps, { promisedBytes: () => space.promised() })
  const transfers = createTransfers(deps, { verifyArchive: verifyNow }, { space })
  const remote = createRemote(deps, transfers)
  const afterwards = async <R>(work: Promise<R>): Promise<R> => {
    const result = await work
    wake()
    return result
  }

  return {
    checkJob: async (input, editing) => (await checkJob(deps, input, editing)).errors,
    createJob: (input, actor) => afterwards(createJob(deps, input, actor)),
    updateJob: (id, input, actor) => afterwards(changeJob(deps, id, input, actor)),
    removeJob: (id, actor) => afterwards(removeJob(deps, id, actor)),
    setJobEnabled: (id, enabled, actor) => afterwards(enableJob(deps, id, enabled, actor)),
    releaseRetention: (id, actor) => releaseRetention(deps, id, actor),

    async startRun(jobId, trigger, actor) {
      const job = await mustGetJob(deps, jobId)
      const now = deps.clock.now()
      const run = await deps.db.transaction().execute(async (trx) => {
        const inserted = await insertRun(trx, {
          jobId,
          trigger,
          actor,
          operation: randomUUID(),
          queuedAt: now,
          notBefore: now,
        })
        // One that only waits (for its lane, or spread after downtime) is the run that was asked for.
        const added = inserted ?? (await hastenRun(trx, jobId, actor, now))
        if (!added) throw new Problem('job_already_running', { job: job.name })
        await addActivity(trx, { at: now, actor, action: 'run.start', subject: job.name, jobId })
        return added
      })
      wake()
      return run
    },

    async cancelRun(runId, actor) {
      const run = await requestCancel(deps.db, runId)
      if (!run) {
        if (await getRun(deps.db, runId)) throw new Problem('run_finished', { id: runId })
        throw new Problem('run_not_found', { id: runId })
      }
      await addActivity(deps.db, {
        at: deps.clock.now(),
        actor,
        action: 'run.cancel',
        subject: String(runId),
        jobId: run.jobId,
      })
      // A run that nobody has claimed is ended here; the claim looks at the same row, so only one of both wins.
      const ended =
        run.status === 'queued'
          ? await finishRun(deps.db, runId, {
              ...nothing,
              status: 'cancelled',
              finishedAt: deps.clock.now(),
              errorCode: 'cancelled',
              errorFacts: {},
              onlyFrom: 'queued',
            })
          : null
      events.changed(runId)
      wake()
      return ended ?? run
    },

    async waitForRun(runId, signal) {
      const run = await waitForRun(deps, runId, signal)
      if (!isTerminal(run.status)) throw new Problem('internal', { detail: 'run without an end' })
      return run
    },

    previewRetention: async (jobId, policy) => previewRetention(deps, await mustGetJob(deps, jobId), policy),

    async applyRetention(jobId, actor) {
      const job = await mustGetJob(deps, jobId)
      return applyRetention(
        deps,
        job.id,
        actor,
        (text) => deps.log.info({ job: job.name }, text),
        stopping.signal,
      )
    },

    rescan: scan,

    verifyArchive: verifyNow,
    verifying: () => [...verifying.keys()],

    async setPinned(name, pinned, actor) {
      return deps.db.transaction().execute(async (trx) => {
        await setPinned(trx, name, pinned)
        const archive = await getArchive(trx, name)
        if (!archive) throw new Problem('archive_not_found', { archive: name })
        await addActivity(trx, {
          at: deps.clock.now(),
          actor,
          action: pinned ? 'archive.pin' : 'archive.unpin',
          subject: name,
          jobId: archive.jobId,
        })
        return archive
      })
    },

    deleteArchive: removeArchive,

    planRestore: (name, input) => restores.plan(name, input),
    startRestore: (name, order, actor) => restores.start(name, order, actor),
    cancelRestore: (id, actor) => restores.cancel(id, actor),
    waitForRestore: (id, signal) => restores.wait(id, signal),
    watchRestore: (id, changed) => restoreEvents.watch(id, changed),
    contents,
    startDrill: drill,
    drilling: () => [...drilling],
    sourceOffers: (type, given, jobId) => sourceOffers(deps, type, given, jobId),
    offers: () => machine.offers(),
    disk: (): Promise<DiskState> => machine.disk(),
    yunohostVersion: () => machine.yunohostVersion(),
    tokens,
    peers,
    uploads,
    ownership: createOwnership(deps, removeArchive),
    transfers,
    remote,
    self: createSelf(deps, machine),
    settings: () => settings,

    async updateSettings(change, actor: Actor) {
      settings = await putSettings(deps.db, change, deps.clock.now())
      await addActivity(deps.db, {
        at: deps.clock.now(),
        actor,
        action: 'settings.update',
        subject: Object.keys(change).join(', '),
        jobId: null,
      })
      wake()
      return settings
    },

    watchRun: (runId, changed) => events.watch(runId, changed),

    async recover() {
      await recover(deps)
      await restores.recover()
      await uploads.recover()
      await transfers.recover()
    },

    async start({ schedule, only }) {
      await recover(deps)
      // Before any backup: it would save what is half restored.
      await restores.recover()
      await uploads.recover()
      await transfers.recover()
      if (!only || 'run' in only) queue.open(only?.run)
      if (!only || 'restore' in only) restores.open(only?.restore)
      if (!only || 'transfer' in only) transfers.open(only?.transfer)
      running = true
      let seen = deps.dataVersion()
      watcher = setInterval(() => {
        const version = deps.dataVersion()
        if (version === seen) return
        seen = version
        wake()
      }, WATCH_MS)
      if (schedule) {
        scheduler = createScheduler(deps, wake)
        house = startHousekeeping(deps, scan, {
          'restores that could not be put back': () => restores.recover(),
          'end of pins': (signal) => endSafetyArchives(deps, signal),
          'restore drills': (signal) => drillDue(deps, (jobId) => drill(jobId, null, 'rotation'), signal),
          'indexes of contents': () => contents.sweep(),
          'uploads that nobody went on with': (signal) => uploads.sweep(signal),
          'copies at destinations': (signal) => transfers.sweep(signal),
          'tokens that ended': () => tokens.sweep(),
        })
        poller.start()
        remote.start()
        background(remote.recover(), 'remote restores could not be gone on with')
        background(inboxKeys.sync(), 'the keys of the inbox could not be written')
        background(scan(), 'the first scan of the archives failed')
        background(owned(finishDeletions(deps, stopping.signal)), 'deletions could not be finished')
      }
      wake()
    },

    async stop() {
      clearInterval(watcher)
      stopping.abort()
      await scheduler?.close()
      await house?.close()
      running = false
      tokens.close()
      await poller.close()
      await remote.close()
      await uploads.close()
      await transfers.close()
      await restores.close()
      await contents.close()
      await queue.close()
      await Promise.allSettled(work)
    },

    async idle() {
      await restores.idle()
      await transfers.idle()
      await queue.idle()
    },
  }
}
