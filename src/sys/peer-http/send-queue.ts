// What the kernel has taken from us and the other side has not acknowledged yet: on a slow line that is minutes of sending
// in which a program sees nothing happen.
import { readFile } from 'node:fs/promises'
import type { Socket } from 'node:net'

/** Bytes on their way, null when the system does not tell. */
export async function sendQueue(socket: Socket): Promise<number | null> {
  const { localPort, remotePort, localFamily } = socket
  if (localPort === undefined || remotePort === undefined) return null
  try {
    return queueIn(
      await readFile(localFamily === 'IPv6' ? '/proc/self/net/tcp6' : '/proc/self/net/tcp', 'latin1'),
      localPort,
      remotePort,
    )
  } catch {
    // Another system, or a closed /proc.
    return null
  }
}

/** The same, from the kernel's table: `sl local_address rem_address st tx_queue:rx_queue …`, numbers in hex. Pure. */
export function queueIn(table: string, localPort: number, remotePort: number): number | null {
  for (const line of table.split('\n')) {
    const [, local, remote, , queues] = line.trim().split(/\s+/)
    if (portOf(local) !== localPort || portOf(remote) !== remotePort) continue
    const bytes = Number.parseInt(queues?.split(':')[0] ?? '', 16)
    return Number.isNaN(bytes) ? null : bytes
  }
  return null
}

function portOf(address: string | undefined): number {
  return Number.parseInt(address?.split(':')[1] ?? '', 16)
}
