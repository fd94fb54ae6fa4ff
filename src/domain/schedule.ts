// What is due and when: cron expressions evaluated in a time zone by croner, and what missed ticks become.
import { Cron } from 'croner'
import { hash32 } from './hash.ts'
import type { RunTrigger } from './run.ts'

const hour = 3_600_000
const day = 24 * hour
const nicknames = new Set(['@hourly', '@daily', '@midnight', '@weekly', '@monthly', '@yearly', '@annually'])

/** A checked cron expression in its time zone. Instants are epoch milliseconds; minutes are the finest step. */
export interface Schedule {
  /** The first tick after that instant; null when there is none any more. */
  readonly next: (afterMs: number) => number | null
  /** The next `n` ticks, fewer when the expression ends. */
  readonly nextRuns: (afterMs: number, n: number) => readonly number[]
  /** The last tick at or before an instant; null when there is none since 1970. */
  readonly last: (atMs: number) => number | null
  /**
   * The longest gap between ticks of the following eight days, or of the next ten ticks where those take longer:
   * how old the last backup of a healthy job may get. Null when fewer than two ticks are left.
   */
  readonly intervalMs: (afterMs: number) => number | null
}

export type ParsedCron =
  | { readonly ok: true; readonly schedule: Schedule }
  | { readonly ok: false; readonly code: 'cron_invalid' | 'cron_never'; readonly detail: string }

// Parsing and asking croner is pure but dear (0.1 ms and 0.03 ms): what was found out is remembered.
const parsed = new Map<string, ParsedCron>()
const mostRemembered = 5000
/** Characters of an expression. */
const longestExpr = 200
const malformed: ParsedCron = {
  ok: false,
  code: 'cron_invalid',
  detail: 'five fields or a nickname such as @daily are expected',
}

/**
 * Reads five cron fields (with croner's `L`, `W`, `#`) or a nickname such as `@daily`. An expression that is wrong
 * (`cron_invalid`) or can never fire (`cron_never`, as `0 0 30 2 *`) is a value with a text for developers.
 *
 * When clocks change: ticks with fixed hours and minutes (`30 2 * * *`, `0 2,14 * * *`) happen once a day always; in
 * the hour that is skipped at its end, in the hour that comes twice the first time. Expressions with `*` or a step
 * among hours or minutes go by elapsed time: they skip the hour that is missing and run in both that come twice.
 */
export function parseCron(expr: string, timeZone: string): ParsedCron {
  if (expr.length > longestExpr) return malformed
  const key = `${timeZone}\n${expr}`
  const known = parsed.get(key)
  if (known !== undefined) return known
  const made = parse(expr.trim(), timeZone)
  if (parsed.size >= mostRemembered) parsed.clear()
  parsed.set(key, made)
  return made
}

function parse(expr: string, timeZone: string): ParsedCron {
  const fields = expr.split(/[ \t]+/)
  if (expr.startsWith('@') ? !nicknames.has(expr) : fields.length !== 5) return malformed
  try {
    const cron = new Cron(expr, {
      paused: true,
      timezone: timeZone,
      mode: '5-part',
      fixedTimeRule: 'no-wildcard',
    })
    if (cron.nextRun(new Date(0)) === null) {
      return { ok: false, code: 'cron_never', detail: 'no date matches' }
    }
    return { ok: true, schedule: scheduleOf(cron) }
  } catch (error) {
    return {
      ok: false,
      code: 'cron_invalid',
      detail: error instanceof Error ? error.message.replace(/^CronPattern: /, '') : String(error),
    }
  }
}

function scheduleOf(cron: Cron): Schedule {
  // The answer stays the same from one tick to the next, so a waiting job costs nothing.
  let from = 0
  let answer: number | null = null
  const next = (afterMs: number): number | null => {
    if (answer !== null && afterMs >= from && afterMs < answer) return answer
    from = afterMs
    answer = cron.nextRun(new Date(afterMs))?.getTime() ?? null
    return answer
  }
  const nextRuns = (afterMs: number, n: number): readonly number[] => {
    const runs: number[] = []
    for (let at = next(afterMs); at !== null && runs.length < n; at = next(at)) runs.push(at)
    return runs
  }
  const last = (atMs: number): number | null => {
    // croner looks strictly before, in whole seconds.
    const found = cron.previousRuns(1, new Date(Math.floor(atMs / 1000) * 1000 + 1000))[0]?.getTime()
    return found === undefined || found < 0 ? null : found
  }
  // The gaps of a day of local time hardly ever change: found out once for each day that asks.
  let gapsOf: number | null = null
  let gap: number | null = null
  const intervalMs = (afterMs: number): number | null => {
    const today = Math.floor(afterMs / day)
    if (gapsOf !== today) {
      gap = longestGap({ next, last }, today * day)
      gapsOf = today
    }
    return gap
  }
  return { next, nextRuns, last, intervalMs }
}

