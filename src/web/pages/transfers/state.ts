// How a transfer's state is shown everywhere: shape and word, and which of its buttons make sense.
import type { MessageKey } from '../../../../locales/en.ts'
import type { Transfer, TransferStatus } from '../../../domain/transfer.ts'
import type { T } from '../../i18n.ts'
import type { ShownState, Tone } from '../runs/state.ts'

const tones: Readonly<Record<TransferStatus, Tone>> = {
  queued: 'running',
  running: 'running',
  waiting: 'warning',
  paused: 'never',
  success: 'ok',
  error: 'failed',
  cancelled: 'never',
}

/** Statuses of transfers that are not over. */
export const openStatuses = [
  'queued',
  'running',
  'waiting',
  'paused',
] as const satisfies readonly TransferStatus[]

/** Not over. */
export function isOpen({ status }: Pick<Transfer, 'status'>): boolean {
  return openStatuses.some((one) => one === status)
}

/** What was asked of it comes before what it still does; waiting for its hours is no fault. */
export function stateOfTransfer({ status, wanted, errorCode }: Transfer, t: T): ShownState {
  if (isOpen({ status }) && wanted !== null)
    return { state: 'running', label: t(`transfers.state.${wanted}`) }
  if (status === 'waiting' && errorCode === null)
    return { state: 'running', label: t('transfers.state.hours') }
  const key: MessageKey = `transfer.status.${status}`
  return { state: tones[status], label: t(key) }
}

export const transferActions = ['pause', 'resume', 'cancel'] as const
export type TransferAction = (typeof transferActions)[number]

/** What can be asked of it now, in the order of harmlessness. */
export function actionsFor({
  status,
  wanted,
}: Pick<Transfer, 'status' | 'wanted'>): readonly TransferAction[] {
  if (wanted === 'cancel') return []
  if (status === 'error') return ['resume']
  if (!isOpen({ status })) return []
  if (status === 'paused' || wanted === 'pause') return ['resume', 'cancel']
  return status === 'waiting' ? ['resume', 'pause', 'cancel'] : ['pause', 'cancel']
}
