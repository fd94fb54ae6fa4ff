// The single calls to another instance that its pages and remote restores are made of: one request, one checked answer.
import { z } from 'zod'
import {
  archiveInfoSchema,
  archiveSchema,
  restorePlanSchema,
  restoreStartedSchema,
  restoreStatusSchema,
  type WireArchive,
  type WireArchiveInfo,
  type WireRestorePlan,
  type WireRestoreStatus,
} from '../../domain/api/archives.ts'
import { id, pageOf } from '../../domain/api/common.ts'
import { plainTexts } from '../../domain/poll-plan.ts'
import { invalid, isProblem } from '../../domain/problem.ts'
import type { RestoreOption, RestoreOptions } from '../../domain/restore.ts'
import type { EngineDeps } from '../deps.ts'
import { peerProblem, readAnswer } from '../../sys/peer-answer.ts'
import { peerTarget } from '../peers/target.ts'

/** Somebody waits for these. */
const totalMs = 20_000
/** A restore's plan reads the archive there: that may take a while. */
const planMs = 120_000
const mostBytes = 4 * 2 ** 20
/** Of a log's end as the peer tells it. */
const keptLog = 64 * 1024

const archivesPage = pageOf(archiveSchema)
const startedRun = z.object({ run_id: id })

/** The options that the wire knows. */
const sendable: ReadonlySet<string> = new Set<RestoreOption>(['target_path', 'target_database', 'paths'])

export interface ArchiveQuery {
  readonly app?: string
  readonly q?: string
  readonly cursor?: string
  readonly limit?: number
}

/** A page of the archives there that we may see. */
export async function archivesThere(
  deps: EngineDeps,
  peerId: number,
  query: ArchiveQuery,
  signal: AbortSignal,
): Promise<{ readonly items: readonly WireArchive[]; readonly nextCursor: string | null }> {
  const asked = new URLSearchParams({ limit: String(query.limit ?? 50) })
  for (const key of ['app', 'q', 'cursor'] as const) {
    const value = query[key]
    if (value !== undefined && value !== '') asked.set(key, value)
  }
  const answer = await call(deps, peerId, 'GET', `/archives?${asked.toString()}`, { signal })
  const page = readAnswer(answer, archivesPage)
  return { items: page.items, nextCursor: page.next_cursor }
}

/** The archive of that name there, when there is one that we may see. */
export async function archiveThere(
  deps: EngineDeps,
  peerId: number,
  archive: string,
  signal: AbortSignal,
): Promise<WireArchiveInfo | null> {
  try {
    const answer = await call(deps, peerId, 'GET', `/archives/${encodeURIComponent(archive)}/info`, {
      signal,
    })
    return readAnswer(answer, archiveInfoSchema)
  } catch (error) {
    if (isProblem(error, 'archive_not_found')) return null
    throw error
  }
}

/** Starts a job there; the id of its run. */
export async function runThere(
  deps: EngineDeps,
  peerId: number,
  jobId: number,
  signal: AbortSignal,
): Promise<number> {
  const answer = await call(deps, peerId, 'POST', `/jobs/${jobId}/run`, { signal, json: {} })
  return readAnswer(answer, startedRun).run_id
}

/** What a restore there would do, in that instance's words. `sha256`: of the archive that is meant. */
export async function planThere(
  deps: EngineDeps,
  peerId: number,
  archive: string,
  order: { readonly options: RestoreOptions; readonly sha256: string | null },
  signal: AbortSignal,
): Promise<WireRestorePlan> {
  const json = { ...meant(order), options: { ...wireOptions(order.options), dry_run: true } }
  const answer = await call(deps, peerId, 'POST', restorePath(archive), { signal, json, totalMs: planMs })
  return readAnswer(answer, restorePlanSchema)
}

/** Has it restored there; the restore's id. `sha256`: of the archive that is meant. */
export async function restoreThere(
  deps: EngineDeps,
  peerId: number,
  archive: string,
  order: { readonly options: RestoreOptions; readonly force: boolean; readonly sha256: string | null },
  signal: AbortSignal,
): Promise<number> {
  const json = { ...meant(order), options: { ...wireOptions(order.options), force: order.force } }
  const answer = await call(deps, peerId, 'POST', restorePath(archive), { signal, json, totalMs: planMs })
  return readAnswer(answer, restoreStartedSchema).restore_id
}

/** The newest restore of the archive there; null when there was none. */
export async function restoreStatusThere(
  deps: EngineDeps,
  peerId: number,
  archive: string,
  signal: AbortSignal,
): Promise<WireRestoreStatus | null> {
  const answer = await call(deps, peerId, 'GET', `${restorePath(archive)}/status`, {
    signal,
    // Those of the log.
    newlines: 'lines',
  })
  if (answer.status === 404) {
    const problem = peerProblem(answer)
    if (problem.facts['code'] === 'restore_not_found') return null
    throw problem
  }
  const status = readAnswer(answer, restoreStatusSchema)
  return { ...status, log_tail: status.log_tail.slice(-keptLog) }
}

/** `validation_failed` for an option that the wire does not know: it must not be left out in silence. */
export function wireOptions(options: RestoreOptions): Readonly<Record<string, unknown>> {
  const wanted = Object.entries(options).filter(([, value]) => value !== undefined)
  const odd = wanted.filter(([key]) => !sendable.has(key))
  if (odd.length > 0) {
    throw invalid(...odd.map(([key]) => ({ field: key, code: 'option_unsupported' as const })))
  }
  return Object.fromEntries(wanted)
}

function meant({ sha256 }: { readonly sha256: string | null }): { readonly expected_sha256?: string } {
  return sha256 === null ? {} : { expected_sha256: sha256 }
}

function restorePath(archive: string): string {
  return `/archives/${encodeURIComponent(archive)}/restore`
}

async function call(
  deps: EngineDeps,
  peerId: number,
  method: 'GET' | 'POST',
  path: string,
  options: {
    readonly signal: AbortSignal
    readonly json?: unknown
    readonly totalMs?: number
    readonly newlines?: 'lines'
  },
) {
  const limit = options.totalMs ?? totalMs
  const answer = await deps.peerHttp.request(await peerTarget(deps, peerId), {
    method,
    path,
    signal: options.signal,
    ...(options.json !== undefined && { json: options.json }),
    idleMs: limit,
    totalMs: limit,
    maxBytes: mostBytes,
  })
  return { ...answer, json: plainTexts(answer.json, options.newlines) }
}
