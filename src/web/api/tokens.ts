// What the bearer of a key may do with the key itself.
import { rotatedSchema } from '../../domain/api/tokens.ts'
import type { WebDeps } from '../page.ts'
import type { Api } from './frame.ts'

/** Adds `POST /tokens/rotate`. */
export function mountTokens(api: Api, { engine }: WebDeps): void {
  api.route(
    {
      method: 'post',
      path: '/tokens/rotate',
      scope: 'any',
      summary:
        'A new key for whoever asks, with the same rights. The old one ends when the new one is first used.',
      answers: { 200: rotatedSchema },
    },
    async (c, _input, reply) => {
      const { tokenId, actor } = c.get('caller')
      const { token, secret } = await engine.tokens.rotate(tokenId, actor)
      return reply(200, { token: secret, scopes: [...token.scopes] })
    },
  )
}
