// The second half of the demo: a friend's server on this machine. Both pair by an invitation, the newest archive goes there in
// chunks, is lost here, and comes back.
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { openInstance } from '../../src/app.ts'
import type { Instance } from '../../src/cli/context.ts'
import { formatBytes } from '../../src/domain/bytes.ts'
import type { Config } from '../../src/config.ts'
import { pairingScopes } from '../../src/domain/token.ts'
import { getArchive, listArchives } from '../../src/store/archives.ts'
import { listDestinations } from '../../src/store/destinations.ts'

export interface Friend {
  readonly url: string
  close(): Promise<void>
}

/** Starts the friend's instance; close it in any case. */
export async function startFriend(config: Config): Promise<Friend & { readonly instance: Instance }> {
  const instance = await openInstance(config)
  const lock = instance.lock()
  if (!lock) throw new Error('a fresh folder cannot be locked')
  await instance.engine.start({ schedule: true })
  const web = await instance.serve()
  return {
    instance,
    url: web.url,
    async close() {
      await web.close()
      await instance.engine.stop()
      lock.release()
      await instance.close()
    },
  }
}

/** What was not as it should be; empty when all was. */
export async function sendAndFetch(
  here: Instance,
  there: Instance,
  out: NodeJS.WritableStream,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const complaints: string[] = []
  out.write(`\nA friend's server, ${there.config.instanceName}:\n`)
  const { code } = await there.engine.peers.invite({ scopes: pairingScopes, ssh: false }, 'demo')
  const peer = await here.engine.peers.join(code, { scopes: pairingScopes, ssh: false }, 'demo')
  out.write(`  paired by an invitation; ${peer.name} is ${peer.status ?? 'not asked yet'}\n`)

  const [newest] = (await listArchives(here.db, { limit: 1 })).items
  const destination = (await listDestinations(here.db)).find((one) => one.peerId === peer.id)
  if (!newest || !destination) return ['there is nothing to send, or nowhere to send it']
  const order = { archive: newest.name, destinationId: destination.id, trigger: 'manual' } as const
  const sent = await here.engine.transfers.wait((await here.engine.transfers.send(order, 'demo')).id, signal)
  out.write(`  ${sent.status}: ${newest.name} sent, ${formatBytes(sent.bytesSent, 'en')}\n`)
  const copy = await getArchive(there.db, newest.name)
  if (sent.status !== 'success' || copy?.sha256 !== newest.sha256)
    complaints.push('the copy is not there, or another one')

  await rm(join(here.config.archivesDir, newest.file))
  await rm(join(here.config.archivesDir, `${newest.name}.info.json`))
  await here.engine.rescan()
  const wanted = { archive: newest.name, peerId: peer.id, trigger: 'manual' } as const
  const fetched = await here.engine.transfers.wait(
    (await here.engine.transfers.fetch(wanted, 'demo')).id,
    signal,
  )
  const back = await here.engine.verifyArchive(newest.name, 'demo', signal)
  out.write(`  ${fetched.status}: lost here, fetched back, ${back.state}\n`)
  if (fetched.status !== 'success' || back.state !== 'ok' || back.sha256 !== newest.sha256)
    complaints.push('the archive did not come back as it was')
  return complaints
}
