// What destinations hold of ours: asked for, compared, and let go when retention no longer keeps it.
import type { z } from 'zod'
import { archiveSchema, type WireArchive } from '../../domain/api/archives.ts'
import { pageOf } from '../../domain/api/common.ts'
import type { Job } from '../../domain/job.ts'
import { Problem, type ProblemCode } from '../../domain/problem.ts'
import { planRetention } from '../../domain/retention.ts'
import type { RetentionPolicy } from '../../domain/retention-policy.ts'
import type { Copy, CopyState, Destination } from '../../domain/transfer.ts'
import { addActivity } from '../../store/activity.ts'
import { copiesAt, forgetCopy, markCopies, pinnedWithCopy } from '../../store/copies.ts'
import { getJob, listJobs } from '../../store/jobs.ts'
import { peerProblem, readAnswer } from '../../sys/peer-answer.ts'
import type { EngineDeps } from '../deps.ts'
import { clockJumped } from '../prune.ts'
import { targetOf } from './attempt.ts'

const PAGE = 1000
/** A peer that never comes to an end has at most so many pages read. */
const MOST_PAGES = 200
const PAGE_BYTES = 16 * 1024 * 1024
const ASK_LIMIT_MS = 60_000
const pageSchema = pageOf(archiveSchema)

/** The holder's rules: it stays for now, and is asked for again later. */
const stays: ReadonlySet<ProblemCode> = new Set(['archive_held', 'archive_pinned', 'archive_in_use'])

/** Asks the holder for all it has and records which of our copies are among it. */
export async function checkCopies(
  deps: EngineDeps,
  destination: Destination,
  signal: AbortSignal,
): Promise<void> {
  const copies = await copiesAt(deps.db, destination.id)
  if (copies.length === 0) return
  const there = await listHolder(deps, destination, signal)
  const found = copies.map((copy) => ({ copy, state: stateOf(copy, there.get(copy.archiveName)) }))
  await markCopies(deps.db, found, deps.clock.now())
}

function stateOf(copy: Copy, held: WireArchive | undefined): CopyState {
  if (held === undefined) return 'missing'
  const other = held.sha256 !== null && held.sha256 !== copy.sha256
  return other || held.state === 'corrupted' || held.size_bytes !== copy.sizeBytes ? 'corrupted' : 'present'
}

async function listHolder(
  deps: EngineDeps,
  destination: Destination,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, WireArchive>> {
  const target = await targetOf(deps, destination)
  const there = new Map<string, WireArchive>()
  let cursor: string | null = null
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const query = new URLSearchParams({ limit: String(PAGE), ...(cursor !== null && { cursor }) })
    const answer = await deps.peerHttp.request(target, {
      method: 'GET',
      path: `/archives?${query.toString()}`,
      signal,
      maxBytes: PAGE_BYTES,
      totalMs: ASK_LIMIT_MS,
    })
    const read: z.infer<typeof pageSchema> = readAnswer(answer, pageSchema)
    for (const one of read.items) there.set(one.name, one)
    cursor = read.next_cursor
    if (cursor === null) return there
  }
  // Half a list says nothing of what is missing in it.
  throw new Problem('peer_answer_invalid', { detail: `more than ${MOST_PAGES} pages of archives` })
}

/**
 * Asks the holder to delete what the destination's policy, or else the job's, no longer keeps. It decides: what it holds or
 * pins stays. To be called right after {@link checkCopies}: only copies that are known to be there stand for others. Nothing
 * goes while an anomaly suspends removal for the job, nor of a job that is gone, nor what is pinned here or `inUse`.
 */
export async function pruneCopies(
  deps: EngineDeps,
  destination: Destination,
  inUse: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<void> {
  const copies = await copiesAt(deps.db, destination.id)
  const jobs = await listJobs(deps.db)
  const kept = { inUse, pinned: await pinnedWithCopy(deps.db, destination.id) }
  for (const job of jobs) {
    const ofJob = copies.filter((copy) => copy.jobUid === job.uid)
    if (ofJob.length === 0 || job.unreadable || job.retentionHold !== null) continue
    const plan = planCopies(deps, ofJob, destination.retention ?? job.retention, kept)
    if (plan.remove.length === 0 && plan.forget.length === 0) continue
    if (
      clockJumped(
        deps,
        job,
        ofJob.map((copy) => ({ createdAt: copy.archiveAt })),
      )
    ) {
      deps.log.warn(
        { job: job.name, destination: destination.name },
        'the clock is in doubt: no copy is removed',
      )
      continue
    }
    for (const name of plan.forget) await forgetCopy(deps.db, name, destination.id)
    for (const name of plan.remove) {
      signal.throwIfAborted()
      if ((await getJob(deps.db, job.id))?.retentionHold !== null) break
      await letGo(deps, destination, job, name, signal)
    }
  }
}

/** What goes, and what is gone already and would go anyway. */
function planCopies(
  deps: EngineDeps,
  copies: readonly Copy[],
  policy: RetentionPolicy,
  kept: { readonly inUse: ReadonlySet<string>; readonly pinned: ReadonlySet<string> },
): { readonly remove: readonly string[]; readonly forget: readonly string[] } {
  const planOf = (these: readonly Copy[]) =>
    planRetention(
      these.map((copy) => ({
        name: copy.archiveName,
        createdAt: copy.archiveAt,
        state: copy.state === 'corrupted' ? 'corrupted' : 'ok',
        sizeBytes: copy.sizeBytes,
        inUse: kept.inUse.has(copy.archiveName),
        pinned: kept.pinned.has(copy.archiveName),
      })),
      policy,
      deps.clock.now(),
      deps.timeZone,
    ).remove.map((one) => one.name)
  const missing = new Set(copies.filter((copy) => copy.state === 'missing').map((copy) => copy.archiveName))
  return {
    remove: planOf(copies.filter((copy) => copy.state !== 'missing')),
    forget: planOf(copies).filter((name) => missing.has(name)),
  }
}

async function letGo(
  deps: EngineDeps,
  destination: Destination,
  job: Pick<Job, 'id'>,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  const target = await targetOf(deps, destination)
  const path = `/archives/${encodeURIComponent(name)}`
  const answer = await deps.peerHttp.request(target, {
    method: 'DELETE',
    path,
    signal,
    totalMs: 10 * ASK_LIMIT_MS,
  })
  if (answer.status > 299) {
    const problem = peerProblem(answer)
    if (stays.has(problem.code)) return
    if (problem.code !== 'archive_not_found') throw problem
  }
  await deps.db.transaction().execute(async (trx) => {
    await forgetCopy(trx, name, destination.id)
    const facts = { destination: destination.name }
    const at = deps.clock.now()
    await addActivity(trx, {
      at,
      actor: 'retention',
      action: 'copy.delete',
      subject: name,
      jobId: job.id,
      facts,
    })
  })
}
