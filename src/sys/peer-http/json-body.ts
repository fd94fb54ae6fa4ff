// Makes sense of an answer's body: bounded JSON and nothing else.
import { answerProblem } from './trouble.ts'

/** More levels than any answer of the API has. */
const deepest = 64

/** `peer_answer_invalid` for what is not UTF-8, not JSON, or nested deeper than 64 levels. */
export function parseBody(bytes: Buffer, host: string): unknown {
  if (isTooDeep(bytes)) throw answerProblem(`${host} answers JSON with more than ${deepest} levels`)
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    // Without the parser's message, which quotes the answer.
    throw answerProblem(`${host} answers what is not valid JSON`)
  }
}

/** Looks at brackets alone, outside of texts; the bytes need not be JSON. Pure. */
export function isTooDeep(bytes: Buffer): boolean {
  let depth = 0
  let inText = false
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at]
    if (inText) {
      if (byte === 0x5c) at += 1
      else if (byte === 0x22) inText = false
    } else if (byte === 0x22) inText = true
    else if (byte === 0x5b || byte === 0x7b) {
      depth += 1
      if (depth > deepest) return true
    } else if (byte === 0x5d || byte === 0x7d) depth -= 1
  }
  return false
}

/** `application/json` and `application/problem+json`, with any parameters. Pure. */
export function isJson(contentType: string | undefined): boolean {
  return /^application\/(?:problem\+)?json\s*(?:;|$)/i.test(contentType?.trim() ?? '')
}
