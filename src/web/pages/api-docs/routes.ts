// The API, readable: the same endpoints and fields as in openapi.json.
import type { Hono } from 'hono'
import type { RouteRow } from '../../api/frame.ts'
import { render, type WebDeps, type WebEnv } from '../../page.ts'
import { resourcesOf, type ShownResource } from './view.ts'

/** Adds `/docs/api`. Not `/api…`: what begins so is open to everybody in SSOwat. */
export function mountApiDocs(app: Hono<WebEnv>, { config }: WebDeps, routes: readonly RouteRow[]): void {
  let resources: readonly ShownResource[] | undefined
  app.get('/docs/api', (c) => {
    // They do not change while the program runs.
    resources ??= resourcesOf(routes)
    const base = `${config.publicUrl}/api/v1`
    return render(c, 'api-docs/api-docs', { resources, base }, { title: c.get('t')('apidocs.title') })
  })
}
