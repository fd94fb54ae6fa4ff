// Every change comes from one of our own forms: a token bound to the user, and a request from the same site.
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { MiddlewareHandler } from 'hono'
import { Problem } from '../domain/problem.ts'
import type { WebContext, WebDeps, WebEnv } from './page.ts'
import { refuse } from './problem.ts'

const maxFormBytes = 1024 * 1024

/** The token that a form of this user carries in its field `_csrf`. */
export function formToken(user: string, key: Buffer): string {
  return createHmac('sha256', key).update(`form\0${user}`).digest('base64url')
}

/** Reads the fields of a POST into `c.get('form')` after checking where they come from; GET and HEAD pass. */
export function checkForm(deps: WebDeps): MiddlewareHandler<WebEnv> {
  return async (c, next) => {
    if (c.req.method === 'GET' || c.req.method === 'HEAD') return next()
    if (c.req.method !== 'POST') throw new Problem('page_not_found')
    const refused = formProblem(c)
    if (refused !== null) return refuse(c, 'csrf_refused', refused)
    const form = new URLSearchParams(await c.req.text())
    const expected = Buffer.from(formToken(c.get('user'), deps.csrfKey))
    const given = Buffer.from(form.get('_csrf') ?? '')
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
      return refuse(c, 'csrf_refused', 'refused.form_token')
    }
    form.delete('_csrf')
    c.set('form', form)
    return next()
  }
}

/** The text that says why this request cannot be one of our forms; null when it can. */
function formProblem(c: WebContext) {
  const length = c.req.header('content-length')
  if (length === undefined || !/^\d+$/.test(length) || Number(length) > maxFormBytes) {
    return 'refused.form_size' as const
  }
  const type = (c.req.header('content-type') ?? '').split(';')[0]?.trim().toLowerCase()
  if (type !== 'application/x-www-form-urlencoded') return 'refused.form_type' as const
  return sameOrigin(c) ? null : ('refused.form_origin' as const)
}

/** Browsers say where a form comes from, in one header or both; what they say must be us. */
function sameOrigin(c: WebContext): boolean {
  const site = c.req.header('sec-fetch-site')
  if (site !== undefined && site !== 'same-origin') return false
  const origin = c.req.header('origin')
  if (origin === undefined) return true
  const { publicUrl } = c.get('deps').config
  // nginx ends TLS, so only the host can be compared with what was asked for.
  return (
    URL.canParse(origin) && [new URL(c.req.url).host, new URL(publicUrl).host].includes(new URL(origin).host)
  )
}
