// Archives on their way between this instance and a destination. Pure.
import type { RetentionPolicy } from './retention-policy.ts'
import type { Facts, ProblemCode } from './problem.ts'

export const transferModes = ['auto', 'http', 'rsync'] as const
export type TransferMode = (typeof transferModes)[number]
export const transferDirections = ['send', 'fetch'] as const
export type TransferDirection = (typeof transferDirections)[number]
/** `waiting`: it failed and is tried again at `notBefore`, or its hours have not come yet. */
export const transferStatuses = [
  'queued',
  'running',
  'waiting',
  'paused',
  'success',
  'error',
  'cancelled',
] as const
export type TransferStatus = (typeof transferStatuses)[number]
export const transferTriggers = ['manual', 'automatic', 'api', 'restore'] as const
export type TransferTrigger = (typeof transferTriggers)[number]
/** What a copy was when its holder was last asked. */
export const copyStates = ['present', 'missing', 'corrupted'] as const
export type CopyState = (typeof copyStates)[number]

/** From this size on a configured SSH is worth its set-up: 2 GB. */
export const rsyncFromBytes = 2_000_000_000

/** How an archive travels: a choice made by hand wins; else rsync over a configured SSH from 2 GB on, else HTTP. */
export function chooseMode(
  wanted: TransferMode,
  given: { readonly sshReady: boolean; readonly sizeBytes: number },
): Exclude<TransferMode, 'auto'> {
  if (wanted !== 'auto') return wanted
  return given.sshReady && given.sizeBytes >= rsyncFromBytes ? 'rsync' : 'http'
}

/** Hours in which transfers may begin and go on, in the instance's time zone: minutes since midnight. `from` > `to`: over midnight. */
export interface TransferWindow {
  readonly fromMinute: number
  readonly toMinute: number
}

/** A place that copies go to. */
export interface Destination {
  readonly id: number
  /** `peer`, or another kind of the registry. */
  readonly kind: string
  readonly name: string
  readonly peerId: number | null
  readonly enabled: boolean
  readonly mode: TransferMode
  /** KiB per second; null: no limit. */
  readonly bandwidthKib: number | null
  readonly window: TransferWindow | null
  /** How long copies stay there; null: as their job says. */
  readonly retention: RetentionPolicy | null
  readonly createdAt: number
}

/** Times are epoch milliseconds, sizes bytes. */
export interface Transfer {
  readonly id: number
  readonly direction: TransferDirection
  readonly archiveName: string
  readonly destinationId: number
  readonly mode: TransferMode
  /** What `mode` came to; null until it began. */
  readonly chosen: Exclude<TransferMode, 'auto'> | null
  readonly status: TransferStatus
  readonly trigger: TransferTrigger
  readonly actor: string
  /** How often it was begun. */
  readonly attempt: number
  readonly notBefore: number
  readonly queuedAt: number
  readonly startedAt: number | null
  readonly finishedAt: number | null
  /** Of the archive, that the other side has. */
  readonly bytesDone: number
  readonly bytesTotal: number | null
  /** Over the wire, those sent twice included. */
  readonly bytesSent: number
  readonly errorCode: ProblemCode | null
  readonly errorFacts: Facts
  /** What somebody asked of a transfer that is still under way. */
  readonly wanted: 'pause' | 'cancel' | null
}

/** An archive at a destination, as far as we know. */
export interface Copy {
  readonly archiveName: string
  readonly destinationId: number
  readonly state: CopyState
  readonly sizeBytes: number
  readonly sha256: string
  /** Of the job that made the archive: its policy says how long. */
  readonly jobUid: string | null
  /** When the archive was made. */
  readonly archiveAt: number
  readonly copiedAt: number
  /** When its holder last said that it has it. */
  readonly checkedAt: number
}
