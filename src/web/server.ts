// The web application: headers, static files, health, then everything else behind sign-in.
import { Hono } from 'hono'
import { createApi } from './api/index.ts'
import { authenticate } from './auth.ts'
import { loadAssets } from './assets.ts'
import { checkForm, formToken } from './csrf.ts'
import { securityHeaders } from './headers.ts'
import { formats, translator } from './i18n.ts'
import type { WebDeps, WebEnv } from './page.ts'
import { mountApiDocs } from './pages/api-docs/routes.ts'
import { mountPages } from './pages/index.ts'
import { languageOf, themeOf } from './pages/preferences/choice.ts'
import { answerProblem } from './problem.ts'
import { Problem } from '../domain/problem.ts'
import { serveAsset } from './static.ts'

export { serveWeb, type Served } from './listen.ts'

/** The dashboard as a Hono application; `app.request()` works without a listener. */
export function createWeb(deps: WebDeps): Hono<WebEnv> {
  // nginx and people write the dashboard's address with a slash at its end, too.
  const root = new Hono<WebEnv>({ strict: false })
  const assets = loadAssets()
  root.use(securityHeaders)
  root.use(async (c, next) => {
    const language = languageOf(c)
    c.set('deps', deps)
    c.set('assets', assets)
    c.set('language', language)
    c.set('theme', themeOf(c))
    c.set('t', translator(language))
    c.set('f', formats(language, deps.config.timeZone, deps.clock.now()))
    c.set('user', '')
    c.set('csrf', '')
    await next()
  })
  root.onError(answerProblem)
  root.notFound((c) => answerProblem(new Problem('page_not_found'), c))
  root.get('/healthz', (c) => c.text('ok'))
  root.route(deps.config.basePath === '' ? '/' : deps.config.basePath, pages(deps))
  return root
}

function pages(deps: WebDeps): Hono<WebEnv> {
  const app = new Hono<WebEnv>()
  app.get('/healthz', (c) => c.text('ok'))
  app.get('/static/:name', serveAsset)
  const api = createApi(deps)
  app.route('/api/v1', api.app)
  // SSOwat's public permission covers every path that begins with /api: who somebody is must not matter there.
  app.all('/:api{api.*}/*', (c) => c.json({ code: 'page_not_found', status: 404 }, 404))
  app.all('/:api{api.*}', (c) => c.json({ code: 'page_not_found', status: 404 }, 404))
  app.use(authenticate(deps))
  app.use(async (c, next) => {
    c.set('csrf', formToken(c.get('user'), deps.csrfKey))
    await next()
  })
  app.use(checkForm(deps))
  mountPages(app, deps)
  mountApiDocs(app, deps, api.routes)
  return app
}
