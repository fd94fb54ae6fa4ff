// How much guessing one address may do. Time is given by the caller; nothing waits in here.
import { addressGroup } from './address-group.ts'

const WINDOW_MS = 60_000
/** Failures within the window that are still answered as such. */
const MOST_FAILURES = 20
/** Proofs at once, and then one per second. */
const BURST = 5
const REFILL_MS = 1000
const MOST_ADDRESSES = 10_000

interface Account {
  /** When the latest failures were, oldest first; never more than it takes to refuse. */
  failures: readonly number[]
  /** Proofs that may be had now. */
  proofs: number
  /** When `proofs` was right. */
  at: number
}

export interface FailureLimit {
  /** 0 when the address may be answered, else the seconds (at least 1) until it may. Takes nothing. */
  blockedFor(address: string, now: number): number
  /** Like `blockedFor`; on 0 one expensive proof is taken. */
  takeProof(address: string, now: number): number
  /** The proof that was taken was that of a bearer, or did not happen: it does not count. */
  giveBack(address: string): void
  failed(address: string, now: number): void
  /** The latest failure was none. */
  forgive(address: string): void
  /** Addresses that are remembered: never more than the bound. */
  size(): number
}

/** Remembers the addresses that came last, at most `most` of them. */
export function createFailureLimit(most = MOST_ADDRESSES): FailureLimit {
  const accounts = new Map<string, Account>()

  /** The account as it is now. A clock that was set back forgets what is yet to come. */
  function look(group: string, now: number): Account {
    const known = accounts.get(group)
    if (!known) return { failures: [], proofs: BURST, at: now }
    const gained = Math.max(0, now - known.at) / REFILL_MS
    return {
      failures: known.failures.filter((time) => time <= now && time > now - WINDOW_MS),
      proofs: Math.min(BURST, known.proofs + gained),
      at: now,
    }
  }

  function keep(group: string, account: Account): void {
    accounts.delete(group)
    accounts.set(group, account)
    if (accounts.size <= most) return
    const oldest = accounts.keys().next()
    if (!oldest.done) accounts.delete(oldest.value)
  }

  function waitFor(account: Account, now: number): number {
    const decisive = account.failures.at(-(MOST_FAILURES + 1))
    return decisive === undefined ? 0 : seconds(decisive + WINDOW_MS - now)
  }

  return {
    blockedFor: (address, now) => waitFor(look(addressGroup(address), now), now),
    takeProof(address, now) {
      const group = addressGroup(address)
      const account = look(group, now)
      const blocked = waitFor(account, now)
      if (blocked > 0) return blocked
      if (account.proofs < 1) return seconds((1 - account.proofs) * REFILL_MS)
      keep(group, { ...account, proofs: account.proofs - 1 })
      return 0
    },
    giveBack(address) {
      const account = accounts.get(addressGroup(address))
      if (account) account.proofs = Math.min(BURST, account.proofs + 1)
    },
    failed(address, now) {
      const group = addressGroup(address)
      const account = look(group, now)
      keep(group, { ...account, failures: [...account.failures, now].slice(-(MOST_FAILURES + 1)) })
    },
    forgive(address) {
      const account = accounts.get(addressGroup(address))
      if (account) account.failures = account.failures.slice(0, -1)
    },
    size: () => accounts.size,
  }
}

function seconds(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1000))
}
