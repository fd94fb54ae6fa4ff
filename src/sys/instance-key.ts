// Who this instance is: an Ed25519 key pair made at the first start; its id is the public key's fingerprint.
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto'
import { join } from 'node:path'
import { KeyFileError, keyFile } from './key-file.ts'

export interface InstanceKey {
  /** SHA-256 of the public key (SPKI, DER) in base64url: 43 characters, the same for ever. */
  readonly id: string
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
}

/** Reads `<data>/keys/instance.key`, making it at the first start. Throws `KeyFileError` when not private or damaged. */
export async function loadInstanceKey(dataDir: string): Promise<InstanceKey> {
  const path = join(dataDir, 'keys', 'instance.key')
  const pem = await keyFile(path, () => {
    const { privateKey } = generateKeyPairSync('ed25519')
    return Buffer.from(privateKey.export({ type: 'pkcs8', format: 'pem' }))
  })
  const privateKey = parse(pem, path)
  const publicKey = createPublicKey(privateKey)
  const der = publicKey.export({ type: 'spki', format: 'der' })
  return { id: createHash('sha256').update(der).digest('base64url'), publicKey, privateKey }
}

function parse(pem: Buffer, path: string): KeyObject {
  try {
    const key = createPrivateKey(pem)
    if (key.asymmetricKeyType === 'ed25519') return key
  } catch (cause) {
    throw new KeyFileError(`${path} is damaged. Put the saved one back.`, { cause })
  }
  throw new KeyFileError(`${path} holds another kind of key. Put the saved one back.`)
}
