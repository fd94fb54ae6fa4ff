// Executes one run from its claim to its single terminal state. Which state that is, `domain/run-state.ts` decides.
import type { Produced } from '../domain/helper-protocol.ts'
import { sizeCollapsed } from '../domain/anomaly.ts'
import { isProblem, Problem } from '../domain/problem.ts'
import { outcome } from '../domain/run-state.ts'
import type { Run, RunStatus, RunStep, RunWarning } from '../domain/run.ts'
import { archivesOfJob, upsertArchives } from '../store/archives.ts'
import { finishRun, setRunArchive, setRunStep } from '../store/runs.ts'
import type { EngineDeps } from './deps.ts'
import { archiveOf, catalogueEntry, makeArchive, mustFit } from './make-archive.ts'
import { applyRetention, suspendRetention } from './prune.ts'
import { postHook, preHook } from './run-hooks.ts'
import { runSpace } from './space.ts'
import type { RunWork, StopReason } from './run-work.ts'

interface Result {
  readonly produced: Produced | null
  readonly warnings: readonly RunWarning[]
  readonly problem: Problem | null
}

/** Runs the job and records the outcome. Rejects only when the database itself fails. */
export async function executeRun(deps: EngineDeps, work: RunWork): Promise<Run | null> {
  const say = (text: string) => work.log.write('info', text)
  let result: Result
  try {
    result = await perform(deps, work)
  } catch (error) {
    result = { produced: null, warnings: [], problem: asProblem(error, work.signal) }
    if (!isProblem(error)) deps.log.error({ err: error, run: work.run.id }, 'a run failed unexpectedly')
  }
  const status = statusOf(result, work.signal)
  if (result.problem) say(`${result.problem.code}: ${result.problem.message}`)
  say(`ended: ${status}`)
  const logTail = await closeLog(deps, work)
  const { produced, warnings, problem } = result
  const finished = await finishRun(deps.db, work.run.id, {
    status,
    finishedAt: deps.clock.now(),
    archiveName: produced ? archiveOf(produced) : null,
    sizeBytes: produced?.sizeBytes ?? null,
    errorCode: problem?.code ?? null,
    errorFacts: problem?.facts ?? {},
    targets: produced?.targets ?? [],
    warnings,
    warningCount: (produced?.warningCount ?? 0) + warnings.length - (produced?.warnings.length ?? 0),
    exitCodes: produced?.exitCodes ?? {},
    logTail,
  })
  work.events.changed(work.run.id)
  return finished
}

async function perform(deps: EngineDeps, work: RunWork): Promise<Result> {
  const { job, run } = work
  work.log.write(
    'info',
    `run ${run.id} of ${job.name} (${job.type}), started by ${run.actor} (${run.trigger})`,
  )
  await step(deps, work, 'check_space')
  await checkSpace(deps, work)

  let produced: Produced | null = null
  let problem: Problem | null = null
  const warnings: RunWarning[] = []
  try {
    await step(deps, work, 'pre_hook')
    await preHook(deps, work)
    await step(deps, work, 'backup')
    produced = await produce(deps, work)
    warnings.push(...produced.warnings)
    // From here on the archive exists: a stop that comes now comes too late.
    await step(deps, work, 'record', true)
    await recordArchive(deps, work, produced)
  } catch (error) {
    problem = asProblem(error, work.signal)
    if (!isProblem(error) && !work.signal.aborted)
      deps.log.error({ err: error, run: run.id }, 'backup failed')
  }
  // Whatever happened, so that what pre_backup stopped is started again.
  await step(deps, work, 'post_hook', true)
  warnings.push(
    ...(await postHook(deps, work, {
      BM_STATUS: statusOf({ produced, warnings, problem }, work.signal),
      BM_ARCHIVE: produced ? archiveOf(produced) : '',
      BM_ERROR: problem?.code ?? '',
    })),
  )
  if (produced && statusOf({ produced, warnings, problem }, work.signal) === 'success') {
    await step(deps, work, 'retention', true)
    warnings.push(...(await prune(deps, work, produced)))
  }
  return { produced, warnings, problem }
}

