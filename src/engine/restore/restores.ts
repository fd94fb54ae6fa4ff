// Restores as the dashboard and the command line ask for them: planned, queued, one at a time, recovered after a crash.
import { randomUUID } from 'node:crypto'
import { isProblem, Problem } from '../../domain/problem.ts'
import type { Restore, RestoreOutcome, RestorePlan, RestoreStatus } from '../../domain/restore.ts'
import { planDigest } from '../../sys/plan-digest.ts'
import { addActivity } from '../../store/activity.ts'
import { getJob } from '../../store/jobs.ts'
import { getArchive } from '../../store/archives.ts'
import {
  claimRestore,
  finishRestore,
  getRestore,
  insertRestore,
  openRestores,
  requestRestoreCancel,
  restoreSettings,
} from '../../store/restores.ts'
import type { EngineDeps } from '../deps.ts'
import type { Actor, RestoreInput, RestoreOrder } from '../engine.ts'
import type { RunEvents } from '../events.ts'
import { openLogFile } from '../log-file.ts'
import { oneAtATime } from '../one-at-a-time.ts'
import type { Queue } from '../queue.ts'
import { restoreLogPath } from '../run-log.ts'
import { openConfig, restorePlace, sealConfig, type Config } from '../secrets.ts'
import { endOf, executeRestore, restoreArgs, type RestoreStop } from './execute.ts'
import { prepareRestore } from './plan.ts'
import { trackSteps, waitingSteps } from './steps.ts'

/** A restore that waited longer than this for a server is not what anybody expects to happen now. */
const STALE_MS = 10 * 60_000
const LOOK_MS = 200

export interface Restores {
  plan(name: string, input: RestoreInput): Promise<RestorePlan>
  start(name: string, order: RestoreOrder, actor: Actor): Promise<Restore>
  cancel(id: number, actor: Actor): Promise<Restore>
  wait(id: number, signal?: AbortSignal): Promise<Restore>
  /**
   * After a crash: finishes or puts back what was under way. Before runs start; needs the instance lock. What cannot be
   * put back yet, because a database server is not up, say, stays open: call it again.
   */
  recover(): Promise<void>
  /** Lets queued ones start; with `only` no other than this one. */
  open(only?: number): void
  /** Starts what may start, stops what was asked to stop. Never rejects. */
  pump(): Promise<void>
  /** Ends what is under way (everything is put back) and waits for it. */
  close(): Promise<void>
  idle(): Promise<void>
}

