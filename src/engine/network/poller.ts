// Asks peers how they are, each in its turn, a few at a time. One that hangs, lies or sends without end delays nobody.
import type { Peer } from '../../domain/peer.ts'
import { pollEveryMs, pollNews } from '../../domain/poll-plan.ts'
import { Problem, type Facts } from '../../domain/problem.ts'
import { tellerOf } from '../../domain/teller.ts'
import { addActivity } from '../../store/activity.ts'
import {
  duePeers,
  forgetStarts,
  getPeer,
  listPeers,
  nextPollAt,
  pollMemory,
  recordPoll,
  type PollOutcome,
} from '../../store/peers.ts'
import { inTransaction, type Q } from '../../store/schema.ts'
import type { EngineDeps } from '../deps.ts'
import type { Peers } from '../federation.ts'
import { oneAtATime } from '../one-at-a-time.ts'
import { askPeer } from './ask.ts'

/** Polls at the same time. */
const atOnce = 8
/** Looked at anyway this often: clocks jump. */
const lookEveryMs = 60_000
const leastWaitMs = 1000
const mostBytes = 4 * 2 ** 20

export interface Poller {
  /** Asks one now, for an admin: two peers that answer as one are believed to be one again, until the next sign. */
  poll: Peers['poll']
  /** Begins to ask each peer when its turn comes. */
  start(): void
  /** Looks at whose turn it is again: peers came, went or changed. */
  wake(): void
  close(): Promise<void>
}

/** `maxBytes`: most bytes of one answer, 1 MiB unless told, never more than 4 MiB. */
export function createPoller(deps: EngineDeps, options: { readonly maxBytes?: number } = {}): Poller {
  const maxBytes = Math.min(options.maxBytes ?? 2 ** 20, mostBytes)
  const stopping = new AbortController()
  const active = new Map<number, Promise<void>>()
  /** Peers whose outcome could not even be stored, and until when they are left alone. */
  const resting = new Map<number, number>()
  let started = false
  let timer: NodeJS.Timeout | undefined

  /** Asks until the answer belongs to the row as it is: an admin may have changed the address meanwhile. */
  async function ask(id: number): Promise<void> {
    for (;;) {
      const [peer, memory] = await Promise.all([getPeer(deps.db, id), pollMemory(deps.db, id)])
      if (peer === null || memory === null || !peer.hasKey) return
      const outcome = await askPeer(deps, peer, memory, { maxBytes, signal: stopping.signal })
      if (await store(peer, memory.version, outcome)) return
    }
  }

  /** False when the row was changed while it was asked. */
  function store(peer: Peer, version: string, outcome: PollOutcome): Promise<boolean> {
    return inTransaction(deps.db, async (trx) => {
      const now = await pollMemory(trx, peer.id)
      if (now === null) return true
      if (now.version !== version) return false
      await recordPoll(trx, peer.id, outcome)
      const news = pollNews(peer, outcome.status, outcome.at)
      if (news !== null) {
        await addActivity(trx, {
          at: outcome.at,
          actor: 'poller',
          action: `peer.${news}`,
          subject: peer.name,
          jobId: null,
          facts: news === 'gone' ? await toldBy(trx, peer, outcome.at) : {},
        })
      }
      return true
    })
  }

  /** Who tells people that this peer is gone, when somebody else does. */
  async function toldBy(q: Q, gone: Peer, at: number): Promise<Facts> {
    const watchers = (await listPeers(q)).flatMap((one) =>
      one.uid === null || one.id === gone.id
        ? []
        : [
            {
              id: one.uid,
              name: one.name,
              present:
                one.status === 'online' && one.lastSeen !== null && at - one.lastSeen < 3 * pollEveryMs,
              agrees: one.facts?.watching.some((seen) => seen.id === gone.uid && seen.gone) ?? false,
            },
          ],
    )
    const teller = tellerOf(deps.instance.id, watchers)
    return teller ? { told_by: teller.name } : {}
  }

  /** The poll that is under way, or a new one. */
  function begin(id: number): Promise<void> {
    const running = active.get(id)
    if (running !== undefined) return running
    const polling = ask(id).finally(() => {
      active.delete(id)
      wake()
    })
    active.set(id, polling)
    return polling
  }

  const look = oneAtATime(async () => {
    clearTimeout(timer)
    let wait = lookEveryMs
    try {
      const now = deps.clock.now()
      for (const [id, until] of resting) if (until <= now || until > now + pollEveryMs) resting.delete(id)
      const due = await duePeers(deps.db, now, atOnce + active.size + resting.size)
      const free = due.filter((id) => !active.has(id) && !resting.has(id))
      for (const id of free.slice(0, Math.max(0, atOnce - active.size))) void quietly(id)
      const next = await nextPollAt(deps.db)
      if (next !== null) wait = Math.min(wait, Math.max(leastWaitMs, next - deps.clock.now()))
    } catch (error) {
      if (!stopping.signal.aborted)
        deps.log.error({ err: error }, 'peers could not be looked at; tried again')
    }
    if (!stopping.signal.aborted) timer = setTimeout(wake, wait)
  })

  async function quietly(id: number): Promise<void> {
    try {
      await begin(id)
    } catch (error) {
      if (stopping.signal.aborted) return
      resting.set(id, deps.clock.now() + pollEveryMs)
      deps.log.error({ err: error, peer: id }, 'a peer could not be polled')
    }
  }

  function wake(): void {
    if (started && !stopping.signal.aborted) void look()
  }

  return {
    async poll(id) {
      const before = await getPeer(deps.db, id)
      if (before === null) throw new Problem('peer_not_found', { id })
      if (!before.hasKey) throw new Problem('peer_no_key', { peer: before.name })
      if (before.errorCode === 'peer_cloned') await forgetStarts(deps.db, id)
      // One that is under way began before this call: it may not know what the caller has just changed, but `ask` does.
      await begin(id)
      const peer = await getPeer(deps.db, id)
      if (peer === null) throw new Problem('peer_not_found', { id })
      return peer
    },
    start() {
      started = true
      wake()
    },
    wake,
    async close() {
      stopping.abort()
      clearTimeout(timer)
      await Promise.allSettled(active.values())
      clearTimeout(timer)
    },
  }
}
