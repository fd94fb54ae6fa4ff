// Keys of instances as text, and what is signed with them.
import { createHash, createPublicKey, sign, verify, type KeyObject } from 'node:crypto'
import type { InstanceKey } from '../../sys/instance-key.ts'

/** SPKI, DER, base64: how a public key goes over the wire. */
export function keyText(key: InstanceKey): string {
  return key.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')
}

/** An instance's public key with the id that follows from it; null when the text is no Ed25519 key. */
export function readKey(
  text: string,
): { readonly id: string; readonly pem: string; readonly key: KeyObject } | null {
  let key: KeyObject
  try {
    key = createPublicKey({ key: Buffer.from(text, 'base64'), type: 'spki', format: 'der' })
  } catch {
    // Whatever OpenSSL says of it: it is no key.
    return null
  }
  if (key.asymmetricKeyType !== 'ed25519') return null
  const der = key.export({ type: 'spki', format: 'der' })
  return {
    id: createHash('sha256').update(der).digest('base64url'),
    pem: key.export({ type: 'spki', format: 'pem' }).toString(),
    key,
  }
}

/** Our signature of the text, base64. */
export function signText(identity: InstanceKey, text: string): string {
  return sign(null, Buffer.from(text), identity.privateKey).toString('base64')
}

/** Whether the owner of that key signed the text. */
export function isSignedBy(key: KeyObject, text: string, signature: string): boolean {
  return verify(null, Buffer.from(text), key, Buffer.from(signature, 'base64'))
}
