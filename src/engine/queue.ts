// Starts queued runs in their lanes, stops them on request and owns the promise of each one until it has ended.
import type { Job } from '../domain/job.ts'
import { isProblem, Problem, type Facts, type ProblemCode } from '../domain/problem.ts'
import { isTerminal } from '../domain/run-state.ts'
import type { Run } from '../domain/run.ts'
import type { AnySource, Lane } from '../sources/source.ts'
import { listedJobsByIds } from '../store/jobs.ts'
import type { Listed } from '../store/json.ts'
import { claimRun, finishRun, getRun, openRuns } from '../store/runs.ts'
import { getSettings } from '../store/settings.ts'
import type { EngineDeps } from './deps.ts'
import type { RunEvents } from './events.ts'
import { chooseRuns } from './lanes.ts'
import { openRunLog } from './run-log.ts'
import { jobPlace, openConfig, redactor } from './secrets.ts'
import { frameHandler, type StopReason } from './run-work.ts'
import { executeRun } from './runner.ts'
import { createSpace, runSpace, type Space } from './space.ts'

/** Time until a queue that failed is looked at again. */
const RETRY_MS = 5000
/** Also looked at this often, whatever was missed. */
const LOOK_EVERY_MS = 30_000

interface Active {
  readonly lane: Lane
  readonly jobId: number
  readonly stop: AbortController
  readonly ended: Promise<void>
}

export interface Queue {
  /** What runs have been promised, and everything else that writes archives. */
  readonly space: Space
  /** Lets runs start; with `only` no other than this one. */
  open(only?: number): void
  /** Looks at the database: starts what may start, stops what was asked to stop. Safe at any time, never rejects. */
  pump(): Promise<void>
  /**
   * Until the returned function is called, runs of that job do not start, and one less run of the lane. Resolves when
   * those of the job that were running have ended.
   */
  makeWay(lane: Lane, jobId: number | null): Promise<() => void>
  /** Starts nothing more, interrupts what runs and waits for its end. */
  close(): Promise<void>
  /** Resolves when nothing runs and nothing is queued that could start now. */
  idle(): Promise<void>
}

