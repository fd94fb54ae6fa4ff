// Carries a restore out: all of it, or nothing. Sources announce every change; this file sees to it that the announced
// ones are taken back in reverse order when anything fails, also after the machine died in the middle.
import { setTimeout as sleep } from 'node:timers/promises'
import type {
  RestoreOutcome,
  RestorePlan,
  RestoreStepCode,
  PlanRemark,
  StepState,
} from '../../domain/restore.ts'
import type { RestoreRecovered } from '../../domain/helper-protocol.ts'
import { isProblem, Problem, type ProblemCode } from '../../domain/problem.ts'
import { asProblem } from '../../sys/files.ts'
import type { AnySource, Change, RestoreRequest, RestoreTransaction, SourceIo } from '../source.ts'
import { endTree } from '../../sys/process-tree.ts'
import { newJournal, ownedByAnother, readJournal, type Journal } from './journal.ts'

/** For what a killed helper has left running. */
const graceMs = 5000
const lookMs = 200

/** Tells the state of the plan's step with that index. */
export type OnStep = (step: number, state: StepState, detail: string) => void

/** What could not be put in order, and the reason when it may go away by itself. */
interface Left {
  readonly detail: string
  readonly later: Problem | null
}

/** Of a server that starts after us, or is busy. */
const mayComeBack: ReadonlySet<ProblemCode> = new Set(['database_unreachable', 'yunohost_busy'])

/** See {@link AnySource.restore}. Never rejects for what the source throws: the outcome says how it ended. */
export async function carryOut(
  source: AnySource,
  request: RestoreRequest<unknown>,
  plan: RestorePlan,
  io: SourceIo,
  onStep: OnStep,
): Promise<RestoreOutcome> {
  const journal = newJournal(io.places.archivesDir, io.operation)
  const remarks: PlanRemark[] = []
  const steps = stepper(plan, onStep)
  let committed = false
  const tx: RestoreTransaction = {
    step: async (code, work) => {
      io.signal.throwIfAborted()
      return steps.during(code, work)
    },
    will: async (change) => {
      if (!Object.hasOwn(source.restore.changes, change.kind))
        throw new Error(`unknown change ${change.kind}`)
      if (!committed) io.signal.throwIfAborted()
      await journal.add(change)
    },
    remark: (remark) => void remarks.push(remark),
    commit: async () => {
      io.signal.throwIfAborted()
      await journal.commit()
      committed = true
    },
  }
  const tidyUp = async (): Promise<void> => {
    const left = await tidy(source, request, journal, io, steps)
    if (left !== null) remarks.push({ code: 'former_left', facts: { detail: left.detail } })
    steps.skipRest()
  }
  let outcome: RestoreOutcome
  try {
    await source.restore.apply(request, plan, tx, io)
    if (!committed) await tx.commit()
    await tidyUp()
    outcome = { status: 'success', problem: null, remarks }
  } catch (error) {
    const problem =
      io.signal.aborted && !committed ? new Problem('cancelled', {}, { cause: error }) : asProblem(error)
    const failure = { code: problem.code, facts: problem.facts, detail: detailOf(problem) }
    io.log('err', `failed: ${failure.detail}`)
    if (committed) {
      // What was restored is there; only what comes after the point of no return went wrong.
      await tidyUp()
      outcome = { status: 'success', problem: failure, remarks }
    }
    // Nothing had been announced: nothing is to be put back, and nobody has to be told later.
    else if (journal.state.changes.length === 0) return { status: 'error', problem: failure, remarks }
    else {
      // A commit that failed half-way may stand on the disk: a crash from here on must not be taken for a success.
      await quietly(io, () => journal.reopen())
      const back = await putBack(source, request, journal, io)
      if (back === null) steps.undone()
      outcome = putBackOutcome(failure, back, remarks)
    }
  }
  if (journal.state.changes.length > 0) await quietly(io, () => conclude(journal, outcome))
  return outcome
}

/** A full disk must not turn what is done into something else: the outcome is told all the same. */
async function quietly(io: SourceIo, write: () => Promise<void>): Promise<void> {
  try {
    await write()
  } catch (error) {
    io.log('err', `the journal could not be written: ${detailOf(asProblem(error))}`)
  }
}

/**
 * Takes back, or finishes, what the operation's journal says, or tells how it ended when nobody has heard yet. For a crash
 * in between, it may be called any number of times. Waits for a helper that is still at it.
 */
export async function recoverRestore(
  source: AnySource,
  request: RestoreRequest<unknown>,
  operation: string,
  io: SourceIo,
): Promise<RestoreRecovered> {
  const interrupted = {
    code: 'interrupted',
    facts: {},
    detail: 'the machine or the server stopped in the middle',
  } as const
  const journal = await unowned(io, operation)
  // What a helper that was killed had started must not write on while things are put back.
  await endTree({ operation }, graceMs)
  if (journal === null) return { found: false, status: 'rolled_back', problem: interrupted, remarks: [] }
  const own = { ...io, operation }
  const { phase, outcome: known } = journal.state
  let outcome: RestoreOutcome
  if (phase === 'ended' && known !== null) outcome = known
  else if (phase === 'committed') {
    const left = await orLater(() => tidy(source, request, journal, own))
    const remarks: PlanRemark[] =
      left === null ? [] : [{ code: 'former_left', facts: { detail: left.detail } }]
    outcome = { status: 'success', problem: null, remarks }
  } else
    outcome = putBackOutcome(interrupted, await orLater(() => putBack(source, request, journal, own)), [])
  // What could not be put back stays written down.
  if (outcome.problem?.code !== 'put_back_failed') await journal.remove()
  return { ...outcome, found: true }
}

