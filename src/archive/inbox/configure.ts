// Who may come to the inbox: one line for each peer's key, which opens nothing but our own receiving command.
import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Problem } from '../../domain/problem.ts'
import { writeFileAtomic } from '../../sys/files.ts'
import { makeClosedFolder, openInbox, type InboxPlaces } from './place.ts'

export interface InboxPeer {
  readonly uid: string
  /** `ssh-ed25519 AAAA…`. */
  readonly key: string
}

const entry = fileURLToPath(new URL('../../../bin/backupmanager.js', import.meta.url))

/** Writes `.ssh/authorized_keys` and makes the peers' folders. How many keys are let in. */
export async function configureInbox(peers: readonly InboxPeer[], places: InboxPlaces): Promise<number> {
  const place = await openInbox(places)
  const keys = join(place.folder, '.ssh')
  await makeClosedFolder(keys, place)
  for (const { uid } of peers) await makeClosedFolder(join(place.folder, uid), place)
  const lines = authorizedKeys(peers, [process.execPath, entry, 'inbox', place.folder])
  const path = join(keys, 'authorized_keys')
  await mustBeOurs(keys)
  // sshd reads it with the rights of the account.
  await writeFileAtomic(path, lines.join(''), { mode: 0o644 })
  return lines.length
}

/**
 * The lines; `program` gets the peer's id as its last argument. Of peers with the same key the first one counts: nobody gets
 * into somebody else's place by showing its public key. Pure. `not_supported` for a path that cannot be quoted.
 */
export function authorizedKeys(peers: readonly InboxPeer[], program: readonly string[]): readonly string[] {
  const command = program.map(shellWord).join(' ')
  const seen = new Set<string>()
  return peers.flatMap(({ uid, key }) => {
    if (seen.has(key)) return []
    seen.add(key)
    return [`restrict,command="${command} ${uid}" ${key}\n`]
  })
}

function shellWord(word: string): string {
  if (/^[A-Za-z0-9_./+-]+$/.test(word)) return word
  if (/["'\\\n\r\0]/.test(word)) {
    throw new Problem('not_supported', { detail: `an inbox with the path ${JSON.stringify(word)}` })
  }
  return `'${word}'`
}

/** Whoever else owned it could lead us anywhere. */
async function mustBeOurs(folder: string): Promise<void> {
  const { uid } = await lstat(folder)
  if (uid !== process.geteuid?.())
    throw new Problem('helper_refused', { reason: 'the inbox: .ssh is not ours' })
}
