// Which jobs' last good backup is older than their schedule allows, and which apps have one that is not. Pure.
import { overdue } from '../../../domain/overdue.ts'
import { parseCron } from '../../../domain/schedule.ts'
import type { BackupAge } from '../../../store/overview.ts'
import { appType } from './protect.ts'

/** Ids of the overdue ones among enabled jobs. `now` in epoch ms. */
export function overdueJobs(ages: readonly BackupAge[], now: number, timeZone: string): readonly number[] {
  return ages
    .filter(({ cronExpr, ...age }) => {
      const cron = parseCron(cronExpr, timeZone)
      const intervalMs = cron.ok ? cron.schedule.intervalMs(now) : null
      return overdue({ ...age, enabled: true, intervalMs }, now).overdue
    })
    .map((age) => age.jobId)
}

/** Ids of apps with a job that has a good backup and is not overdue. */
export function appsBackedUp(ages: readonly BackupAge[], overdueIds: readonly number[]): ReadonlySet<string> {
  const late = new Set(overdueIds)
  return new Set(
    ages.flatMap(({ jobId, type, appId, lastSuccessAt }) =>
      type === appType && appId !== null && lastSuccessAt !== null && !late.has(jobId) ? [appId] : [],
    ),
  )
}