/** Refuses before anything is written when the disk could not hold the archive with a margin. */
async function checkSpace(deps: EngineDeps, work: RunWork): Promise<void> {
  const { job, source, config, signal, run } = work
  const newest = (await archivesOfJob(deps.db, job.id))[0]?.sizeBytes ?? null
  await mustFit(deps, {
    source,
    config,
    newest,
    reserveBytes: work.settings.diskReserveBytes,
    promise: (bytes, check) => work.space.take(runSpace(run.id), bytes, check),
    call: { signal, operation: run.operation, onFrame: work.onFrame },
  })
}

function produce(deps: EngineDeps, work: RunWork): Promise<Produced> {
  const { job, source, config, run } = work
  return makeArchive(deps, {
    source,
    config,
    subject: source.subject(job.config, job.name),
    description: `${job.name} (BackupManager, ${deps.instance.name})`,
    job: { uid: job.uid, name: job.name },
    call: { signal: work.signal, operation: run.operation, onFrame: work.onFrame },
    onName: async (name) => {
      await setRunArchive(deps.db, run.id, name)
      work.log.write('info', `archive ${name}`)
    },
  })
}

async function recordArchive(deps: EngineDeps, work: RunWork, produced: Produced): Promise<void> {
  const { job, source } = work
  await upsertArchives(deps.db, [
    {
      ...catalogueEntry(deps, source, produced),
      app: source.subject(job.config, job.name),
      jobId: job.id,
      jobUid: job.uid,
    },
  ])
}

async function prune(deps: EngineDeps, work: RunWork, produced: Produced): Promise<readonly RunWarning[]> {
  try {
    await lookForCollapse(deps, work, produced)
    const preview = await applyRetention(
      deps,
      work.job.id,
      'retention',
      (text) => work.log.write('info', text),
      work.signal,
    )
    work.log.write(
      'info',
      `retention: ${preview.plan.keep.length} kept, ${preview.plan.remove.length} removed`,
    )
    return []
  } catch (error) {
    if (work.signal.aborted) return []
    deps.log.warn({ err: error, run: work.run.id }, 'retention failed')
    return [{ code: 'retention_failed', facts: { detail: isProblem(error) ? error.message : String(error) } }]
  }
}

/** A backup that shrank to less than half may be that of an emptied folder: the good ones before it must stay. */
async function lookForCollapse(deps: EngineDeps, work: RunWork, produced: Produced): Promise<void> {
  const earlier = (await archivesOfJob(deps.db, work.job.id)).filter(
    (one) => one.name !== archiveOf(produced) && one.state !== 'corrupted',
  )
  const sizes = earlier.map((one) => one.sizeBytes)
  if (!sizeCollapsed(produced.sizeBytes, sizes)) return
  work.log.write('info', `this archive has ${produced.sizeBytes} bytes, less than half of the ones before it`)
  await suspendRetention(deps, work.job, 'size_collapse')
}

/**
 * Tells which step the run is at. `always`: also after the run was told to stop; then it must not fail either, because
 * what follows has to happen.
 */
async function step(deps: EngineDeps, work: RunWork, name: RunStep, always = false): Promise<void> {
  if (!always) work.signal.throwIfAborted()
  try {
    await setRunStep(deps.db, work.run.id, name)
  } catch (error) {
    if (!always) throw error
    deps.log.warn({ err: error, run: work.run.id }, 'could not store the step of a run')
  }
  work.events.changed(work.run.id)
}

function statusOf(result: Result, signal: AbortSignal): Exclude<RunStatus, 'queued' | 'running'> {
  // A finished archive is not undone by a stop that came too late to prevent it.
  if (signal.aborted && !result.produced) {
    if (signal.reason === 'cancelled') return 'cancelled'
    if (signal.reason === 'interrupted') return 'interrupted'
    return 'error'
  }
  return outcome({
    targets: result.produced?.targets ?? [],
    warnings: result.warnings,
    error: result.problem !== null,
  })
}

function asProblem(error: unknown, signal: AbortSignal): Problem {
  if (signal.aborted) {
    const reason = signal.reason as StopReason
    return new Problem(reason, {}, { cause: error })
  }
  if (isProblem(error)) return error
  return new Problem(
    'internal',
    { detail: error instanceof Error ? error.message : String(error) },
    { cause: error },
  )
}

async function closeLog(deps: EngineDeps, work: RunWork): Promise<string> {
  try {
    return await work.log.close()
  } catch (error) {
    deps.log.error({ err: error, run: work.run.id }, 'the log of a run could not be written')
    return ''
  }
}
