// Reads the one request of a helper's life, with limits, and notices when the one who asked has gone.
import type { Readable } from 'node:stream'
import { requestSchema, type HelperRequest } from '../domain/helper-protocol.ts'
import { Problem } from '../domain/problem.ts'

const longestRequest = 1024 * 1024
const newline = 0x0a

/**
 * The request that comes as the first line of `input`. Rejects with `helper_refused` when it is malformed, too long or
 * does not come within `withinMs`, with `cancelled` when the other side goes before it has asked.
 */
export async function readRequest(
  input: Readable,
  options: { readonly withinMs: number; readonly signal: AbortSignal },
): Promise<HelperRequest> {
  const line = await firstLine(input, options)
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    // Without the parser's message, which quotes the request.
    throw new Problem('helper_refused', { reason: 'the request is not JSON' })
  }
  const request = requestSchema.safeParse(value)
  if (request.success) return request.data
  const wrong = request.error.issues.map((issue) => issue.path.join('.') || 'request')
  throw new Problem('helper_refused', { reason: `wrong in the request: ${[...new Set(wrong)].join(', ')}` })
}

/** Calls `gone` once when the other side ends its writing, closes or breaks. What else it sends is ignored. */
export function watchHangUp(input: Readable, gone: () => void): void {
  input.once('end', gone)
  input.once('close', gone)
  input.on('error', gone)
  if (input.readableEnded || input.destroyed) gone()
  input.resume()
}

function firstLine(
  input: Readable,
  { withinMs, signal }: { withinMs: number; signal: AbortSignal },
): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    const timer = setTimeout(() => refuse(`no request came within ${withinMs} ms`), withinMs)
    const finish = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', leave)
      input.off('data', take).off('end', leave).off('close', leave).off('error', leave)
    }
    const refuse = (reason: string): void => {
      finish()
      reject(new Problem('helper_refused', { reason }))
    }
    const leave = (): void => {
      finish()
      reject(new Problem('cancelled'))
    }
    const take = (chunk: Buffer): void => {
      const end = chunk.indexOf(newline)
      chunks.push(end === -1 ? chunk : chunk.subarray(0, end))
      size += end === -1 ? chunk.length : end
      if (size > longestRequest) return refuse(`the request is longer than ${longestRequest} bytes`)
      if (end === -1) return
      finish()
      resolve(Buffer.concat(chunks).toString('utf8'))
    }
    signal.addEventListener('abort', leave, { once: true })
    input.on('data', take).once('end', leave).once('close', leave).once('error', leave)
    if (signal.aborted) leave()
  })
}
