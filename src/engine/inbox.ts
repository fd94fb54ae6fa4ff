// The inbox for archives that come by rsync: whose keys are let in, and what peers are told about it.
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sshOfferSchema, type SshOffer } from '../domain/api/pairing.ts'
import { listPeers } from '../store/peers.ts'
import { loadSshKey } from '../sys/ssh-key.ts'
import type { EngineDeps, InboxAddress } from './deps.ts'
import type { Peers } from './federation.ts'
import { oneAtATime } from './one-at-a-time.ts'

/** What pairing tells the other about SSH: our key, and our inbox when there is one with a host key. */
export async function sshOffer(deps: Pick<EngineDeps, 'dataDir' | 'inbox' | 'log'>): Promise<SshOffer> {
  const { publicKey } = await loadSshKey(deps.dataDir)
  return sshOfferSchema.parse({
    public_key: publicKey,
    inbox: deps.inbox ? await told(deps, deps.inbox) : null,
  })
}

async function told(deps: Pick<EngineDeps, 'log'>, inbox: InboxAddress): Promise<SshOffer['inbox']> {
  const keys = await hostKeys(inbox.hostKeys)
  if (keys.length === 0) {
    deps.log.warn(
      { folder: inbox.hostKeys },
      'no host key of sshd was found: peers are not told of the inbox',
    )
    return null
  }
  return { host: inbox.host, port: inbox.port, user: inbox.user, host_keys: [...keys] }
}

/** Of `ssh_host_*_key.pub`, without comments; ed25519 first. */
export async function hostKeys(folder: string): Promise<readonly string[]> {
  const names = (await readdir(folder)).filter((name) => /^ssh_host_[a-z0-9_]+_key\.pub$/.test(name))
  const keys: string[] = []
  for (const name of names.toSorted()) {
    const [type = '', bytes = ''] = (await readFile(join(folder, name), 'utf8')).trim().split(/\s+/)
    if (/^(ssh-ed25519|ecdsa-sha2-nistp(256|384|521)|ssh-rsa)$/.test(type)) keys.push(`${type} ${bytes}`)
  }
  return keys.toSorted((a, b) => Number(b.startsWith('ssh-ed25519')) - Number(a.startsWith('ssh-ed25519')))
}

export interface InboxKeys {
  /** Lets in whom the table of peers says, and nobody else. Never rejects: it is done again at the next start. */
  sync(): Promise<void>
}

export function createInboxKeys(deps: EngineDeps): InboxKeys {
  const configure = oneAtATime(async () => {
    const peers = (await listPeers(deps.db)).flatMap(({ uid, ssh }) =>
      uid !== null && ssh !== null && ssh.theirKey !== null ? [{ uid, key: ssh.theirKey }] : [],
    )
    await deps.helper.call('inbox.configure', { peers })
  })
  return {
    async sync() {
      if (!deps.inbox) return
      try {
        await configure()
      } catch (error) {
        deps.log.error({ err: error }, 'the keys of the inbox could not be written')
      }
    },
  }
}

/** The same, with the inbox's keys in step before anybody is told that it is done. */
export function withInboxKeys(peers: Peers, keys: InboxKeys): Peers {
  const then = async <R>(work: Promise<R>): Promise<R> => {
    const result = await work
    await keys.sync()
    return result
  }
  return {
    ...peers,
    join: (code, input, actor) => then(peers.join(code, input, actor)),
    acceptJoin: (request, address) => then(peers.acceptJoin(request, address)),
    update: (id, input, actor) => then(peers.update(id, input, actor)),
    remove: (id, actor) => then(peers.remove(id, actor)),
  }
}
