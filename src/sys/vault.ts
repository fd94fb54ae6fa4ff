// Secrets at rest: AES-256-GCM under a key file in `<data>/keys/`, bound to the place they are stored in.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { loadKeyFile } from './key-file.ts'

const version = 'v1:'
const nonceBytes = 12
const tagBytes = 16

export interface Vault {
  /** Encrypts. `context` names where it will be stored (`job/<uid>/password`); it opens only there. */
  seal(plain: string, context: string): string
  /** Decrypts; throws {@link VaultError} for another key, another context or changed bytes. */
  open(sealed: string, context: string): string
}

/** A stored secret that cannot be read. Holds nothing of it. */
export class VaultError extends Error {
  override readonly name = 'VaultError'
}

/** Opens the vault, making its key at the first use. Throws `KeyFileError` when the key is not private or damaged. */
export async function createVault(dataDir: string): Promise<Vault> {
  const key = await loadKeyFile(dataDir, 'secrets.key')
  return {
    seal: (plain, context) => seal(key, plain, context),
    open: (sealed, context) => open(key, sealed, context),
  }
}

function seal(key: Buffer, plain: string, context: string): string {
  const nonce = randomBytes(nonceBytes)
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes })
  cipher.setAAD(Buffer.from(version + context))
  const body = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()])
  return version + Buffer.concat([nonce, body, cipher.getAuthTag()]).toString('base64url')
}

function open(key: Buffer, sealed: string, context: string): string {
  if (!sealed.startsWith(version)) throw new VaultError('not a secret of a version that this program knows')
  const bytes = Buffer.from(sealed.slice(version.length), 'base64url')
  if (bytes.length < nonceBytes + tagBytes) throw new VaultError('the stored secret is cut off')
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, nonceBytes), {
    authTagLength: tagBytes,
  })
  decipher.setAAD(Buffer.from(version + context))
  decipher.setAuthTag(bytes.subarray(-tagBytes))
  try {
    const body = bytes.subarray(nonceBytes, -tagBytes)
    return Buffer.concat([decipher.update(body), decipher.final()]).toString('utf8')
  } catch (cause) {
    throw new VaultError('the stored secret was made with another key or in another place, or is damaged', {
      cause,
    })
  }
}
