// What every page is given and how it is written: the frame around a page's own model.
import type { Context, Hono } from 'hono'
import type { Kysely } from 'kysely'
import type { Logger } from 'pino'
import type { Config } from '../config.ts'
import type { Engine } from '../engine/engine.ts'
import type { AnySource } from '../sources/source.ts'
import type { Schema } from '../store/schema.ts'
import type { Clock } from '../sys/clock.ts'
import type { Run } from '../sys/process.ts'
import type { Assets } from './assets.ts'
import { personInWords } from './actor.ts'
import { takeFlash } from './flash.ts'
import type { Formats, Language, T } from './i18n.ts'
import { navigation } from './nav.ts'
import type { Renderer } from './views.ts'

export interface WebDeps {
  readonly engine: Engine
  /** Reads only: every change goes through the engine. */
  readonly db: Kysely<Schema>
  readonly sources: readonly AnySource[]
  readonly config: Config
  readonly clock: Clock
  readonly run: Run
  readonly log: Logger
  readonly version: string
  /** Fingerprint of the instance's key. */
  readonly instanceId: string
  /** Signs form tokens and flash cookies. */
  readonly csrfKey: Buffer
  readonly renderer: Renderer
}

export const themes = ['auto', 'light', 'dark'] as const
export type Theme = (typeof themes)[number]

export type WebEnv = {
  Variables: {
    /** Empty on the pages that refuse somebody. */
    user: string
    language: Language
    theme: Theme
    t: T
    f: Formats
    /** The form token of this user. */
    csrf: string
    /** The fields of a POST, its token already checked. Repeated names: `getAll`. */
    form: URLSearchParams
    deps: WebDeps
    assets: Assets
  }
}

export type WebContext = Context<WebEnv>

/** Adds a page's routes. Paths are without the base path: `app.get('/archives', …)`. */
export type MountPage = (app: Hono<WebEnv>, deps: WebDeps) => void

export type PageStatus =
  | 200
  | 400
  | 401
  | 403
  | 404
  | 409
  | 411
  | 413
  | 422
  | 429
  | 499
  | 500
  | 501
  | 502
  | 503
  | 504
  | 507

/** A link inside the dashboard: the path with the base path in front. */
export function urlOf(c: WebContext, path: string): string {
  return `${c.get('deps').config.basePath}${path}`
}

/** The path of this request without the base path. */
export function pathOf(c: WebContext): string {
  return c.req.path.slice(c.get('deps').config.basePath.length) || '/'
}

/** What pages and fragments share: `it.t(key, facts)`, `it.url(path)`, `it.csrf` (the token). */
function helpers(c: WebContext): object {
  return { t: c.get('t'), url: (path: string) => urlOf(c, path), csrf: c.get('csrf') }
}

/**
 * Answers with `views/pages/<page>.eta` inside the frame. `title` also becomes the window's title, which tells
 * state first ("■ 1 failed"); the instance's name is added. `here` is where reloading leads after a POST: a path
 * that can be asked for by GET. A form that is shown again has no switches, which would lose its input.
 */
export function render(
  c: WebContext,
  page: string,
  model: object,
  options: { readonly title: string; readonly status?: PageStatus; readonly here?: string },
): Response | Promise<Response> {
  const { config, renderer, version } = c.get('deps')
  const assets = c.get('assets')
  const frame = {
    title: options.title,
    instanceName: config.instanceName,
    user: personInWords(c.get('user'), c.get('t')),
    language: c.get('language'),
    theme: c.get('theme'),
    timeZone: config.timeZone,
    version,
    css: urlOf(c, assets.href('app.css')),
    script: urlOf(c, assets.href('live.js')),
    icon: urlOf(c, assets.href('icon.svg')),
    here: hereOf(c, options.here),
    switches: c.get('user') !== '' && !holdsInput(c, options.status ?? 200),
    nav: c.get('user') === '' ? [] : navigation(pathOf(c)),
    flash: takeFlash(c),
  }
  const html = renderer.render(`pages/${page}`, { ...helpers(c), frame, ...model })
  return c.html(html, (options.status ?? 200) as 200)
}

/** A form that a POST shows again, with what was typed. */
function holdsInput(c: WebContext, status: PageStatus): boolean {
  return c.req.method === 'POST' && (status === 200 || status === 422)
}

/** Where the switches lead back to: an address of a POST is none. */
function hereOf(c: WebContext, here: string | undefined): string {
  if (here !== undefined) return here
  return c.req.method === 'POST' ? '/' : pathOf(c) + new URL(c.req.url).search
}

/** The HTML of `views/partials/<partial>.eta` alone, for live updates and previews. */
export function fragment(c: WebContext, partial: string, model: object): string {
  return c.get('deps').renderer.render(`partials/${partial}`, { ...helpers(c), ...model })
}
