// The configuration of one ssh connection: nothing of the system's or the user's counts, and only pinned host keys do. Pure.
import { Problem } from '../domain/problem.ts'

export interface SshServer {
  readonly host: string
  readonly port: number
  readonly user: string
  /** `ssh-ed25519 AAAA…`: the only ones that are trusted. */
  readonly hostKeys: readonly string[]
}

/** What the connection is called on command lines and in the list of known hosts: nothing of the peer's gets there. */
export const sshAlias = 'backupmanager-peer'

/** Which signatures prove a key of each type. */
const algorithms: Readonly<Record<string, readonly string[]>> = {
  'ssh-ed25519': ['ssh-ed25519'],
  'ecdsa-sha2-nistp256': ['ecdsa-sha2-nistp256'],
  'ecdsa-sha2-nistp384': ['ecdsa-sha2-nistp384'],
  'ecdsa-sha2-nistp521': ['ecdsa-sha2-nistp521'],
  'ssh-rsa': ['rsa-sha2-512', 'rsa-sha2-256'],
}

/** The file of known hosts. `ssh_failed` when there is no key of a known type. */
export function knownHosts(server: SshServer): string {
  return usable(server)
    .map((key) => `${sshAlias} ${key}\n`)
    .join('')
}

/** The file for `ssh -F`. `ssh_failed` as above. */
export function sshConfig(
  server: SshServer,
  files: { readonly knownHosts: string; readonly identity: string },
): string {
  const types = usable(server).flatMap((key) => algorithms[key.split(' ')[0] ?? ''] ?? [])
  const lines = [
    `Host ${sshAlias}`,
    `HostName ${checked(server.host, /^[A-Za-z0-9:][A-Za-z0-9.:-]{0,254}$/)}`,
    `Port ${checked(String(server.port), /^[1-9][0-9]{0,4}$/)}`,
    `User ${checked(server.user, /^[a-z_][a-z0-9_-]{0,31}$/)}`,
    `HostKeyAlias ${sshAlias}`,
    `HostKeyAlgorithms ${[...new Set(types)].join(',')}`,
    `UserKnownHostsFile ${quoted(files.knownHosts)}`,
    'GlobalKnownHostsFile /dev/null',
    'StrictHostKeyChecking yes',
    'UpdateHostKeys no',
    'CheckHostIP no',
    'VerifyHostKeyDNS no',
    `IdentityFile ${quoted(files.identity)}`,
    'IdentitiesOnly yes',
    'IdentityAgent none',
    'PreferredAuthentications publickey',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'BatchMode yes',
    'ForwardAgent no',
    'ForwardX11 no',
    'ClearAllForwardings yes',
    'PermitLocalCommand no',
    'ControlMaster no',
    'ControlPath none',
    'RequestTTY no',
    'EscapeChar none',
    'Compression no',
    'ConnectTimeout 20',
    'ConnectionAttempts 1',
    'ServerAliveInterval 15',
    'ServerAliveCountMax 4',
    'LogLevel ERROR',
  ]
  return `${lines.join('\n')}\n`
}

function usable({ hostKeys }: SshServer): readonly string[] {
  const good = hostKeys.filter((key) => {
    const [type = '', bytes = '', ...more] = key.split(' ')
    return Object.hasOwn(algorithms, type) && /^[A-Za-z0-9+/]+={0,2}$/.test(bytes) && more.length === 0
  })
  if (good.length === 0) throw new Problem('ssh_failed', { detail: 'no host key of the peer is known' })
  return good
}

function checked(text: string, form: RegExp): string {
  if (!form.test(text)) throw new Problem('ssh_failed', { detail: 'the address of the inbox is none' })
  return text
}

/** A path as one word: ssh takes `%` for the beginning of a token. */
function quoted(path: string): string {
  if (/["\n\r\\]/.test(path)) throw new Problem('ssh_failed', { detail: 'a path has a quotation mark in it' })
  return `"${path.replaceAll('%', '%%')}"`
}
