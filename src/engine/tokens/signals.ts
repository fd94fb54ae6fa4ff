// One AbortSignal per token in use: what takes long ends when the token does, also when another process ended it.
import { Problem } from '../../domain/problem.ts'
import { endedTokens } from '../../store/tokens.ts'
import type { EngineDeps } from '../deps.ts'

const LOOK_MS = 2000

export interface TokenSignals {
  /** Aborts with `unauthenticated` when the token is revoked, expires or is gone; soon, when it is so already. */
  of(tokenId: number): AbortSignal
  /** Looks at the rows now. */
  check(): Promise<void>
  /** Looks no more; nothing is aborted by it. */
  close(): void
}

export function createSignals(deps: Pick<EngineDeps, 'db' | 'clock' | 'log'>): TokenSignals {
  // As many as there are tokens in use: few.
  const held = new Map<number, AbortController>()
  let timer: NodeJS.Timeout | undefined
  let closed = false

  async function check(): Promise<void> {
    if (held.size === 0) return
    for (const id of await endedTokens(deps.db, [...held.keys()], deps.clock.now())) {
      held.get(id)?.abort(new Problem('unauthenticated'))
      held.delete(id)
    }
    if (held.size > 0) return
    clearInterval(timer)
    timer = undefined
  }

  const look = () => {
    check().catch((error: unknown) => {
      if (!closed) deps.log.error({ err: error }, 'whether tokens were revoked could not be looked up')
    })
  }

  return {
    of(tokenId) {
      const known = held.get(tokenId)
      if (known) return known.signal
      const fresh = new AbortController()
      held.set(tokenId, fresh)
      if (!closed) timer ??= setInterval(look, LOOK_MS).unref()
      // It may have ended between the check of the key and now.
      look()
      return fresh.signal
    },
    check,
    close() {
      closed = true
      clearInterval(timer)
      timer = undefined
    },
  }
}
