// Reads what `backup create` says about each app and system part. It exits with 0 as long as one of them worked.
import { z } from 'zod'
import type { RunWarning, TargetResult } from '../../domain/run.ts'
import { messageOf } from './failure.ts'

const states = z.record(z.string(), z.string()).optional()
/** The answer of `backup create`. */
export const createdSchema = z.object({
  name: z.string(),
  size: z.number(),
  results: z.object({ apps: states, system: states }),
})
export type Created = z.infer<typeof createdSchema>

/** What was asked for; no ids means every one that the server has. */
export interface Wanted {
  readonly kind: 'app' | 'system'
  readonly ids: readonly string[]
}

const longestDetail = 300

/** One result per target: those that were answered, then those that were asked for and not answered, as errors. */
export function targetResults(
  results: Created['results'],
  wanted: Wanted,
  complaints: readonly string[],
): TargetResult[] {
  const told = [
    ...Object.entries(results.system ?? {}).map(([id, state]) => ({ kind: 'system' as const, id, state })),
    ...Object.entries(results.apps ?? {}).map(([id, state]) => ({ kind: 'app' as const, id, state })),
  ]
  const silent = wanted.ids
    .filter((id) => !told.some((one) => one.kind === wanted.kind && one.id === id))
    .map((id) => ({ kind: wanted.kind, id, state: 'Error' }))
  return [...told, ...silent].map(({ kind, id, state }) => {
    const status = statusOf(state)
    const detail = status === 'success' ? undefined : complaintAbout(id, complaints)
    return { kind, id, status, ...(detail !== undefined && { detail }) }
  })
}

/** What makes the run not green: a warning for each target that is not in the archive. */
export function targetWarnings(targets: readonly TargetResult[]): RunWarning[] {
  return targets
    .filter((target) => target.status === 'error' || target.status === 'skipped')
    .map((target) => ({ code: 'target_failed', facts: { target: target.id, status: target.status } }))
}

/** True when the archive holds anything. */
export function anySaved(targets: readonly TargetResult[]): boolean {
  return targets.some((target) => target.status === 'success' || target.status === 'warning')
}

function statusOf(state: string): TargetResult['status'] {
  switch (state) {
    case 'Success':
      return 'success'
    case 'Warning':
      return 'warning'
    case 'Skipped':
      return 'skipped'
    default:
      // Error, Unknown, and whatever a later YunoHost says: not known to be good is not good.
      return 'error'
  }
}

function complaintAbout(id: string, complaints: readonly string[]): string | undefined {
  const line = complaints.findLast((one) => one.includes(id))
  return line === undefined ? undefined : messageOf(line).slice(0, longestDetail)
}
