// One poll of one peer: asks for its summary, checks who answers, and says what is to be stored. Stores nothing itself.
import { summarySchema, type PeerSummary } from '../../domain/api/summary.ts'
import { stopOfPeer, type Peer } from '../../domain/peer.ts'
import { isCloned, withStart } from '../../domain/peer-starts.ts'
import { plainTexts, pollPause, statusOfFailure } from '../../domain/poll-plan.ts'
import { isProblem, Problem, type Facts } from '../../domain/problem.ts'
import { scopes as knownScopes, type Scope } from '../../domain/token.ts'
import { getPeerByUid, type PollMemory, type PollOutcome } from '../../store/peers.ts'
import type { PeerResponse } from '../../sys/peer-http.ts'
import type { EngineDeps } from '../deps.ts'
import { readAnswer } from '../../sys/peer-answer.ts'
import { peerTarget } from '../peers/target.ts'

const totalMs = 15_000

export interface AskOptions {
  readonly maxBytes: number
  readonly signal: AbortSignal
}

/** What came of asking. Rejects only with what is no `Problem`, and with the signal's reason when it was aborted. */
export async function askPeer(
  deps: EngineDeps,
  peer: Peer,
  memory: Pick<PollMemory, 'etag' | 'starts'>,
  options: AskOptions,
): Promise<PollOutcome> {
  // What cannot be read any more must be told again, and after a wrong answer who it is.
  const etag = peer.facts === null || peer.status === 'error' ? null : memory.etag
  try {
    const target = await peerTarget(deps, peer.id, 'poll')
    const answer = await deps.peerHttp.request(target, {
      method: 'GET',
      path: '/summary',
      headers: etag === null ? {} : { 'if-none-match': etag },
      signal: options.signal,
      idleMs: totalMs,
      totalMs,
      maxBytes: options.maxBytes,
    })
    // Unasked for, it says nothing of who answers.
    if (answer.status === 304 && etag !== null) {
      const at = deps.clock.now()
      return online(peer, at, skewOf(answer.headers['date'] ?? '', at))
    }
    return await outcomeOf(deps, peer, memory, answer)
  } catch (error) {
    if (options.signal.aborted || !isProblem(error)) throw error
    return failed(deps, peer, memory, error)
  }
}

async function outcomeOf(
  deps: EngineDeps,
  peer: Peer,
  memory: Pick<PollMemory, 'starts'>,
  answer: PeerResponse,
): Promise<PollOutcome> {
  const at = deps.clock.now()
  const facts = readAnswer({ ...answer, json: plainTexts(answer.json) }, summarySchema)
  const { id: found } = facts.health.instance
  if (found === deps.instance.id) throw new Problem('peer_is_self', { peer: peer.name })
  if (peer.uid !== null && found !== peer.uid) {
    throw new Problem('peer_identity_changed', { peer: peer.name, expected: peer.uid, found })
  }
  const known = peer.uid === null ? await getPeerByUid(deps.db, found) : null
  if (known !== null && known.id !== peer.id) throw new Problem('peer_exists', { peer: known.name })
  const starts = withStart(memory.starts, facts.health.started, at)
  if (isCloned(starts, at)) return { ...failed(deps, peer, { starts }, cloned(peer)), starts }
  const said = { facts, etag: boundedTag(answer.headers['etag']), uid: found, scopes: scopesIn(facts) }
  return { ...online(peer, at, skewOf(facts.health.time, at)), starts, said }
}

function cloned(peer: Peer): Problem {
  return new Problem('peer_cloned', { peer: peer.name })
}

/** `skewS`: by how many seconds its clock is ahead of ours, kept beside what it said. */
function online(peer: Peer, at: number, skewS: number | null): PollOutcome {
  const before = peer.errorCode === null ? peer.errorFacts['skewS'] : undefined
  const skew = skewS ?? before
  return {
    status: 'online',
    at,
    nextPollAt: at + pollPause({ peerId: peer.id, at, failures: 0, code: null }),
    failures: 0,
    errorCode: null,
    errorFacts: skew === undefined ? {} : { skewS: skew },
  }
}

function failed(
  deps: EngineDeps,
  peer: Peer,
  memory: Pick<PollMemory, 'starts'>,
  newest: Problem,
): PollOutcome {
  const at = deps.clock.now()
  const failures = peer.failures + 1
  const { code, facts } = standing(peer, memory, newest, at)
  const after = facts['retryAfterS']
  return {
    status: statusOfFailure(code),
    at,
    nextPollAt:
      at +
      pollPause({
        peerId: peer.id,
        at,
        failures,
        code,
        ...(typeof after === 'number' && { retryAfterS: after }),
      }),
    failures,
    errorCode: code,
    errorFacts: bounded(facts),
  }
}

/** No failure lifts what keeps work from the peer: only a good answer of the right instance does, or the end of the day. */
function standing(
  peer: Peer,
  memory: Pick<PollMemory, 'starts'>,
  newest: Problem,
  at: number,
): Pick<Problem, 'code' | 'facts'> {
  const stop = stopOfPeer(peer)
  if (newest.code === 'peer_identity_changed') return newest
  if (stop === 'peer_identity_changed') return { code: stop, facts: peer.errorFacts }
  return isCloned(memory.starts, at) ? cloned(peer) : newest
}

/** A title of two thousand characters is not worth keeping. */
function bounded(facts: Facts): Facts {
  return Object.fromEntries(
    Object.entries(facts).flatMap(([key, value]) =>
      value === undefined
        ? []
        : [[key, typeof value === 'string' ? String(plainTexts(value)).slice(0, 300) : value]],
    ),
  )
}

function skewOf(time: string, at: number): number | null {
  const theirs = Date.parse(time)
  return Number.isNaN(theirs) ? null : Math.round((theirs - at) / 1000)
}

/** It goes into a header again. */
function boundedTag(tag: string | undefined): string | null {
  return tag !== undefined && /^(?:W\/)?"[\x21\x23-\x7e]{1,200}"$/.test(tag) ? tag : null
}

function scopesIn({ yours }: PeerSummary): readonly Scope[] | null {
  return yours === null ? null : knownScopes.filter((scope) => yours.scopes.includes(scope))
}
