// Tags for answers that are asked for again and again: what has not changed is not sent twice.
import { createHash } from 'node:crypto'
import type { ApiContext } from './frame.ts'

/** Fields that change with every look: they do not make an answer a new one. */
const volatile = new Set(['time', 'uptime_s'])

/** The JSON answer with its tag, or 304 when the caller has the same. */
export function tagged(c: ApiContext, body: unknown): Response {
  const tag = tagOf(body)
  const headers = { ETag: tag, 'Cache-Control': 'private, no-cache' }
  if (hasTag(c.req.header('if-none-match'), tag)) return new Response(null, { status: 304, headers })
  return new Response(JSON.stringify(body), {
    headers: { ...headers, 'Content-Type': 'application/json; charset=utf-8' },
  })
}

/** Stands for everything in a body but what is volatile. */
export function tagOf(body: unknown): string {
  const lasting = JSON.stringify(body, (key, value: unknown) => (volatile.has(key) ? undefined : value))
  return `"${createHash('sha256').update(lasting).digest('base64url').slice(0, 32)}"`
}

/** Whether `If-None-Match` names the tag: one, a list, or `*`. It compares weakly (RFC 9110 §13.1.2). */
export function hasTag(header: string | undefined, tag: string): boolean {
  if (header === undefined) return false
  if (header.trim() === '*') return true
  return (header.match(/(?:W\/)?"[^"]*"/g) ?? []).some((one) => one.replace(/^W\//, '') === tag)
}
