// How a peer is printed after it was changed.
import { peerToWire } from '../domain/peer-wire.ts'
import type { Peer } from '../domain/peer.ts'
import type { CliContext, Instance } from './context.ts'
import { printJson } from './output.ts'

/** One line of a peer, as it is now. */
export function show(
  context: CliContext,
  instance: Instance,
  peer: Peer,
  options: { readonly json?: boolean },
): void {
  const wire = peerToWire(peer, instance.config.timeZone)
  if (options.json) printJson(context.stdout, wire)
  else {
    const error = wire.error === null ? '' : ` (${wire.error.code})`
    context.stdout.write(
      `peer ${wire.id} (${wire.name}): ${wire.url}, ${wire.status ?? 'not asked yet'}${error}\n`,
    )
  }
}
