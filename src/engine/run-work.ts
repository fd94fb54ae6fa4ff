// Everything one run needs while it executes.
import type { Job } from '../domain/job.ts'
import type { Run } from '../domain/run.ts'
import type { InstanceSettings } from '../domain/settings.ts'
import type { AnySource } from '../sources/source.ts'
import { setRunProgress } from '../store/runs.ts'
import type { PassingFrame } from '../sys/helper-answer.ts'
import type { EngineDeps } from './deps.ts'
import type { RunEvents } from './events.ts'
import type { RunLog } from './run-log.ts'
import type { Config } from './secrets.ts'
import { runSpace, type Space } from './space.ts'

const PROGRESS_EVERY_MS = 1000

/** Why a run was told to stop; decides between cancelled, timed out and interrupted. */
export type StopReason = 'cancelled' | 'timed_out' | 'interrupted'

export interface RunWork {
  readonly run: Run
  readonly job: Job
  readonly source: AnySource
  /** The job's settings with their secrets in clear: only for the helper. */
  readonly config: Config
  readonly settings: InstanceSettings
  readonly log: RunLog
  /** Aborted with a {@link StopReason}. */
  readonly signal: AbortSignal
  readonly events: RunEvents
  readonly space: Space
  /** What the helper says meanwhile: log lines and progress. */
  readonly onFrame: (frame: PassingFrame) => void
}

/** Writes log lines at once and progress at most once a second. */
export function frameHandler(
  deps: EngineDeps,
  runId: number,
  log: RunLog,
  events: RunEvents,
  space: Space,
  redact: (text: string) => string,
): (frame: PassingFrame) => void {
  // Not the time of day: that may be set back.
  let lastAt = -PROGRESS_EVERY_MS
  return (frame) => {
    if (frame.t === 'log') log.write(frame.stream, redact(frame.text))
    if (frame.t !== 'progress') return
    space.wrote(runSpace(runId), frame.done)
    const now = performance.now()
    if (frame.done !== frame.total && now - lastAt < PROGRESS_EVERY_MS) return
    lastAt = now
    setRunProgress(deps.db, runId, frame.done, frame.total).then(
      () => events.changed(runId),
      (error: unknown) => deps.log.warn({ err: error, run: runId }, 'could not store the progress of a run'),
    )
  }
}
