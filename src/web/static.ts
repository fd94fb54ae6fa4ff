// Answers for the files of `public/`: kept for ever under their hash, asked again without it.
import type { Context } from 'hono'
import { Problem } from '../domain/problem.ts'
import type { WebEnv } from './page.ts'

/** The handler of `/static/:name`. */
export function serveAsset(c: Context<WebEnv, '/static/:name'>): Response {
  const asset = c.get('assets').get(c.req.param('name'))
  if (asset === undefined) throw new Problem('page_not_found')
  const etag = `"${asset.hash}"`
  c.header('ETag', etag)
  c.header(
    'Cache-Control',
    c.req.query('v') === asset.hash ? 'public, max-age=31536000, immutable' : 'no-cache',
  )
  if (c.req.header('if-none-match') === etag) return c.body(null, 304)
  c.header('Content-Type', asset.type)
  return c.body(asset.body)
}
