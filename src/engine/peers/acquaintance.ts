// Asking an instance who it is, and saying which input was wrong when it does not answer as it should.
import { healthSchema, type WireHealth } from '../../domain/api/summary.ts'
import { isProblem, Problem, type FieldErrorCode, type ProblemCode } from '../../domain/problem.ts'
import type { PeerTarget } from '../../sys/peer-http.ts'
import type { EngineDeps } from '../deps.ts'
import { readAnswer } from '../../sys/peer-answer.ts'

const TOTAL_MS = 15_000

/** What it says about itself. Rejects with the problems of `PeerHttp` and of the peer. */
export async function askHealth(deps: Pick<EngineDeps, 'peerHttp'>, target: PeerTarget): Promise<WireHealth> {
  const response = await deps.peerHttp.request(target, {
    method: 'GET',
    path: '/health',
    signal: new AbortController().signal,
    totalMs: TOTAL_MS,
  })
  return readAnswer(response, healthSchema)
}

/** Its id, for a form: problems name the field that leads to them. */
export async function askWho(deps: Pick<EngineDeps, 'peerHttp'>, target: PeerTarget): Promise<string> {
  try {
    return (await askHealth(deps, target)).instance.id
  } catch (error) {
    if (!isProblem(error)) throw error
    throw onField(error)
  }
}

/** The same problem, with the field that an admin has to look at. */
export function onField(problem: Problem): Problem {
  const [field, code] = fields[problem.code] ?? ['url', 'peer_not_reached']
  return new Problem(problem.code, problem.facts, { cause: problem.cause, errors: [{ field, code }] })
}

const fields: Partial<Record<ProblemCode, readonly [field: string, code: FieldErrorCode]>> = {
  peer_is_self: ['url', 'instance_unexpected'],
  peer_exists: ['url', 'instance_unexpected'],
  peer_identity_changed: ['url', 'instance_unexpected'],
  peer_insecure: ['url', 'url_not_https'],
  peer_untrusted: ['url', 'certificate_untrusted'],
  peer_key_refused: ['key', 'key_refused'],
  peer_forbids: ['key', 'key_refused'],
}
