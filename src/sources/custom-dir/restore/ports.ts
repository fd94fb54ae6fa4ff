// Opens ports in YunoHost's firewall, and closes again what was opened.
import { z } from 'zod'
import { isProblem } from '../../../domain/problem.ts'
import type { SourceIo } from '../../source.ts'
import { commandYunohost, readYunohost } from '../../yunohost/command.ts'
import { shortLockWaitS } from '../../yunohost/patience.ts'

const list = z.object({ tcp: z.array(z.union([z.number(), z.string()])) })

/** TCP ports that are open; of ranges only their ends. Throws as {@link readYunohost}. */
export async function openPorts(io: SourceIo): Promise<readonly number[]> {
  const { tcp } = await readYunohost(io, ['firewall', 'list'], list)
  return tcp.map(Number).filter((port) => Number.isInteger(port))
}

/** Opens TCP ports, each with its reason. Throws as {@link commandYunohost}. */
export async function openInFirewall(ports: readonly number[], comment: string, io: SourceIo): Promise<void> {
  for (const port of ports) {
    const now = ['firewall', 'open', String(port), comment, '-p', 'tcp']
    await firstThatWorks(now, ['firewall', 'allow', 'TCP', String(port), '--no-upnp'], io)
    io.log('info', `port ${port} is open`)
  }
}

/** Closes TCP ports that are open. Throws as {@link commandYunohost}. */
export async function closeInFirewall(ports: readonly number[], io: SourceIo): Promise<void> {
  const open = await openPorts(io)
  for (const port of ports.filter((one) => open.includes(one))) {
    const now = ['firewall', 'close', String(port), '-p', 'tcp']
    await firstThatWorks(now, ['firewall', 'disallow', 'TCP', String(port)], io)
    io.log('info', `port ${port} is closed again`)
  }
}

/** YunoHost 12.1 has new words for it; before, it does not know them. */
async function firstThatWorks(
  now: readonly string[],
  before: readonly string[],
  io: SourceIo,
): Promise<void> {
  try {
    await commandYunohost(io, now, { lockWaitS: shortLockWaitS })
  } catch (error) {
    if (io.signal.aborted || !isProblem(error, 'yunohost_failed')) throw error
    await commandYunohost(io, before, { lockWaitS: shortLockWaitS })
  }
}
