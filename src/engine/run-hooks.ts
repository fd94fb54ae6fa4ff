// The commands an admin wrote around a backup: pre_backup may stop a service, post_backup starts it again.
import { isProblem, Problem } from '../domain/problem.ts'
import type { RunWarning } from '../domain/run.ts'
import type { EngineDeps } from './deps.ts'
import type { RunWork } from './run-work.ts'

/** Rejects with `hook_failed` when the command fails: the backup must not run then. */
export async function preHook(deps: EngineDeps, work: RunWork): Promise<void> {
  const command = work.job.hooks.preBackup
  if (!command) return
  const failure = await hook(deps, work, command, work.signal, {})
  if (failure !== null) throw new Problem('hook_failed', { hook: 'pre_backup', detail: failure })
}

/** Runs whatever happened, with the outcome in its environment; its own failure is a warning. */
export async function postHook(
  deps: EngineDeps,
  work: RunWork,
  outcome: Readonly<Record<'BM_STATUS' | 'BM_ARCHIVE' | 'BM_ERROR', string>>,
): Promise<readonly RunWarning[]> {
  const command = work.job.hooks.postBackup
  if (!command) return []
  // Its own time limit only: a cancelled run must still start again what pre_backup stopped.
  const failure = await hook(deps, work, command, undefined, outcome)
  return failure === null ? [] : [{ code: 'post_hook_failed', facts: { detail: failure } }]
}

/** Null when the command ended with 0 in time, else what happened. */
async function hook(
  deps: EngineDeps,
  work: RunWork,
  command: string,
  signal: AbortSignal | undefined,
  env: Readonly<Record<string, string>>,
): Promise<string | null> {
  const limit = AbortSignal.timeout(work.job.hooks.timeoutS * 1000)
  try {
    const { exitCode } = await deps.helper.call(
      'hook',
      { command, env: { BM_JOB: work.job.name, BM_INSTANCE: deps.instance.name, ...env } },
      {
        signal: signal ? AbortSignal.any([signal, limit]) : limit,
        operation: work.run.operation,
        onFrame: work.onFrame,
      },
    )
    return exitCode === 0 ? null : `exit code ${exitCode}`
  } catch (error) {
    if (signal?.aborted) throw error
    if (limit.aborted) return `no end after ${work.job.hooks.timeoutS} s`
    if (isProblem(error)) return error.message
    throw error
  }
}
