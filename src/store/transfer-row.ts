// Rows of `transfers` to the domain's Transfer.
import type { Selectable } from 'kysely'
import type { Transfer } from '../domain/transfer.ts'
import { errorOf } from './error-columns.ts'
import type { ReadJson } from './json.ts'
import type { TransfersTable } from './schema.ts'

export function toTransfer(row: Selectable<TransfersTable>, json: ReadJson): Transfer {
  return {
    id: row.id,
    direction: row.direction,
    archiveName: row.archive_name,
    destinationId: row.destination_id,
    mode: row.mode,
    chosen: row.chosen,
    status: row.status,
    trigger: row.trigger,
    actor: row.actor,
    attempt: row.attempt,
    notBefore: row.not_before,
    queuedAt: row.queued_at,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
    bytesDone: row.bytes_done,
    bytesTotal: row.bytes_total,
    bytesSent: row.bytes_sent,
    ...errorOf(row, json),
    wanted: row.wanted,
  }
}
