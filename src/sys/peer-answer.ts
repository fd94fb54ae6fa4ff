// What a peer answered, as a value of the contract or as a Problem.
import type { z } from 'zod'
import { problemSchema } from '../domain/api/common.ts'
import { Problem } from '../domain/problem.ts'
import type { PeerResponse } from './peer-http.ts'

/** The body of a good answer, checked. Else what {@link peerProblem} says, or `peer_answer_invalid`. */
export function readAnswer<T>(answer: PeerResponse, schema: z.ZodType<T>): T {
  if (answer.status < 200 || answer.status > 299) throw peerProblem(answer)
  const read = schema.safeParse(answer.json)
  if (read.success) return read.data
  const [issue] = read.error.issues
  const where = issue === undefined ? '' : issue.path.join('.')
  throw new Problem('peer_answer_invalid', {
    detail: `${where}: ${issue?.message ?? 'not what was expected'}`,
  })
}

/**
 * A Problem out of an answer with an error status. Codes that mean the same on both sides are kept (`archive_exists`,
 * `quota_exceeded`, …); the others are `peer_problem`, with the peer's code and title. `retryAfterS` is in the facts when the
 * peer told when to come again.
 */
export function peerProblem(answer: PeerResponse): Problem {
  const after = Number(answer.headers['retry-after'])
  const later = Number.isFinite(after) && after >= 0 ? { retryAfterS: Math.min(after, 86_400) } : {}
  const read = problemSchema.safeParse(answer.json)
  if (answer.status === 401) return new Problem('peer_key_refused', later)
  if (!read.success) {
    return new Problem('peer_answer_invalid', {
      detail: `HTTP ${answer.status} without a problem document`,
      ...later,
    })
  }
  const { code, title, detail } = read.data
  if (code === 'scope_missing') return new Problem('peer_forbids', { scope: scopeIn(detail), ...later })
  const facts = { code, title, detail, status: answer.status, ...later }
  return new Problem(kept.has(code) ? (code as KeptCode) : 'peer_problem', facts)
}

const keptCodes = [
  'archive_exists',
  'archive_differs',
  'archive_not_found',
  'archive_held',
  'archive_pinned',
  'archive_in_use',
  'quota_exceeded',
  'insufficient_storage',
  'name_invalid',
  'upload_not_found',
  'upload_busy',
  'upload_incomplete',
  'upload_checksum_mismatch',
  'chunk_size_mismatch',
  'chunk_digest_mismatch',
  'job_already_running',
  'job_not_found',
  'restore_refused',
  'restore_running',
  'confirmation_missing',
  'pairing_refused',
  'not_supported',
] as const
type KeptCode = (typeof keptCodes)[number]
const kept: ReadonlySet<string> = new Set(keptCodes)

function scopeIn(detail: string): string {
  return /[“"«]\s?([a-z]+)\s?[”"»]/.exec(detail)?.[1] ?? '?'
}
