// What an admin says about a peer, checked: all wrong fields at once.
import { invalid, type FieldError } from '../../domain/problem.ts'
import { tokenPattern } from '../../domain/token.ts'
import { isPeerNameTaken } from '../../store/peer-rows.ts'
import type { PeerColumns } from '../../store/peers.ts'
import type { EngineDeps } from '../deps.ts'
import type { PeerInput } from '../federation.ts'
import { nameErrors } from '../tokens/token-input.ts'
import { readPeerUrl } from './peer-url.ts'

const HOLD_DAYS_MAX = 3650

export interface CheckedPeer {
  readonly name: string
  readonly url: string
  /** In clear; absent when none was given. */
  readonly key?: string
  readonly columns: Partial<Pick<PeerColumns, 'certPin' | 'quotaBytes' | 'quotaCount' | 'holdDays'>>
}

/** `editing`: the peer's id, or null for a new one, which needs a key. Throws `validation_failed`. */
export async function checkPeerInput(
  deps: Pick<EngineDeps, 'db' | 'allowInsecurePeers'>,
  input: PeerInput,
  editing: number | null,
): Promise<CheckedPeer> {
  const name = input.name.trim()
  const errors: FieldError[] = nameErrors(name)
  if (errors.length === 0 && (await isPeerNameTaken(deps.db, name, editing ?? 0))) {
    errors.push({ field: 'name', code: 'peer_name_taken' })
  }
  const url = readPeerUrl(input.url, deps.allowInsecurePeers)
  if (!url.ok) errors.push({ field: 'url', code: url.code })
  const key = input.key?.trim()
  if (key === undefined && editing === null) errors.push({ field: 'key', code: 'required' })
  if (key !== undefined && !tokenPattern.test(key)) errors.push({ field: 'key', code: 'token_invalid' })
  const certPin = readPin(input.certPin)
  const pinned = typeof certPin !== 'string' || /^[0-9a-f]{64}$/.test(certPin)
  if (!pinned) errors.push({ field: 'cert_pin', code: 'pin_invalid' })
  errors.push(
    ...rangeErrors('quota_bytes', input.quotaBytes, Number.MAX_SAFE_INTEGER),
    ...rangeErrors('quota_count', input.quotaCount, 1_000_000_000),
    ...rangeErrors('hold_days', input.holdDays, HOLD_DAYS_MAX),
  )
  if (errors.length > 0 || !url.ok) throw invalid(...errors)
  const { quotaBytes, quotaCount, holdDays } = input
  return {
    name,
    url: url.url,
    ...(key !== undefined && { key }),
    columns: {
      ...(certPin !== undefined && { certPin }),
      ...(quotaBytes !== undefined && { quotaBytes }),
      ...(quotaCount !== undefined && { quotaCount }),
      ...(holdDays !== undefined && { holdDays }),
    },
  }
}

/** Tools print fingerprints with colons and in capitals. */
function readPin(given: string | null | undefined): string | null | undefined {
  const pin = given?.replace(/[\s:]/g, '').toLowerCase()
  return pin === '' ? null : (pin ?? given)
}

function rangeErrors(field: string, value: number | null | undefined, max: number): FieldError[] {
  if (value === undefined || value === null) return []
  if (Number.isSafeInteger(value) && value >= 0 && value <= max) return []
  return [{ field, code: 'out_of_range', facts: { min: 0, max } }]
}
