// The description of the API, made from the declared endpoints when it is asked for.
import type { WebDeps } from '../page.ts'
import { keyHeader } from './auth.ts'
import type { Api } from './frame.ts'

/** `GET /openapi.json`, without a key. */
export function mountOpenApi(api: Api, deps: WebDeps): void {
  let document: string | undefined
  api.app.get('/openapi.json', () => {
    // All endpoints are there by the first request.
    document ??= JSON.stringify(openApiDocument(api, deps))
    return new Response(document, { headers: { 'Content-Type': 'application/json; charset=utf-8' } })
  })
}

/** OpenAPI 3.1. Contains nothing about this instance but its version and base path. */
export function openApiDocument(api: Api, deps: Pick<WebDeps, 'version' | 'config'>): object {
  api.app.openAPIRegistry.registerComponent('securitySchemes', 'key', {
    type: 'apiKey',
    in: 'header',
    name: keyHeader,
    description: '64 hex characters. Each endpoint says in x-scope what the key must allow.',
  })
  return api.app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: { title: 'BackupManager', version: deps.version },
    servers: [{ url: `${deps.config.basePath}/api/v1` }],
  })
}
