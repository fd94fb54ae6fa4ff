// The way to a peer's inbox, as the engine knows it: who sends through root, and whether it works at all.
import { hasInbox, type PeerSsh } from '../../domain/peer.ts'
import { isProblem, Problem } from '../../domain/problem.ts'
import { rsyncStanding } from '../../domain/rsync-output.ts'
import { getPeer } from '../../store/peers.ts'
import { loadSshKey } from '../../sys/ssh-key.ts'
import type { PushByRsync } from '../../destinations/peer-rsync/index.ts'
import type { EngineDeps } from '../deps.ts'
import type { SshTest } from '../federation.ts'

/** The peer's inbox; null when it has told us of none. */
export async function inboxOf(deps: Pick<EngineDeps, 'db'>, peerId: number): Promise<PeerSsh | null> {
  const peer = await getPeer(deps.db, peerId)
  return peer !== null && hasInbox(peer) ? peer.ssh : null
}

/** rsync is run by the root helper: nobody else may read archives. */
export function pushThroughHelper(deps: Pick<EngineDeps, 'helper' | 'dataDir'>): PushByRsync {
  return async (order, io) => {
    await loadSshKey(deps.dataDir)
    const { name, sizeBytes: expected, file: filename } = order.cargo
    return deps.helper.call(
      'rsync.send',
      {
        name,
        expected,
        filename,
        uploadId: order.uploadId,
        server: serverOf(order.inbox),
        bandwidthKib: order.bandwidthKib,
      },
      {
        signal: io.signal,
        onFrame: (frame) => {
          if (frame.t === 'progress') io.progress(frame.done)
        },
      },
    )
  }
}

/** See `Transfers.testSsh`. */
export async function testSsh(deps: EngineDeps, peerId: number, signal: AbortSignal): Promise<SshTest> {
  const peer = await getPeer(deps.db, peerId)
  if (!peer) throw new Problem('peer_not_found', { id: peerId })
  const nothing = { here: null, there: null }
  if (!hasInbox(peer) || peer.ssh === null) {
    return { ...nothing, problem: new Problem('transfer_mode_unavailable', { mode: 'rsync' }) }
  }
  try {
    await loadSshKey(deps.dataDir)
    const found = await deps.helper.call('ssh.probe', { server: serverOf(peer.ssh) }, { signal })
    const here = rsyncStanding(found.rsync)
    const ours = deps.identity.id
    if (!found.answer.startsWith(`backupmanager inbox ${ours} ok `)) {
      const detail = `the inbox answered: ${found.answer.slice(0, 120)}`
      return { here, there: null, problem: new Problem('ssh_failed', { detail }) }
    }
    return { here, there: rsyncStanding(found.answer), problem: null }
  } catch (error) {
    signal.throwIfAborted()
    if (!isProblem(error)) throw error
    return { ...nothing, problem: error }
  }
}

function serverOf({ host, port, user, hostKeys }: PeerSsh) {
  return { host, port, user, hostKeys: [...hostKeys] }
}
