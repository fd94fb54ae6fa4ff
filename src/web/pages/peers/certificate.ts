// "Look at its certificate": what the address presents, for the form that pins it.
import type { WebContext } from '../../page.ts'
import { type Wrong, wrongOf } from '../../typed-form.ts'
import { visibleName } from '../../visible-name.ts'

export interface ShownCertificate {
  /** As programs print it, to be compared. */
  readonly fingerprint: string
  readonly sha256: string
  readonly subject: string
  readonly validTo: string
}

/** What was seen, or why nothing was. */
export async function lookAtCertificate(
  c: WebContext,
  url: string,
): Promise<{ readonly certificate: ShownCertificate | null; readonly wrong: Wrong }> {
  try {
    const seen = await c.get('deps').engine.peers.certificateOf(url)
    const until = Date.parse(seen.validTo)
    const certificate = {
      sha256: seen.sha256,
      fingerprint: (seen.sha256.toUpperCase().match(/../g) ?? []).join(':'),
      subject: visibleName(seen.subject),
      validTo: Number.isNaN(until) ? visibleName(seen.validTo) : c.get('f').exact(until),
    }
    return { certificate, wrong: {} }
  } catch (error) {
    return { certificate: null, wrong: wrongOf(error) }
  }
}
