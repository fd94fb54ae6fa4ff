// Sends what leaves an archive: as a file to be saved, never as something that a browser would show or run.
import { createHash } from 'node:crypto'
import type { Outgoing } from '../../../engine/contents.ts'
import type { ArchiveRow } from '../archives/detail-query.ts'

/** Nothing in it may run or load anything, should a browser show it after all. */
export const downloadPolicy = "sandbox; default-src 'none'"

/** The value of `Content-Disposition` for any name: RFC 6266, with the name in UTF-8 and in plain letters (RFC 8187). */
export function attachment(fileName: string): string {
  const plain = fileName.replaceAll(/[^\w .()+,=@~-]/g, '_')
  const encoded = encodeURIComponent(fileName.toWellFormed()).replaceAll(
    /['()*!]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`
}

/** The answer with these bytes. For HEAD the same headers alone; the bytes are let go. */
export async function send(
  c: { readonly req: { readonly method: string } },
  outgoing: Outgoing,
  more: { readonly status?: 200 | 206; readonly headers?: Readonly<Record<string, string>> } = {},
): Promise<Response> {
  const headers = new Headers(downloadHeaders(outgoing.fileName, outgoing.contentType, outgoing.length))
  for (const [name, value] of Object.entries(more.headers ?? {})) headers.set(name, value)
  if (c.req.method === 'HEAD') {
    await outgoing.bytes.cancel()
    return new Response(null, { status: more.status ?? 200, headers })
  }
  return new Response(outgoing.bytes, { status: more.status ?? 200, headers })
}

/** What every download says about itself. `length` null: nobody knows before the end. */
export function downloadHeaders(
  fileName: string,
  contentType: string,
  length: number | null,
): Record<string, string> {
  return {
    'Content-Type': contentType,
    'Content-Disposition': attachment(fileName),
    'Content-Security-Policy': downloadPolicy,
    // nginx would otherwise write gigabytes into a temporary file first.
    'X-Accel-Buffering': 'no',
    ...(length === null ? {} : { 'Content-Length': String(length) }),
  }
}

/** Stands for the bytes: their hash where it is known to be true, else what the file system says of the file. */
export function tagOf({ sha256, state, fingerprint }: ArchiveRow): string {
  const known = state === 'ok' && sha256 !== null
  return `"${known ? sha256 : createHash('sha256').update(fingerprint).digest('hex')}"`
}