/** A server that is not up yet is no reason to give up: then it rejects, and the journal stays as it is. */
async function orLater(work: () => Promise<Left | null>): Promise<Left | null> {
  const left = await work()
  if (left?.later) throw left.later
  return left
}

/** The journal, once no other process works on it. */
async function unowned(io: SourceIo, operation: string): Promise<Journal | null> {
  for (;;) {
    io.signal.throwIfAborted()
    const journal = await readJournal(io.places.archivesDir, operation)
    if (journal === null || journal.state.phase === 'ended' || !ownedByAnother(journal.state)) return journal
    await sleep(lookMs)
  }
}

/** What could not be put back stays in the journal, for whoever has to do it by hand. */
async function conclude(journal: Journal, outcome: RestoreOutcome): Promise<void> {
  if (outcome.problem?.code !== 'put_back_failed') await journal.end(outcome)
}

function putBackOutcome(
  failure: NonNullable<RestoreOutcome['problem']>,
  left: Left | null,
  remarks: readonly PlanRemark[],
): RestoreOutcome {
  if (left === null) return { status: 'rolled_back', problem: failure, remarks }
  const detail = `${failure.detail}; ${left.detail}`
  return {
    status: 'error',
    problem: { code: 'put_back_failed', facts: { cause: failure.code }, detail },
    remarks,
  }
}

/** Null when everything is as before; else what could not be put back. Goes on after a failure: the rest still counts. */
async function putBack(
  source: AnySource,
  request: RestoreRequest<unknown>,
  journal: Journal,
  io: SourceIo,
): Promise<Left | null> {
  return eachChange(journal.state.changes.toReversed(), io, (change, calm) =>
    source.restore.changes[change.kind]?.undo(change.data, request, calm),
  )
}

/** Null when nothing is left to tidy up. */
async function tidy(
  source: AnySource,
  request: RestoreRequest<unknown>,
  journal: Journal,
  io: SourceIo,
  steps?: Stepper,
): Promise<Left | null> {
  const work = () =>
    eachChange(journal.state.changes, io, (change, calm) =>
      source.restore.changes[change.kind]?.finish?.(change.data, request, calm),
    )
  const left = steps?.has('remove_former') === true ? await steps.during('remove_former', work) : await work()
  if (left !== null) io.log('err', left.detail)
  return left
}

async function eachChange(
  changes: readonly Change[],
  io: SourceIo,
  act: (change: Change, calm: SourceIo) => Promise<void> | undefined,
): Promise<Left | null> {
  const calm = uncancelled(io)
  const failures: string[] = []
  let later: Problem | null = null
  for (const change of changes) {
    try {
      await act(change, calm)
    } catch (error) {
      const problem = asProblem(error)
      if (mayComeBack.has(problem.code)) later ??= problem
      failures.push(`${change.kind}: ${detailOf(problem)} (${JSON.stringify(change.data)})`)
    }
  }
  return failures.length === 0 ? null : { detail: failures.join('; '), later }
}

/** What puts things in order must not be stopped by the cancel that made it necessary. */
function uncancelled(io: SourceIo): SourceIo {
  const { signal } = new AbortController()
  return {
    ...io,
    signal,
    run: (file, args, options = {}) => io.run(file, args, { ...options, signal: options.signal ?? signal }),
  }
}

type Stepper = ReturnType<typeof stepper>

function stepper(plan: RestorePlan, onStep: OnStep) {
  const states: StepState[] = plan.steps.map(() => 'waiting')
  const set = (index: number, state: StepState, detail = ''): void => {
    states[index] = state
    onStep(index, state, detail)
  }
  return {
    has: (code: RestoreStepCode) =>
      plan.steps.some((step, i) => step.code === code && states[i] === 'waiting'),
    async during<T>(code: RestoreStepCode, work: () => Promise<T>): Promise<T> {
      const index = plan.steps.findIndex((step, i) => step.code === code && states[i] === 'waiting')
      if (index === -1) throw new Error(`the plan has no step ${code} left`)
      set(index, 'running')
      try {
        const result = await work()
        set(index, 'done')
        return result
      } catch (error) {
        set(index, 'failed', detailOf(asProblem(error)))
        throw error
      }
    },
    undone() {
      states.forEach((state, i) => {
        if (state === 'done') set(i, 'undone')
      })
    },
    skipRest() {
      states.forEach((state, i) => {
        if (state === 'waiting') set(i, 'skipped')
      })
    },
  }
}

function detailOf(problem: Problem): string {
  const { cause } = problem
  const tail =
    cause !== null && typeof cause === 'object' && 'stderrTail' in cause
      ? String(cause.stderrTail).trim()
      : ''
  return [problem.message, isProblem(cause) ? cause.message : tail]
    .filter((part) => part !== '')
    .join(': ')
    .slice(0, 2000)
}
