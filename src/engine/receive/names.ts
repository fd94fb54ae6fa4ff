// Whose name an archive has: the part before the first underscore is the name of an instance. A peer must not take the names
// that another one is going to need. Ours need no such care: a run takes a name that is free.
import { invalid } from '../../domain/problem.ts'
import type { Caller } from '../../domain/token.ts'
import { peerNames } from '../../store/peers.ts'
import type { Q } from '../../store/schema.ts'

/** `caller`: the peer that asks. `other`: another known peer's. `nobody`: ours, of none that is known here, or no peer asks. */
export type NameOf = 'caller' | 'other' | 'nobody'

/** By what peers are called here, upper and lower case alike; a name that they only say to have does not count. */
export async function nameOf(q: Q, caller: Caller, archiveName: string): Promise<NameOf> {
  if (caller.peerId === null) return 'nobody'
  const instance = plain(archiveName.split('_', 1)[0] ?? '')
  const known = await peerNames(q)
  if (known.some((one) => one.id === caller.peerId && plain(one.name) === instance)) return 'caller'
  return known.some((one) => plain(one.name) === instance) ? 'other' : 'nobody'
}

/** `validation_failed`. */
export function reserved(archiveName: string): Error {
  return invalid({ field: 'filename', code: 'name_of_another', facts: { name: archiveName } })
}

/** File systems of others may not tell them apart either. */
function plain(name: string): string {
  return name.toLowerCase()
}
