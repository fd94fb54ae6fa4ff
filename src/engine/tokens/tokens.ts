// Tokens: made, verified, exchanged and revoked.
import { Problem } from '../../domain/problem.ts'
import { addActivity } from '../../store/activity.ts'
import { getPeer } from '../../store/peers.ts'
import { exchangeSecret, getToken, insertToken, revokeToken, sweepTokens } from '../../store/tokens.ts'
import type { Q } from '../../store/schema.ts'
import type { ApiToken } from '../../domain/token.ts'
import type { EngineDeps } from '../deps.ts'
import type { Tokens } from '../federation.ts'
import { mintSecret } from './mint.ts'
import { createSignals } from './signals.ts'
import { checkTokenInput } from './token-input.ts'
import { createVerify } from './verify.ts'

const DAY_MS = 86_400_000
/** Ended tokens are shown for so long. */
const KEEP_ENDED_MS = 90 * DAY_MS
/** A former secret is taken for so long when the answer with the new one was lost. */
const FORMER_MS = 3_600_000

export interface TokensControl extends Tokens {
  /** Forgets tokens that ended long ago. */
  sweep(): Promise<void>
  /** Ends what goes on with tokens that have ended, now instead of within seconds. */
  checkSignals(): Promise<void>
  close(): void
}

export function createTokens(deps: EngineDeps): TokensControl {
  const signals = createSignals(deps)

  return {
    async create(input, actor) {
      const now = deps.clock.now()
      const checked = checkTokenInput(input, now)
      const peerId = input.peerId ?? null
      const { secret, proof } = await mintSecret()
      const token = await deps.db.transaction().execute(async (trx) => {
        if (peerId !== null && !(await getPeer(trx, peerId))) {
          throw new Problem('peer_not_found', { id: peerId })
        }
        const made = await insertToken(trx, {
          ...checked,
          ...proof,
          peerId,
          createdAt: now,
          createdBy: actor,
        })
        const facts = { scopes: made.scopes.join(', ') }
        await addActivity(trx, {
          at: now,
          actor,
          action: 'token.create',
          subject: made.name,
          jobId: null,
          facts,
        })
        return made
      })
      return { token, secret }
    },

    async revoke(id, actor) {
      const now = deps.clock.now()
      const token = await deps.db.transaction().execute(async (trx) => {
        const before = await mustGet(trx, id)
        if (!(await revokeToken(trx, id, now))) throw new Problem('token_not_found', { id })
        await addActivity(trx, {
          at: now,
          actor,
          action: 'token.revoke',
          subject: before.name,
          jobId: null,
        })
        return { ...before, revokedAt: now }
      })
      await signals.check()
      return token
    },

    async rotate(id, actor) {
      await mustGet(deps.db, id)
      const { secret, proof } = await mintSecret()
      const now = deps.clock.now()
      const token = await deps.db.transaction().execute(async (trx) => {
        const alive = await mustGet(trx, id)
        if (alive.revokedAt !== null || (alive.expiresAt !== null && alive.expiresAt <= now)) {
          throw new Problem('token_not_found', { id })
        }
        await exchangeSecret(trx, id, proof, now, now + FORMER_MS)
        await addActivity(trx, {
          at: now,
          actor,
          action: 'token.rotate',
          subject: alive.name,
          jobId: null,
        })
        return alive
      })
      return { token, secret }
    },

    verify: createVerify(deps),
    signalOf: (tokenId) => signals.of(tokenId),
    checkSignals: () => signals.check(),
    async sweep() {
      const now = deps.clock.now()
      await sweepTokens(deps.db, now - KEEP_ENDED_MS, now)
    },
    close: () => signals.close(),
  }
}

async function mustGet(q: Q, id: number): Promise<ApiToken> {
  const token = await getToken(q, id)
  if (!token) throw new Problem('token_not_found', { id })
  return token
}
