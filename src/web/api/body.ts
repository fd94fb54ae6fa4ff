// Reads the JSON of a request: bounded in size and depth, whoever says what about it.
import { Problem } from '../../domain/problem.ts'
import type { ApiContext } from './frame.ts'

/** Bytes. */
export const jsonMost = 1_048_576
/** Objects and lists in each other. */
export const nestingMost = 64
/** Milliseconds for all of it: who dribbles it holds nothing for long. */
const withinMs = 30_000

/**
 * The parsed body; `{}` when the request has none. `length_required`, `body_too_large` (before anything is read),
 * `request_invalid` for another type, broken UTF-8 or JSON, and for what is nested too deep.
 */
export async function readJson(
  c: ApiContext,
  limits: { readonly withinMs: number } = { withinMs },
): Promise<unknown> {
  const stated = c.req.header('content-length')
  if (stated === undefined) {
    if (await isEmpty(c.req.raw.body, limits.withinMs)) return {}
    throw new Problem('length_required')
  }
  const length = /^\d{1,15}$/.test(stated) ? Number(stated) : Number.NaN
  if (Number.isNaN(length)) throw broken('Content-Length is no number.')
  if (length > jsonMost) throw new Problem('body_too_large', { limit: jsonMost })
  if (length === 0) return {}
  const type = (c.req.header('content-type') ?? '').split(';')[0]?.trim().toLowerCase()
  if (type !== 'application/json') throw broken('The body must be application/json.')
  return parse(decode(await readAll(c.req.raw.body, limits.withinMs)))
}

/** A body whose length nobody stated may only be none at all: one piece of it is enough to know. */
async function isEmpty(body: ReadableStream<Uint8Array> | null, within: number): Promise<boolean> {
  if (body === null) return true
  return timed(body, within, async (reader) => {
    const { done } = await reader.read()
    if (!done) await reader.cancel()
    return done
  })
}

/** Counted, too: what a header says need not be true. */
async function readAll(body: ReadableStream<Uint8Array> | null, within: number): Promise<Buffer> {
  if (body === null) return Buffer.alloc(0)
  return timed(body, within, async (reader) => {
    const pieces: Uint8Array[] = []
    let size = 0
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return Buffer.concat(pieces)
      size += value.length
      if (size > jsonMost) throw new Problem('body_too_large', { limit: jsonMost })
      pieces.push(value)
    }
  })
}

/** Who sends nothing, or too slowly, holds a connection no longer than that. */
async function timed<R>(
  body: ReadableStream<Uint8Array>,
  within: number,
  read: (reader: ReadableStreamDefaultReader<Uint8Array>) => Promise<R>,
): Promise<R> {
  const reader = body.getReader()
  let late = false
  const timer = setTimeout(() => {
    late = true
    reader.cancel().catch(() => undefined)
  }, within)
  try {
    const result = await read(reader)
    // What ended because of us has not ended.
    if (late) throw broken(`The body did not come within ${within / 1000} s.`)
    return result
  } finally {
    clearTimeout(timer)
    reader.releaseLock()
  }
}

function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw broken('The body is not UTF-8.')
  }
}

function parse(text: string): unknown {
  if (depthOf(text) > nestingMost) throw broken(`The JSON is nested more than ${nestingMost} deep.`)
  try {
    return JSON.parse(text)
  } catch {
    throw broken('The body is not valid JSON.')
  }
}

/** How deep brackets are open at most, outside of strings. Pure; right for valid JSON, harmless for other text. */
export function depthOf(text: string): number {
  let depth = 0
  let most = 0
  let inString = false
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at]
    if (inString) {
      if (char === '\\') at += 1
      else if (char === '"') inString = false
    } else if (char === '"') inString = true
    else if (char === '{' || char === '[') most = Math.max(most, (depth += 1))
    else if (char === '}' || char === ']') depth -= 1
  }
  return most
}

function broken(detail: string): Problem {
  return new Problem('request_invalid', { detail })
}
