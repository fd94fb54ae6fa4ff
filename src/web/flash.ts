// One message that survives the redirect after a form: a signed cookie that lives a minute and is read once.
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Context } from 'hono'
import { deleteCookie, getCookie, setCookie } from 'hono/cookie'
import { en, type MessageKey } from '../../locales/en.ts'
import type { Facts } from '../domain/problem.ts'
import { cookieOptions } from './cookies.ts'
import type { WebEnv } from './page.ts'

const name = 'bm_flash'
const lifeMs = 60_000

export type FlashState = 'ok' | 'warning' | 'failed'

export interface Flash {
  readonly state: FlashState
  readonly text: string
  /** About something that goes on: gone when that has ended (public/live.js). */
  readonly passing: boolean
}

const passing: ReadonlySet<MessageKey> = new Set([
  'runs.flash.cancelled',
  'archives.flash.verifying',
  'jobs.flash.running',
  'drills.flash.started',
  'restore.flash.cancelling',
  'restore.flash.running',
  'transfers.flash.queued',
  'transfers.flash.fetching',
  'transfers.flash.resume',
  'transfers.flash.cancel',
])

/** Redirects (303) to a page of the dashboard, which will show the message once. */
export function redirectWith(
  c: Context<WebEnv>,
  path: string,
  key: MessageKey,
  facts: Facts = {},
  state: FlashState = 'ok',
): Response {
  const { config, clock, csrfKey } = c.get('deps')
  const payload = Buffer.from(
    JSON.stringify({ key, facts, state, until: clock.now() + lifeMs, user: c.get('user') }),
  ).toString('base64url')
  setCookie(c, name, `${payload}.${sign(payload, csrfKey)}`, {
    ...cookieOptions(config),
    maxAge: lifeMs / 1000,
  })
  return c.redirect(`${config.basePath}${path}`, 303)
}

/** The message waiting for this user, which it then forgets; null without one. */
export function takeFlash(c: Context<WebEnv>): Flash | null {
  const value = getCookie(c, name)
  if (value === undefined) return null
  const { config, clock, csrfKey } = c.get('deps')
  deleteCookie(c, name, cookieOptions(config))
  const [payload = '', signature = ''] = value.split('.')
  const expected = Buffer.from(sign(payload, csrfKey))
  const given = Buffer.from(signature)
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return null
  const told: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString())
  if (!isTold(told) || told.until < clock.now() || told.user !== c.get('user')) return null
  return { state: told.state, text: c.get('t')(told.key, told.facts), passing: passing.has(told.key) }
}

interface Told {
  readonly key: MessageKey
  readonly facts: Facts
  readonly state: FlashState
  readonly until: number
  readonly user: string
}

/** The signature proves that we wrote it; an older version may have known other keys. */
function isTold(value: unknown): value is Told {
  return typeof value === 'object' && value !== null && 'key' in value && String(value.key) in en
}

function sign(payload: string, key: Buffer): string {
  return createHmac('sha256', key).update(`flash\0${payload}`).digest('base64url')
}
