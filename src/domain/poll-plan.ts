// When a peer is asked again, what a poll's failure means, and what is worth telling people about it. Pure.
import { hash32 } from './hash.ts'
import type { PeerStatus } from './peer.ts'
import type { ProblemCode } from './problem.ts'

/** Every peer is asked this often. */
export const pollEveryMs = 5 * 60_000
/** Nobody is asked more seldom. */
export const longestPauseMs = 3_600_000
/** Without a good answer for this long a peer counts as gone. */
export const goneAfterMs = 3_600_000
/** What a peer said is old after this time. */
export const staleAfterMs = 15 * 60_000
/** Clocks that differ by more than this are worth a word. */
export const clockToleranceMs = 5 * 60_000

/** No pause is as long as this: a time further ahead was written when the clock was wrong. */
export const pauseTooLongMs = 2 * longestPauseMs

/** Failures that only an admin can end: asking again soon is of no use. */
const needAdmin: ReadonlySet<ProblemCode> = new Set([
  'peer_identity_changed',
  'peer_is_self',
  'peer_exists',
  'peer_key_refused',
  'peer_untrusted',
  'peer_insecure',
  'peer_forbids',
  'secret_unreadable',
  'record_damaged',
])

/** No answer at all is `offline`; any other failure is a wrong answer, or one that must not be asked for. */
export function statusOfFailure(code: ProblemCode): PeerStatus {
  return code === 'peer_unreachable' || code === 'timed_out' ? 'offline' : 'error'
}

/**
 * Milliseconds until the next poll. `failures`: how many in a row, this one included; 0 after a good answer.
 * `retryAfterS`: what the peer asked for. Up to 10 % sooner or later, by peer and moment, so that peers that were asked together are
 * not asked together again.
 */
export function pollPause(given: {
  readonly peerId: number
  readonly at: number
  readonly failures: number
  readonly code: ProblemCode | null
  readonly retryAfterS?: number
}): number {
  const { peerId, at, failures, code, retryAfterS = 0 } = given
  const doubled = pollEveryMs * 2 ** Math.min(10, Math.max(0, failures - 1))
  const base =
    code === null ? pollEveryMs : needAdmin.has(code) ? longestPauseMs : Math.min(longestPauseMs, doubled)
  const wanted = Math.max(base, Math.min(longestPauseMs, retryAfterS * 1000))
  // Between -1 and 1.
  const share = (hash32(`${peerId} ${at}`) / 0xffffffff) * 2 - 1
  return Math.round(wanted * (1 + 0.1 * share))
}

/** What tells how long a peer has been silent. Times are epoch milliseconds. */
export interface PollState {
  readonly status: PeerStatus | null
  readonly lastSeen: number | null
  readonly polledAt: number | null
  readonly createdAt: number
}

/**
 * What the activity log says after a poll: once that a peer is `gone` (no good answer for more than an hour), once that it is
 * `back`. `before` is its row as it was before the poll.
 */
export function pollNews(before: PollState, status: PeerStatus, at: number): 'gone' | 'back' | null {
  const seen = before.lastSeen ?? before.createdAt
  const told = isGone(before)
  if (status === 'online') return told ? 'back' : null
  return !told && at - seen > goneAfterMs ? 'gone' : null
}

/** It did not answer as it should for so long that people were told. */
export function isGone(peer: PollState): boolean {
  const { status, polledAt } = peer
  if (status === null || status === 'online' || polledAt === null) return false
  return polledAt - (peer.lastSeen ?? peer.createdAt) > goneAfterMs
}

const controls = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu

/**
 * A value of JSON without control characters and marks that turn the text around, in keys too. Newlines become spaces, or stay with
 * `lines`.
 */
export function plainTexts(value: unknown, newlines: 'spaces' | 'lines' = 'spaces'): unknown {
  if (typeof value === 'string') return plainText(value, newlines)
  if (Array.isArray(value)) return value.map((one) => plainTexts(one, newlines))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [plainText(key, 'spaces'), plainTexts(one, newlines)]),
  )
}

function plainText(text: string, newlines: 'spaces' | 'lines'): string {
  const plain = (c: string) => (c === '\n' && newlines === 'lines' ? c : /\s/.test(c) ? ' ' : '')
  return text.toWellFormed().replaceAll(controls, plain)
}
