// Words of `token …` and `peer …` as values, or the error that names them.
import type { Peer } from '../domain/peer.ts'
import { invalid, Problem } from '../domain/problem.ts'
import { scopes, type Scope } from '../domain/token.ts'
import { listPeers } from '../store/peers.ts'
import type { Instance } from './context.ts'

const unitMs: Readonly<Record<string, number>> = {
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
}

/** `read,run` as scopes; `validation_failed` on `scopes`. */
export function scopesOf(text: string): readonly Scope[] {
  const words = text
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '')
  return words.map((word) => {
    const scope = scopes.find((one) => one === word)
    if (scope === undefined) throw invalid({ field: 'scopes', code: 'scope_unknown', facts: { value: word } })
    return scope
  })
}

/** `12h`, `90d`, `4w` from `now` on, as epoch milliseconds; `validation_failed` on `expires`. */
export function expiryOf(text: string, now: number): number {
  const match = /^([1-9]\d{0,4})([hdw])$/.exec(text)
  const unit = unitMs[match?.[2] ?? '']
  if (unit === undefined) throw invalid({ field: 'expires', code: 'unknown_value', facts: { value: text } })
  return now + Number(match?.[1]) * unit
}

/** By id or name, or `peer_not_found`. */
export async function mustFindPeer(instance: Instance, key: string): Promise<Peer> {
  const peers = await listPeers(instance.db)
  const found =
    peers.find((one) => one.name.toLowerCase() === key.toLowerCase()) ??
    peers.find((one) => String(one.id) === key)
  if (!found) throw new Problem('peer_not_found', { id: key })
  return found
}
