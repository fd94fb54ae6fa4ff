// The key of a request and who bears it. No session, no cookie, no sign-in of YunoHost has any meaning here.
import type { MiddlewareHandler } from 'hono'
import { Problem } from '../../domain/problem.ts'
import type { WebDeps } from '../page.ts'
import { addressOf } from './address.ts'
import type { ApiEnv } from './frame.ts'

export const keyHeader = 'X-BackupManager-Key'

/** Lets only bearers of a known key on, as `caller`. Nothing of the body has been read by then. */
export function authenticateKey(deps: WebDeps): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    const secret = c.req.header(keyHeader)
    if (secret === undefined || secret === '') throw new Problem('unauthenticated')
    const verdict = await deps.engine.tokens.verify(secret, await addressOf(c, deps))
    if (!verdict.ok) {
      if (verdict.retryAfterS === null) throw new Problem('unauthenticated')
      throw tooManyFailures(verdict.retryAfterS)
    }
    c.set('caller', verdict.caller)
    await next()
  }
}

/** The refusal of an address that failed too often. */
export function tooManyFailures(seconds: number): Problem {
  return new Problem('too_many_failures', { seconds, retryAfterS: seconds })
}