function longestGap(schedule: Pick<Schedule, 'next' | 'last'>, afterMs: number): number | null {
  let longest: number | null = null
  let at = schedule.next(afterMs)
  for (let ticks = 1; at !== null && (ticks < 10 || at < afterMs + 8 * day); ticks++) {
    const following = schedule.next(at)
    if (following === null) break
    longest = Math.max(longest ?? 0, following - at)
    // Short gaps come in crowds: only the first of each hour is measured, the tick before a long one always is.
    at = ticks < 10 || following - at >= hour ? following : Math.max(following, schedule.last(at + hour) ?? 0)
  }
  return longest
}

/** A job as the scheduler knows it. `nextRunAt`: its next tick as stored, null when none is stored. */
export interface ScheduledJob {
  readonly id: number
  readonly uid: string
  readonly cronExpr: string
  readonly nextRunAt: number | null
  readonly enabled: boolean
}

/** A run to queue. `dueAt`: the tick it stands for, the last one of those missed. */
export interface Tick {
  readonly jobId: number
  readonly trigger: Extract<RunTrigger, 'schedule' | 'catch_up'>
  readonly notBefore: number
  readonly dueAt: number
}

export interface TickPlan {
  readonly ticks: readonly Tick[]
  /** What to store as the jobs' next ticks; jobs that are not named keep theirs. */
  readonly next: readonly { readonly jobId: number; readonly nextRunAt: number | null }[]
}

/** A clock that was set back by less than this waits for the stored tick, so that no tick runs twice. */
const longestStepBack = day

/**
 * The runs to queue at `now`, one for each enabled job whose stored tick has come, however many were missed.
 * When the last one is more than `lateAfterMs` ago it is a catch-up, spread over `spreadMs` by the job's uid.
 * A job without a stored tick gets one. A stored tick so far off that the clock must have been wrong by more than a
 * day when it was stored is planned again from now.
 */
export function planTicks(
  jobs: readonly ScheduledJob[],
  now: number,
  timeZone: string,
  options: { readonly lateAfterMs: number; readonly spreadMs: number },
): TickPlan {
  const ticks: Tick[] = []
  const next: { jobId: number; nextRunAt: number | null }[] = []
  for (const job of jobs) {
    const cron = job.enabled ? parseCron(job.cronExpr, timeZone) : null
    const schedule = cron?.ok === true ? cron.schedule : null
    if (job.nextRunAt !== null && job.enabled && job.nextRunAt <= now) {
      const dueAt = lastMissed(schedule, job.nextRunAt, now)
      const late = now - dueAt > options.lateAfterMs
      const wait = late ? hash32(job.uid) % (options.spreadMs + 1) : 0
      ticks.push({ jobId: job.id, trigger: late ? 'catch_up' : 'schedule', notBefore: now + wait, dueAt })
      next.push({ jobId: job.id, nextRunAt: schedule?.next(now) ?? null })
    } else if (schedule === null || job.nextRunAt === null || isAstray(schedule, job.nextRunAt, now)) {
      const nextRunAt = schedule?.next(now) ?? null
      if (nextRunAt !== job.nextRunAt) next.push({ jobId: job.id, nextRunAt })
    }
  }
  return { ticks, next }
}

/** The last tick up to now, from the stored one on. */
function lastMissed(schedule: Schedule | null, stored: number, now: number): number {
  const following = schedule?.next(stored) ?? null
  return following === null || following > now ? stored : Math.max(schedule?.last(now) ?? stored, stored)
}

/** True when ticks lie between a day from now and the stored one: it was stored under a clock far ahead. */
function isAstray(schedule: Schedule, nextRunAt: number, now: number): boolean {
  if (nextRunAt - now <= longestStepBack) return false
  const first = schedule.next(now + longestStepBack)
  return first !== null && first < nextRunAt
}
