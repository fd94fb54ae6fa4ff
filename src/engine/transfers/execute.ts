// Brings one attempt at a transfer to its end and records that: done, over, or to be tried again.
import { isProblem, Problem, type Facts } from '../../domain/problem.ts'
import type { TransferStop } from '../../domain/transfer-queue.ts'
import { afterFailure, seriesAfter, withSeries } from '../../domain/transfer-retry.ts'
import type { Transfer } from '../../domain/transfer.ts'
import { addActivity } from '../../store/activity.ts'
import { finishTransfer, parkTransfer, settleWanted } from '../../store/transfers.ts'
import type { EngineDeps } from '../deps.ts'
import type { Attempt } from './attempt.ts'
import { executeFetch } from './execute-fetch.ts'
import { executeSend } from './execute-send.ts'

/** Rejects only when the database itself fails. */
export async function execute(deps: EngineDeps, attempt: Attempt, random: () => number): Promise<void> {
  const { transfer, io, meter } = attempt
  let failure: { readonly error: unknown } | null = null
  let bytesTotal = 0
  try {
    bytesTotal = await (transfer.direction === 'send' ? executeSend : executeFetch)(deps, attempt)
  } catch (error) {
    failure = { error }
  }
  await meter.flush()
  if (failure === null) {
    const end = { status: 'success', finishedAt: deps.clock.now(), error: null, bytesTotal } as const
    await over(deps, attempt, await finishTransfer(deps.db, transfer.id, end))
  } else if (io.signal.aborted) await stopped(deps, attempt)
  else await failed(deps, attempt, asProblem(deps, transfer, failure.error), random)
}

/** What was sent stays with the other side: it goes on from there. */
async function stopped(deps: EngineDeps, attempt: Attempt): Promise<void> {
  const { id } = attempt.transfer
  const reason = attempt.io.signal.reason as TransferStop
  deps.log.info({ transfer: id, reason }, 'transfer stopped')
  await parkTransfer(deps.db, id, { status: 'queued', notBefore: deps.clock.now() })
  await settleWanted(deps.db, id, deps.clock.now(), { orphan: false })
}

async function failed(
  deps: EngineDeps,
  attempt: Attempt,
  problem: Problem,
  random: () => number,
): Promise<void> {
  const { transfer } = attempt
  const now = deps.clock.now()
  const series = seriesAfter(transfer.errorFacts, attempt.meter.progressed(), now)
  const next = afterFailure(problem, series, now, random())
  const error = { code: problem.code, facts: withSeries(problem.facts, series) }
  if (next.again) {
    const { notBefore } = next
    deps.log.warn(
      { transfer: transfer.id, code: problem.code, notBefore },
      'transfer failed; it is tried again',
    )
    await parkTransfer(deps.db, transfer.id, { status: 'waiting', notBefore, error })
    await settleWanted(deps.db, transfer.id, now, { orphan: false })
  } else {
    const end = { status: 'error', finishedAt: now, error: { ...error, facts: problem.facts } } as const
    await over(deps, attempt, await finishTransfer(deps.db, transfer.id, end))
  }
}

async function over(deps: EngineDeps, attempt: Attempt, ended: Transfer | null): Promise<void> {
  if (!ended) return
  const { id, archiveName: subject, status, actor } = ended
  deps.log.info({ transfer: id, archive: subject, status, code: ended.errorCode }, 'transfer ended')
  const facts: Facts = { outcome: status, destination: attempt.destination.name }
  await addActivity(deps.db, {
    at: deps.clock.now(),
    actor,
    action: 'transfer.end',
    subject,
    jobId: null,
    facts,
  })
}

function asProblem(deps: EngineDeps, transfer: Transfer, error: unknown): Problem {
  if (isProblem(error)) return error
  deps.log.error({ err: error, transfer: transfer.id }, 'a transfer failed unexpectedly')
  const detail = error instanceof Error ? error.message : String(error)
  return new Problem('internal', { detail }, { cause: error })
}
