// Restore drills: the proof that an archive can really be restored, made on a schedule and shown beside the job.
import type { Facts } from './problem.ts'

/**
 * How deep a drill goes. `read`: every byte is read and every hash compared. `extract`: unpacked into a scratch folder and
 * compared with what was written down. `load`: the dump is loaded into a scratch database and its rows are counted.
 */
export const drillDepths = ['read', 'extract', 'load'] as const
export type DrillDepth = (typeof drillDepths)[number]

/** `inconclusive`: the machine could not make the test (no space, server down); it says nothing about the archive. */
export const drillVerdicts = ['passed', 'failed', 'inconclusive'] as const
export type DrillVerdict = (typeof drillVerdicts)[number]

/** What a drill saw. Texts: `drill.finding.<code>`. */
export const drillFindingCodes = [
  'bytes_read',
  'damage',
  'files_compared',
  'file_differs',
  'file_missing',
  'tables_loaded',
  'table_missing',
  'rows_counted',
  'dump_refused',
  'no_space',
  'tool_missing',
  'server_unreachable',
  'account_refused',
  'interrupted',
  'failed_unexpectedly',
] as const
export interface DrillFinding {
  readonly code: (typeof drillFindingCodes)[number]
  readonly facts: Facts
}
export interface DrillResult {
  readonly verdict: DrillVerdict
  /** At most 50. */
  readonly findings: readonly DrillFinding[]
}

/** A stored drill. Times are epoch milliseconds. */
export interface Drill extends DrillResult {
  readonly id: number
  readonly jobId: number
  readonly archiveName: string
  readonly depth: DrillDepth
  readonly actor: string
  readonly startedAt: number
  readonly finishedAt: number
}
