// The key that this instance comes to inboxes of other instances with: made once, in OpenSSH's form, like other key files.
import { join } from 'node:path'
import ssh2 from 'ssh2'
import { KeyFileError, keyFile } from './key-file.ts'
import { sshKeyFile } from './ssh-key-file.ts'

export interface SshKey {
  /** For `ssh -i`; mode 600. */
  readonly path: string
  /** `ssh-ed25519 AAAA…`, without a comment. */
  readonly publicKey: string
}

/** `<data>/keys/ssh_ed25519`, made at the first use. Throws {@link KeyFileError} when it is damaged or not private. */
export async function loadSshKey(dataDir: string): Promise<SshKey> {
  const path = join(dataDir, 'keys', sshKeyFile)
  const publicKey = publicKeyOf(await keyFile(path, () => Buffer.from(makeKey())))
  if (publicKey === null) {
    throw new KeyFileError(`${path} is damaged. Put the saved one back, or remove it and pair anew.`)
  }
  return { path, publicKey }
}

/** About one in 256 keys that ssh2 1.17 makes cannot be read again: those are thrown away. */
function makeKey(): string {
  for (;;) {
    const made = ssh2.utils.generateKeyPairSync('ed25519')
    if (publicKeyOf(made.private) === made.public.trim()) return made.private
  }
}

/** Null when it is no readable Ed25519 key. */
function publicKeyOf(bytes: Buffer | string): string | null {
  const parsed = ssh2.utils.parseKey(bytes)
  if (parsed instanceof Error || parsed.type !== 'ssh-ed25519' || !parsed.isPrivateKey()) return null
  return `ssh-ed25519 ${parsed.getPublicSSH().toString('base64')}`
}
