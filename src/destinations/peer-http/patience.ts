// Tries again within one attempt: which failures are worth it, and how long to pause. Longer waits are the engine's.
import { setTimeout as timer } from 'node:timers/promises'
import { isProblem, type Problem, type ProblemCode } from '../../domain/problem.ts'
import type { CarrierIo } from '../carrier.ts'

/** How pauses are made. */
export interface Patience {
  /** Resolves after `ms`; rejects with the signal's reason. */
  sleep(ms: number, signal: AbortSignal): Promise<void>
  /** From 0 to 1, so that many senders do not come back all at once. */
  random(): number
}

export const defaultPatience: Patience = {
  async sleep(ms, signal) {
    try {
      await timer(ms, undefined, { signal })
    } catch (error) {
      signal.throwIfAborted()
      throw error
    }
  },
  random: () => Math.random(),
}

/** How often the same thing is tried again before the attempt is given up. */
export const triesAgain = 3
/** A peer that wants to be left alone for longer than that is not waited for here. */
const longestPauseMs = 30_000

/** Failures of a connection or of one answer, after which the same request may well succeed. */
const passing: ReadonlySet<ProblemCode> = new Set<ProblemCode>([
  'peer_unreachable',
  'peer_answer_invalid',
  'timed_out',
  'upload_busy',
  'chunk_size_mismatch',
  'chunk_digest_mismatch',
])
const passingStatuses: ReadonlySet<unknown> = new Set([408, 425, 429, 500, 502, 503, 504])

/** True for a failure after which the same request is worth another try within seconds. */
export function worthAnotherTry(error: unknown): error is Problem {
  if (!isProblem(error) || askedPauseMs(error) > longestPauseMs) return false
  return (
    passing.has(error.code) || (error.code === 'peer_problem' && passingStatuses.has(error.facts['status']))
  )
}

/**
 * Waits before try number `tried` + 1: about 0.4, 0.8, 1.6 s, give or take half of it, and never less than the peer asked for.
 * Rejects with the signal's reason.
 */
export async function pause(
  patience: Patience,
  tried: number,
  after: Problem,
  signal: AbortSignal,
): Promise<void> {
  const own = 400 * 2 ** (tried - 1) * (0.5 + patience.random())
  await patience.sleep(Math.max(own, askedPauseMs(after)), signal)
}

/** Does `work`, and again up to {@link triesAgain} times after what may pass. Rejects with the last failure. */
export async function persistently<T>(
  work: () => Promise<T>,
  patience: Patience,
  io: Pick<CarrierIo, 'signal' | 'say'>,
): Promise<T> {
  for (let tried = 1; ; tried++) {
    try {
      return await work()
    } catch (error) {
      io.signal.throwIfAborted()
      if (tried > triesAgain || !worthAnotherTry(error)) throw error
      io.say(`trying again: ${error.message}`)
      await pause(patience, tried, error, io.signal)
    }
  }
}

function askedPauseMs(problem: Problem): number {
  const seconds = problem.facts['retryAfterS']
  return typeof seconds === 'number' ? seconds * 1000 : 0
}