export function createRestores(
  deps: EngineDeps,
  queue: Queue,
  events: RunEvents,
  stamp: () => string,
): Restores {
  let current: { readonly id: number; readonly stop: AbortController; readonly ended: Promise<void> } | null =
    null
  let closed = true
  let chosen: number | undefined

  const pump = oneAtATime(() =>
    look().catch((error: unknown) => deps.log.error({ err: error }, 'the queue of restores failed')),
  )

  async function look(): Promise<void> {
    if (closed) return
    for (const restore of await openRestores(deps.db)) {
      if (restore.cancelRequested && current?.id === restore.id)
        current.stop.abort('cancelled' satisfies RestoreStop)
      const mine = chosen === undefined || restore.id === chosen
      if (current || restore.status !== 'queued' || restore.cancelRequested || !mine) continue
      const claimed = await claimRestore(deps.db, restore.id, deps.clock.now())
      if (claimed) begin(claimed)
    }
  }

  function begin(restore: Restore): void {
    const stop = new AbortController()
    const ended = execute(restore, stop).finally(() => {
      current = null
      events.changed(restore.id)
      void pump()
    })
    current = { id: restore.id, stop, ended }
    events.changed(restore.id)
  }

  /** Never rejects. */
  async function execute(restore: Restore, stop: AbortController): Promise<void> {
    let leave: (() => void) | null = null
    try {
      const source = deps.sources.find((one) => one.id === restore.type)
      if (!source) throw new Problem('source_unknown', { type: restore.type })
      const config = await configOf(restore)
      // No backup of the same thing meanwhile: it would save a half of each.
      leave = await queue.makeWay(source.lane, restore.jobId)
      const changed = () => events.changed(restore.id)
      const log = await openLogFile(restoreLogPath(deps.dataDir, restore.id), stamp, changed)
      const steps = trackSteps(deps, restore, changed)
      const finished = await executeRestore(deps, {
        restore,
        source,
        config,
        log,
        steps,
        space: queue.space,
        signal: stop.signal,
        changed,
      })
      await tell(restore, finished?.status ?? 'error')
    } catch (error) {
      deps.log.error({ err: error, restore: restore.id }, 'a restore could not be carried out')
      const problem = isProblem(error) ? error : new Problem('internal', { detail: String(error) })
      await end(restore, {
        status: 'error',
        problem: { code: problem.code, facts: problem.facts, detail: '' },
        remarks: [],
      })
    } finally {
      leave?.()
    }
  }

  async function end(restore: Restore, outcome: RestoreOutcome): Promise<void> {
    try {
      const { logTail } = restore
      // Nobody is here to have cancelled it, unless it is written down.
      const reason: RestoreStop = restore.cancelRequested ? 'cancelled' : 'interrupted'
      const ending = endOf(outcome, AbortSignal.abort(reason))
      await finishRestore(deps.db, restore.id, { ...ending, finishedAt: deps.clock.now(), logTail })
      await tell(restore, ending.status)
    } catch (error) {
      deps.log.error({ err: error, restore: restore.id }, 'the end of a restore could not be recorded')
    }
  }

  function tell(restore: Restore, status: RestoreStatus): Promise<void> {
    deps.log.info({ restore: restore.id, archive: restore.archiveName, status }, 'restore ended')
    return addActivity(deps.db, {
      at: deps.clock.now(),
      actor: restore.actor,
      action: 'restore.end',
      subject: restore.archiveName,
      jobId: restore.jobId,
      facts: { status, target: restore.target },
    })
  }

  async function configOf(restore: Restore): Promise<Config> {
    const source = deps.sources.find((one) => one.id === restore.type)
    if (!source) throw new Problem('source_unknown', { type: restore.type })
    const place = restorePlace(restore.operation)
    return openConfig(deps.vault, source, place, await restoreSettings(deps.db, restore.id))
  }

  return {
    plan: async (name, input) => (await prepareRestore(deps, name, input)).plan,

    async start(name, order, actor) {
      const { plan, source, config, options, archive } = await prepareRestore(deps, name, order)
      if (plan.refusals.length > 0)
        throw new Problem('restore_refused', { archive: name }, { errors: plan.refusals })
      if (order.digest !== undefined && order.digest !== planDigest(plan)) {
        throw new Problem('restore_plan_changed', { archive: name })
      }
      if (plan.replaces && order.digest === undefined && order.force !== true) {
        throw new Problem('confirmation_missing', { target: plan.target })
      }
      const operation = randomUUID()
      const job = archive.jobId === null ? null : await getJob(deps.db, archive.jobId)
      const now = deps.clock.now()
      const restore = await deps.db.transaction().execute(async (trx) => {
        const inserted = await insertRestore(trx, {
          plan,
          steps: waitingSteps(plan),
          options,
          settings: sealConfig(deps.vault, source, restorePlace(operation), config),
          jobId: job?.id ?? null,
          actor,
          operation,
          requestedAt: now,
        })
        if (!inserted) throw new Problem('restore_running', { target: plan.target })
        const facts = { target: plan.target }
        await addActivity(trx, {
          at: now,
          actor,
          action: 'restore.start',
          subject: name,
          jobId: job?.id ?? null,
          facts,
        })
        return inserted
      })
      void pump()
      return restore
    },

    async cancel(id, actor) {
      const restore = await requestRestoreCancel(deps.db, id)
      if (!restore) {
        if (await getRestore(deps.db, id)) throw new Problem('restore_finished', { id })
        throw new Problem('restore_not_found', { id })
      }
      const { archiveName: subject, jobId } = restore
      await addActivity(deps.db, { at: deps.clock.now(), actor, action: 'restore.cancel', subject, jobId })
      // One that nobody has claimed is ended here; the claim looks at the same row, so only one of both wins.
      const ended = await finishRestore(deps.db, id, {
        status: 'cancelled',
        finishedAt: deps.clock.now(),
        errorCode: 'cancelled',
        errorFacts: {},
        remarks: [],
        logTail: '',
        onlyFrom: 'queued',
      })
      events.changed(id)
      void pump()
      return ended ?? restore
    },

    async wait(id, signal) {
      for (;;) {
        signal?.throwIfAborted()
        const restore = await getRestore(deps.db, id)
        if (!restore) throw new Problem('restore_not_found', { id })
        if (restore.finishedAt !== null) return restore
        await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
      }
    },

    async recover() {
      for (const restore of await openRestores(deps.db)) {
        if (restore.id === current?.id) continue
        if (restore.status === 'running') await recoverOne(restore)
        else if (deps.clock.now() - restore.requestedAt > STALE_MS) {
          const problem = {
            code: 'interrupted',
            facts: {},
            detail: 'it waited too long for a server',
          } as const
          await end(restore, { status: 'error', problem, remarks: [] })
        }
      }
    },

    open(only) {
      closed = false
      chosen = only
    },
    pump,
    async close() {
      closed = true
      await pump()
      current?.stop.abort('interrupted' satisfies RestoreStop)
      await current?.ended
    },
    async idle() {
      for (;;) {
        await pump()
        if (!current) return
        await current.ended
      }
    },
  }

  /** A helper that cannot be reached must not keep the dashboard away: the restore stays open until the next start. */
  async function recoverOne(restore: Restore): Promise<void> {
    try {
      const source = deps.sources.find((one) => one.id === restore.type)
      if (!source) throw new Problem('source_unknown', { type: restore.type })
      const config = await configOf(restore)
      const { operation, safetyArchive } = restore
      const known =
        safetyArchive !== null && (await getArchive(deps.db, safetyArchive)) !== null ? safetyArchive : null
      const args = restoreArgs({ restore, source, config }, known)
      // First what was changed: this also waits for a helper that outlived its server and is at it.
      const outcome = await deps.helper.call('restore.recover', { ...args, of: operation })
      await deps.helper.call('recover', { operations: [{ operation, archiveName: safetyArchive }] })
      deps.log.warn({ restore: restore.id, ...outcome }, 'recovered a restore after an unclean end')
      const nothing = !outcome.found && outcome.status === 'rolled_back'
      await end(restore, nothing ? { ...outcome, status: 'error' } : outcome)
    } catch (error) {
      deps.log.error(
        { restore: restore.id, err: error },
        'a restore that was interrupted could not be put back',
      )
    }
  }
}