/** `stamp` gives the time text of log lines; `afterGood` is told the archive of every run that made one. */
export function createQueue(
  deps: EngineDeps,
  events: RunEvents,
  stamp: () => string,
  afterGood: (job: Job, archive: string) => Promise<void> = () => Promise.resolve(),
  space: Space = createSpace(),
): Queue {
  const active = new Map<number, Active>()
  const guests = new Set<{ readonly lane: Lane; readonly jobId: number | null }>()
  let closed = true
  let chosen: number | undefined
  let pumping: Promise<void> | null = null
  let again = false
  let timer: NodeJS.Timeout | undefined

  const sourceOf = (job: Job): AnySource | undefined => deps.sources.find((one) => one.id === job.type)

  /** One pump at a time; a call during a pump makes it go round once more. */
  async function pump(): Promise<void> {
    if (pumping) {
      again = true
      return pumping
    }
    pumping = (async () => {
      do {
        again = false
        await look()
      } while (again)
    })()
      .catch((error: unknown) => {
        report(error)
        // Whatever it was (a full disk, a locked database), the queue must not stand still because of it.
        if (!closed) timer = setTimeout(() => void pump(), RETRY_MS)
      })
      .finally(() => {
        pumping = null
        // Asked for after the last look and before this: nobody else would come.
        if (again && !closed) void pump()
      })
    return pumping
  }

  async function look(): Promise<void> {
    clearTimeout(timer)
    if (closed) return
    const open = await openRuns(deps.db)
    for (const run of open) {
      if (run.cancelRequested) active.get(run.id)?.stop.abort('cancelled' satisfies StopReason)
      // Nobody executes it: its end could not be written when it came (a full disk, say).
      if (run.status === 'running' && !active.has(run.id)) {
        await fail(run, 'internal', { detail: 'its end could not be recorded' })
      }
    }
    const queued = open.filter(
      (run) =>
        run.status === 'queued' &&
        !run.cancelRequested &&
        (chosen === undefined || run.id === chosen) &&
        ![...guests].some((guest) => guest.jobId === run.jobId),
    )
    const jobs = await listedJobsByIds(
      deps.db,
      queued.map((run) => run.jobId),
    )
    const settings = await getSettings(deps.db)
    const choice = chooseRuns(
      queued,
      (run) => {
        const job = jobs.get(run.jobId)
        return (job && sourceOf(job)?.lane) ?? 'general'
      },
      { capacity: { yunohost: 1, general: settings.generalLaneSize }, active: countActive() },
      deps.clock.now(),
    )
    for (const run of choice.start) {
      const job = jobs.get(run.jobId)
      if (job) await start(run, job)
    }
    const wait = choice.wakeAt === null ? LOOK_EVERY_MS : choice.wakeAt - deps.clock.now()
    timer = setTimeout(() => void pump(), Math.min(LOOK_EVERY_MS, Math.max(10, wait)))
  }

  function countActive(): Record<Lane, number> {
    const count: Record<Lane, number> = { yunohost: 0, general: 0 }
    for (const one of [...active.values(), ...guests]) count[one.lane] += 1
    return count
  }

  async function start(queued: Run, job: Listed<Job>): Promise<void> {
    const source = sourceOf(job)
    const run = await claimRun(deps.db, queued.id, deps.clock.now())
    if (!run) return
    events.changed(run.id)
    if (job.unreadable) {
      await fail(run, 'record_damaged', { where: `jobs ${job.id}`, detail: job.unreadable.join(', ') })
      return
    }
    if (!source) {
      await fail(run, 'source_unknown', { type: job.type })
      return
    }
    const stop = new AbortController()
    const ended = execute(run, job, source, stop).finally(() => {
      active.delete(run.id)
      space.release(runSpace(run.id))
      events.changed(run.id)
      void pump()
    })
    active.set(run.id, { lane: source.lane, jobId: job.id, stop, ended })
  }

  /** Never rejects: what cannot be recorded now is found by a later look. */
  async function execute(run: Run, job: Job, source: AnySource, stop: AbortController): Promise<void> {
    let limit: NodeJS.Timeout | undefined
    try {
      const settings = await getSettings(deps.db)
      limit = setTimeout(
        () => stop.abort('timed_out' satisfies StopReason),
        (job.timeoutS ?? settings.defaultTimeoutS) * 1000,
      )
      const log = await openRunLog(deps.dataDir, run.id, stamp, () => events.changed(run.id))
      const config = openConfig(deps.vault, source, jobPlace(job.uid), job.config)
      const onFrame = frameHandler(deps, run.id, log, events, space, redactor(source, config))
      const work = { run, job, source, config, settings, log, signal: stop.signal, events, space, onFrame }
      const finished = await executeRun(deps, work)
      deps.log.info({ run: run.id, job: job.name, status: finished?.status }, 'run ended')
      if (finished?.archiveName && (finished.status === 'success' || finished.status === 'warning'))
        await afterGood(job, finished.archiveName).catch(report)
    } catch (error) {
      report(error)
      const known = isProblem(error) ? error : new Problem('internal', { detail: String(error) })
      await fail(run, known.code, known.facts).catch(report)
    } finally {
      clearTimeout(limit)
    }
  }

  /** Ends a run that cannot even begin. */
  async function fail(run: Run, code: ProblemCode, facts: Facts): Promise<void> {
    await finishRun(deps.db, run.id, {
      ...nothing,
      status: 'error',
      finishedAt: deps.clock.now(),
      errorCode: code,
      errorFacts: facts,
    })
    events.changed(run.id)
  }

  function report(error: unknown): void {
    deps.log.error({ err: error }, 'the run queue failed')
  }

  return {
    space,
    open(only) {
      closed = false
      chosen = only
    },
    pump,
    async makeWay(lane, jobId) {
      const guest = { lane, jobId }
      guests.add(guest)
      await Promise.all([...active.values()].filter((one) => one.jobId === jobId).map((one) => one.ended))
      return () => {
        guests.delete(guest)
        void pump()
      }
    },
    async close() {
      closed = true
      clearTimeout(timer)
      await pumping
      for (const one of active.values()) one.stop.abort('interrupted' satisfies StopReason)
      await Promise.all([...active.values()].map((one) => one.ended))
      await pumping
    },
    async idle() {
      for (;;) {
        await pump()
        if (active.size === 0) return
        await Promise.race([...active.values()].map((one) => one.ended))
      }
    },
  }
}

/** What a run that never began to work leaves behind. */
export const nothing = {
  archiveName: null,
  sizeBytes: null,
  targets: [],
  warnings: [],
  warningCount: 0,
  exitCodes: {},
  logTail: '',
} as const

/** Polls the database until the run has ended; works whichever process runs it. */
export async function waitForRun(deps: EngineDeps, runId: number, signal?: AbortSignal): Promise<Run> {
  for (;;) {
    signal?.throwIfAborted()
    const run = await getRun(deps.db, runId)
    if (!run) throw new Problem('run_not_found', { id: runId })
    if (isTerminal(run.status)) return run
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}
