// Executes one restore: proves the archive, saves the present state, then has the helper do it, or take it back.
import { slug } from '../../domain/archive-name.ts'
import { isProblem, Problem, type ProblemCode } from '../../domain/problem.ts'
import type { PlanRemark, Restore, RestoreOutcome } from '../../domain/restore.ts'
import type { RunWarning } from '../../domain/run.ts'
import type { AnySource } from '../../sources/source.ts'
import { getArchive, setPinned, upsertArchives } from '../../store/archives.ts'
import { finishRestore, setRestoreProgress, setSafetyArchive, type RestoreEnd } from '../../store/restores.ts'
import { getSettings } from '../../store/settings.ts'
import type { PassingFrame } from '../../sys/helper-answer.ts'
import type { HelperCall } from '../../sys/helper-client.ts'
import type { EngineDeps } from '../deps.ts'
import { withHold } from '../hold.ts'
import type { LogFile } from '../log-file.ts'
import { archiveOf, catalogueEntry, makeArchive, mustFit } from '../make-archive.ts'
import { restoreSpace, type Space } from '../space.ts'
import { redactor, type Config } from '../secrets.ts'
import { verifyArchive } from '../verify.ts'
import { digestForHelper, engineStepCount } from './plan.ts'
import { judgeSafety } from './safety.ts'
import type { Steps } from './steps.ts'

/** How long the state before a restore is kept. */
export const SAFETY_DAYS = 7
const DAY_MS = 86_400_000
/** Putting back takes as long as it takes: a helper is not killed because of it. */
const PUT_BACK_PATIENCE_MS = 6 * 3_600_000
const PROGRESS_EVERY_MS = 1000

export type RestoreStop = 'cancelled' | 'interrupted'

export interface RestoreWork {
  readonly restore: Restore
  readonly source: AnySource
  /** Settings with their secrets in clear: only for the helper. */
  readonly config: Config
  readonly log: LogFile
  readonly steps: Steps
  readonly space: Space
  /** Aborted with a {@link RestoreStop}. */
  readonly signal: AbortSignal
  changed(): void
}

/** Brings it to its end and records that. Rejects only when the database itself fails. */
export async function executeRestore(deps: EngineDeps, work: RestoreWork): Promise<Restore | null> {
  const { restore, log } = work
  log.write(
    'info',
    `restore ${restore.id} of ${restore.archiveName} to ${restore.target}, asked by ${restore.actor}`,
  )
  let end: Pick<RestoreEnd, 'status' | 'errorCode' | 'errorFacts' | 'remarks'>
  try {
    end = endOf(await perform(deps, work), work.signal)
  } catch (error) {
    // Nothing has been changed: whatever changes something answers with an outcome.
    const problem = asProblem(error, work.signal)
    if (!isProblem(error) && !work.signal.aborted)
      deps.log.error({ err: error, restore: restore.id }, 'a restore failed')
    log.write('err', `${problem.code}: ${problem.message}`)
    for (const one of problem.errors)
      log.write('err', `${one.field}: ${one.code} ${JSON.stringify(one.facts ?? {})}`)
    const status = problem.code === 'cancelled' || problem.code === 'interrupted' ? 'cancelled' : 'error'
    end = { status, errorCode: problem.code, errorFacts: problem.facts, remarks: [] }
  }
  log.write('info', `ended: ${end.status}`)
  await work.steps.written()
  const logTail = await log.close()
  const finished = await finishRestore(deps.db, restore.id, { ...end, finishedAt: deps.clock.now(), logTail })
  work.changed()
  if (end.status === 'success' || end.status === 'rolled_back') await forget(deps, work)
  return finished
}

/** The outcome is on record now: the helper need not keep it any longer. */
async function forget(deps: EngineDeps, work: RestoreWork): Promise<void> {
  try {
    await deps.helper.call('restore.recover', { ...restoreArgs(work, null), of: work.restore.operation })
  } catch (error) {
    deps.log.warn(
      { err: error, restore: work.restore.id },
      'the journal of a finished restore could not be removed',
    )
  }
}

async function perform(deps: EngineDeps, work: RestoreWork): Promise<RestoreOutcome> {
  const { restore } = work
  return withHold(deps, restore.archiveName, 'restore', async () => {
    await work.steps.during('verify_archive', () => prove(deps, work))
    const saved = restore.plan.safety
      ? await work.steps.during('safety_archive', () => saveThePresent(deps, work))
      : null
    work.signal.throwIfAborted()
    const outcome = await apply(deps, work, saved?.name ?? null)
    return saved?.remark ? { ...outcome, remarks: [saved.remark, ...outcome.remarks] } : outcome
  })
}

async function prove(deps: EngineDeps, work: RestoreWork): Promise<void> {
  const after = await verifyArchive(deps, work.restore.archiveName, work.restore.actor, work.signal)
  if (after.state === 'ok') return
  throw new Problem('archive_corrupted', { archive: after.name, detail: after.stateDetail ?? '' })
}

interface Saved {
  readonly name: string
  /** What is to be said of it; null when it is whole. */
  readonly remark: PlanRemark | null
  /** The same for the step, in English. */
  readonly detail: string
}

