// Who asks, and whether they may: only admins of this YunoHost, brought here by its own sign-in.
import type { MiddlewareHandler } from 'hono'
import type { ProblemCode } from '../domain/problem.ts'
import { nobody } from './actor.ts'
import { adminsGroup, type Membership } from './admins.ts'
import type { WebContext, WebDeps, WebEnv } from './page.ts'
import { refuse } from './problem.ts'
import { proxyHeader, proxySecret, sameSecret } from './proxy-secret.ts'

/** Why somebody is not let in; the texts are `refused.<reason>`. */
export const refusals = {
  no_proxy_secret: 'not_signed_in',
  not_through_proxy: 'not_signed_in',
  no_identity: 'not_signed_in',
  wrong_host: 'not_signed_in',
  group_unreadable: 'not_admin',
  not_in_group: 'not_admin',
} as const satisfies Record<string, ProblemCode>
export type Refusal = keyof typeof refusals

type Identity = { readonly user: string } | { readonly refused: Refusal; readonly name?: string }

/** Lets only admins on; everybody else gets a page that says why not. */
export function authenticate(deps: WebDeps): MiddlewareHandler<WebEnv> {
  const membership = adminsGroup(deps)
  return async (c, next) => {
    const identity = deps.config.auth === 'none' ? withoutSignIn(c, deps) : await bySso(c, deps, membership)
    if ('refused' in identity) {
      const { refused, name = '' } = identity
      deps.log.warn({ refused, name, path: c.req.path }, 'refused a visitor')
      return refuse(c, refusals[refused], `refused.${refused}`, { name })
    }
    c.set('user', identity.user)
    await next()
    return undefined
  }
}

/**
 * SSOwat puts the signed-in user in `YNH_USER`, which nginx takes from no client. The forms with dashes
 * (`Ynh-User`, `Remote-User`) can be sent by anybody and are never looked at. A TCP port can be reached by every
 * local user: there the request must also carry the secret that only nginx knows.
 */
async function bySso(
  c: WebContext,
  deps: WebDeps,
  membership: (user: string) => Promise<Membership>,
): Promise<Identity> {
  if (deps.config.listen.kind === 'tcp') {
    const secret = await proxySecret(deps)
    if (secret === null) return { refused: 'no_proxy_secret' }
    if (!sameSecret(c.req.header(proxyHeader) ?? '', secret)) return { refused: 'not_through_proxy' }
  }
  const user = c.req.header('ynh_user') ?? ''
  // A header sent twice arrives joined by a comma, which no user name has.
  if (!/^[a-zA-Z0-9_.-]{1,128}$/.test(user)) return { refused: 'no_identity' }
  const found = await membership(user)
  if (found === 'member') return { user }
  return { refused: found === 'unknown' ? 'group_unreadable' : 'not_in_group', name: user }
}

/**
 * Another site can lead a browser here under its own name (DNS rebinding), through a proxy in front of a socket,
 * too: the name must be ours.
 */
function withoutSignIn(c: WebContext, deps: WebDeps): Identity {
  const { listen, publicUrl } = deps.config
  const { hostname } = new URL(c.req.url)
  const ours = ['localhost', '127.0.0.1', '[::1]', new URL(publicUrl).hostname]
  if (listen.kind === 'tcp') ours.push(listen.host)
  if (!ours.includes(hostname)) {
    return { refused: 'wrong_host', name: hostname }
  }
  return { user: nobody }
}
