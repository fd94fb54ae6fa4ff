// The forms of a peer: from what is typed to what the engine takes, and back. The key never comes back.
import type { MessageKey } from '../../../../locales/en.ts'
import { exactBytes, parseBytes } from '../../../domain/bytes.ts'
import type { Peer } from '../../../domain/peer.ts'
import type { FieldError } from '../../../domain/problem.ts'
import { transferModes, type Destination } from '../../../domain/transfer.ts'
import type { DestinationInput, PeerInput } from '../../../engine/federation.ts'
import type { Typed, TypedForm } from '../../typed-form.ts'

/** Fields that never go back into a page. */
export const secretFields = ['key'] as const

/** What the fields are called. */
export const fieldLabels = {
  name: 'peers.name',
  url: 'peers.url',
  cert_pin: 'peers.pin',
  key: 'peers.key',
  quota_bytes: 'peers.quota_bytes',
  quota_count: 'peers.quota_count',
  hold_days: 'peers.hold_days',
  mode: 'transfers.way',
  bandwidth_kib: 'peers.bandwidth',
  window_from: 'peers.window.from',
  window_to: 'peers.window.to',
  scopes: 'peers.may_here',
} as const satisfies Record<string, MessageKey>

export interface Read<T> {
  readonly input: T
  readonly errors: readonly FieldError[]
}

/** Reads the form of a peer; `key` is what was typed there. What the engine can judge is left to it. */
export function peerInputOf(form: TypedForm, key: string): Read<PeerInput> {
  const errors: FieldError[] = []
  for (const field of ['name', 'url']) {
    if (form.value(field).trim() === '') errors.push({ field, code: 'required' })
  }
  // One that was looked at and compared wins over what stood in the field before.
  const pin = fingerprintOf(form.value('pin_seen') || form.value('cert_pin'))
  if (pin !== '' && !/^[0-9a-f]{64}$/.test(pin)) errors.push({ field: 'cert_pin', code: 'pin_invalid' })
  const input = {
    name: form.value('name').trim(),
    url: form.value('url').trim(),
    ...(key.trim() !== '' && { key: key.trim() }),
    certPin: pin === '' ? null : pin,
    quotaBytes: quotaOf(form.value('quota_bytes'), errors),
    quotaCount: wholeOf(form, 'quota_count', { min: 0, max: 1_000_000 }, errors),
    holdDays: wholeOf(form, 'hold_days', { min: 0, max: 3650 }, errors) ?? 0,
  }
  return { input, errors }
}

/** The form of a stored peer. */
export function typedOfPeer(peer: Peer): Typed {
  return {
    name: peer.name,
    url: peer.url,
    cert_pin: peer.certPin ?? '',
    quota_bytes: peer.quotaBytes === null ? '' : exactBytes(peer.quotaBytes),
    quota_count: peer.quotaCount === null ? '' : String(peer.quotaCount),
    hold_days: String(peer.holdDays),
  }
}

/** Reads the form of what is sent to a peer, and when. */
export function destinationInputOf(form: TypedForm): Read<DestinationInput> {
  const errors: FieldError[] = []
  const mode = transferModes.find((one) => one === form.value('mode'))
  if (mode === undefined) errors.push({ field: 'mode', code: 'unknown_value' })
  const [from, to] = [minuteOf(form, 'window_from', errors), minuteOf(form, 'window_to', errors)]
  if (from === null && to !== null) errors.push({ field: 'window_from', code: 'required' })
  if (from !== null && to === null) errors.push({ field: 'window_to', code: 'required' })
  const input = {
    enabled: form.has('enabled'),
    mode: mode ?? 'auto',
    bandwidthKib: wholeOf(form, 'bandwidth_kib', { min: 1, max: 10_000_000 }, errors),
    // From and to the same minute is the whole day.
    window: from === null || to === null || from === to ? null : { fromMinute: from, toMinute: to },
  }
  return { input, errors }
}

/** The form of a stored destination. */
export function typedOfDestination(destination: Destination): Typed {
  const { enabled, mode, bandwidthKib, window } = destination
  return {
    ...(enabled && { enabled: '1' }),
    mode,
    bandwidth_kib: bandwidthKib === null ? '' : String(bandwidthKib),
    window_from: window === null ? '' : clockText(window.fromMinute),
    window_to: window === null ? '' : clockText(window.toMinute),
  }
}

/** Programs write fingerprints in capitals, with colons between the pairs. */
function fingerprintOf(text: string): string {
  return text.replaceAll(/[\s:]/g, '').toLowerCase()
}

/** A number alone is meant in GiB. Empty: no limit. */
function quotaOf(text: string, errors: FieldError[]): number | null {
  const typed = text.trim()
  if (typed === '') return null
  const bytes = parseBytes(/^[\d.,]+$/.test(typed) ? `${typed}GiB` : typed)
  if (bytes === null) errors.push({ field: 'quota_bytes', code: 'not_number' })
  return bytes
}

function wholeOf(
  form: TypedForm,
  field: string,
  limits: { readonly min: number; readonly max: number },
  errors: FieldError[],
): number | null {
  const text = form.value(field).trim()
  if (text === '') return null
  const number = /^\d{1,9}$/.test(text) ? Number(text) : null
  if (number === null) errors.push({ field, code: 'not_number' })
  else if (number < limits.min || number > limits.max)
    errors.push({ field, code: 'out_of_range', facts: limits })
  return number
}

/** Minutes since midnight. */
function minuteOf(form: TypedForm, field: string, errors: FieldError[]): number | null {
  const text = form.value(field).trim()
  if (text === '') return null
  const time = /^([01]?\d|2[0-3]):([0-5]\d)$/.exec(text)
  if (time === null) {
    errors.push({ field, code: 'unknown_value' })
    return null
  }
  return Number(time[1]) * 60 + Number(time[2])
}

function clockText(minutes: number): string {
  const two = (n: number) => String(n).padStart(2, '0')
  return `${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`
}