/** The archive that holds what is about to be replaced, pinned for a week. Rejects with `safety_incomplete`, … */
async function saveThePresent(deps: EngineDeps, work: RestoreWork): Promise<Saved> {
  const { restore, log } = work
  const order = restore.plan.safety
  const source = deps.sources.find((one) => one.id === order?.type)
  if (!order || !source) throw new Problem('source_unknown', { type: order?.type ?? '' })
  const secrets = source.id === work.source.id ? pick(work.config, source.secrets) : {}
  const config = { ...order.settings, ...secrets }
  const call = { ...callOf(deps, work), signal: work.signal }
  const settings = await getSettings(deps.db)
  const archive = await getArchive(deps.db, restore.archiveName)
  await mustFit(deps, {
    source,
    config,
    newest: null,
    reserveBytes: settings.diskReserveBytes,
    promise: (bytes, check) => work.space.take(restoreSpace(restore.id), bytes, check),
    call,
  })
  const produced = await makeArchive(deps, {
    source,
    config,
    subject: subjectOf(archive?.app ?? null) ?? source.subject(config, restore.archiveName),
    description: `before the restore of ${restore.archiveName} (BackupManager, ${deps.instance.name})`,
    // Of no job: a rule that keeps good backups must not count the state that somebody wanted to get rid of.
    job: { uid: restore.operation, name: `restore ${restore.id}` },
    call,
    onName: async (name) => {
      await setSafetyArchive(deps.db, restore.id, name)
      log.write('info', `the present state goes into ${name}`)
    },
  }).finally(() => work.space.release(restoreSpace(restore.id)))
  const name = archiveOf(produced)
  await deps.db.transaction().execute(async (trx) => {
    await upsertArchives(trx, [catalogueEntry(deps, source, produced)])
    await setPinned(trx, name, true, deps.clock.now() + SAFETY_DAYS * DAY_MS)
  })
  for (const one of produced.warnings) log.write('err', `warning of ${name}: ${warningLine(one)}`)
  const incomplete = produced.targets.some((one) => one.status === 'error' || one.status === 'skipped')
  if (incomplete) throw new Problem('nothing_backed_up', { target: restore.target })
  const remark = judgeSafety(name, produced)
  const detail =
    remark === null ? '' : `${name} was made with warnings (${remark.facts['number']}): see the log`
  return { name, remark, detail }
}

function warningLine({ code, path, facts }: RunWarning): string {
  const told = Object.entries(facts ?? {}).map(([key, value]) => `${key}=${value ?? ''}`)
  return [code, ...(path === undefined ? [] : [path]), ...told].join(' ')
}

async function apply(
  deps: EngineDeps,
  work: RestoreWork,
  safetyArchive: string | null,
): Promise<RestoreOutcome> {
  const args = restoreArgs(work, safetyArchive)
  try {
    return await deps.helper.call(
      'restore.apply',
      { ...args, planDigest: digestForHelper(work.restore.plan) },
      { ...callOf(deps, work), signal: work.signal, patienceMs: PUT_BACK_PATIENCE_MS },
    )
  } catch (error) {
    // The helper died under it: another one looks at what it left.
    if (!isProblem(error, 'helper_unavailable')) throw error
    work.log.write('err', `${error.message}; looking at what it left`)
    const found = await deps.helper.call('restore.recover', { ...args, of: work.restore.operation })
    if (!found.found) throw error
    return found
  }
}

/** What the helper must know again, for `restore.apply` as for `restore.recover`. */
export function restoreArgs(
  work: Pick<RestoreWork, 'restore' | 'source' | 'config'>,
  safetyArchive: string | null,
) {
  const { restore, source, config } = work
  return {
    archive: restore.archiveName,
    type: source.id,
    settings: config,
    options: restore.options,
    safetyArchive,
  }
}

function callOf(deps: EngineDeps, work: RestoreWork): HelperCall {
  const redact = redactor(work.source, work.config)
  const offset = engineStepCount(work.restore.plan)
  let lastAt = -PROGRESS_EVERY_MS
  const onFrame = (frame: PassingFrame): void => {
    if (frame.t === 'log') work.log.write(frame.stream, redact(frame.text))
    if (frame.t === 'restore') work.steps.set(frame.step + offset, frame.state, redact(frame.detail))
    if (frame.t !== 'progress') return
    const now = performance.now()
    if (frame.done !== frame.total && now - lastAt < PROGRESS_EVERY_MS) return
    lastAt = now
    setRestoreProgress(deps.db, work.restore.id, frame.done, frame.total).then(
      () => work.changed(),
      (error: unknown) =>
        deps.log.warn({ err: error, restore: work.restore.id }, 'could not store the progress'),
    )
  }
  return { operation: work.restore.operation, onFrame }
}

/** What an archive says it is of may come from anywhere; in a name of ours it has to be harmless. */
function subjectOf(app: string | null): string | null {
  if (app === null || app === '') return null
  return /^[A-Za-z0-9_.-]{1,100}$/.test(app) ? app : slug(app)
}

/** How an outcome is recorded. */
export function endOf(
  outcome: RestoreOutcome,
  signal: AbortSignal,
): Pick<RestoreEnd, 'status' | 'errorCode' | 'errorFacts' | 'remarks'> {
  const { problem, remarks, status } = outcome
  const code: ProblemCode | null = problem?.code === 'cancelled' ? reasonOf(signal) : (problem?.code ?? null)
  const facts = problem ? { ...problem.facts, detail: problem.detail } : {}
  const nothingChanged = status === 'error' && (code === 'cancelled' || code === 'interrupted')
  return { status: nothingChanged ? 'cancelled' : status, errorCode: code, errorFacts: facts, remarks }
}

function reasonOf(signal: AbortSignal): RestoreStop {
  return signal.reason === 'interrupted' ? 'interrupted' : 'cancelled'
}

function asProblem(error: unknown, signal: AbortSignal): Problem {
  if (signal.aborted) return new Problem(reasonOf(signal), {}, { cause: error })
  if (isProblem(error)) return error
  return new Problem(
    'internal',
    { detail: error instanceof Error ? error.message : String(error) },
    { cause: error },
  )
}

function pick(config: Config, keys: readonly string[]): Config {
  return Object.fromEntries(Object.entries(config).filter(([key]) => keys.includes(key)))
}
