// Facts about a server's certificate, and the check by its fingerprint.
import type { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import { Problem } from '../../domain/problem.ts'

/** SHA-256 of the certificate that the other side proved to have in the handshake, as 64 hex characters; null without one. */
export function fingerprintOf(socket: TLSSocket): string | null {
  const certificate = socket.getPeerX509Certificate()
  return certificate === undefined ? null : digits(certificate.fingerprint256)
}

/** `peer_untrusted` when the certificate is not the pinned one; nothing else counts then, neither its name nor its end. */
export function pinProblem(socket: TLSSocket, pin: string, host: string): Problem | null {
  if (fingerprintOf(socket) === digits(pin)) return null
  return new Problem('peer_untrusted', {
    detail: `The certificate of ${host} is not the one that was confirmed for it`,
  })
}

/** What people see of a certificate. `validTo` is ISO 8601. The subject is the other side's word: shortened, one line. */
export function describeCertificate(certificate: X509Certificate): {
  sha256: string
  subject: string
  validTo: string
} {
  const subject = certificate.subject ?? ''
  return {
    sha256: digits(certificate.fingerprint256),
    subject: subject.replaceAll('\n', ', ').replaceAll(/\p{C}/gu, '?').slice(0, 200),
    validTo: new Date(certificate.validTo).toISOString(),
  }
}

function digits(fingerprint: string): string {
  return fingerprint.replaceAll(':', '').toLowerCase()
}
