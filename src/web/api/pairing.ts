// Pairing: the one endpoint without a key. A one-time code stands for it.
import { joinedSchema, joinSchema } from '../../domain/api/pairing.ts'
import { createFailureLimit } from '../../engine/tokens/failure-limit.ts'
import type { WebDeps } from '../page.ts'
import { addressOf } from './address.ts'
import { tooManyFailures } from './auth.ts'
import type { Api } from './frame.ts'

/** Adds `POST /pairing/join`. */
export function mountPairing(api: Api, deps: WebDeps): void {
  const failures = createFailureLimit()

  // Before the body is read: one that does not come counts at once, and so does whatever is wrong with it.
  api.app.on('POST', '/pairing/join', async (c, next) => {
    const address = await addressOf(c, deps)
    const waitS = failures.blockedFor(address, deps.clock.now())
    if (waitS > 0) throw tooManyFailures(waitS)
    failures.failed(address, deps.clock.now())
    await next()
    if (c.res.status < 400) failures.forgive(address)
  })

  api.route(
    {
      method: 'post',
      path: '/pairing/join',
      scope: null,
      summary:
        'Answers an invitation: the one-time code in place of a key. Both sides then have a key for each other.',
      body: joinSchema,
      answers: { 200: joinedSchema },
    },
    async (c, { body }, reply) =>
      reply(200, await deps.engine.peers.acceptJoin(body, await addressOf(c, deps))),
  )
}
