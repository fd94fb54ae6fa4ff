// The tables as Kysely sees them. Domain objects are made from rows in the file of each table group.
import type { Generated, Kysely } from 'kysely'
import type { ArchiveOrigin, ArchiveState } from '../domain/archive.ts'
import type { DrillDepth, DrillVerdict } from '../domain/drill.ts'
import type { PeerStatus, RemoteRestoreStatus } from '../domain/peer.ts'
import type { RestoreStatus } from '../domain/restore.ts'
import type { RetentionPolicy } from '../domain/retention-policy.ts'
import type { RunStatus, RunStep, RunTrigger } from '../domain/run.ts'
import type {
  CopyState,
  TransferDirection,
  TransferMode,
  TransferStatus,
  TransferTrigger,
} from '../domain/transfer.ts'
import type { UploadCarrier, UploadStatus } from '../domain/upload.ts'

/** 0 or 1: SQLite has no booleans. */
type Bit = number

export interface JobsTable {
  id: Generated<number>
  uid: string
  name: string
  type: string
  config_json: string
  cron_expr: string
  retention_mode: RetentionPolicy['mode']
  retention_value: number
  retention_config: string
  retention_hold: string | null
  enabled: Bit
  core_only: Bit
  hooks_json: string
  timeout_s: number | null
  drill_depth: DrillDepth | null
  drill_every_days: Generated<number>
  next_drill_at: number | null
  next_run_at: number | null
  created_at: number
  updated_at: number
}

export interface RunsTable {
  id: Generated<number>
  job_id: number
  status: RunStatus
  trigger: RunTrigger
  actor: string
  operation: string
  queued_at: number
  not_before: number
  started_at: number | null
  finished_at: number | null
  log_text: string | null
  archive_name: string | null
  size_bytes: number | null
  step: RunStep | null
  progress_done: number | null
  progress_total: number | null
  error_code: string | null
  error_facts: Generated<string>
  targets_json: Generated<string>
  warnings_json: Generated<string>
  warning_count: Generated<number>
  exit_codes_json: Generated<string>
  cancel_requested: Generated<Bit>
}

export interface ArchivesTable {
  name: string
  file: string
  fingerprint: string
  type: string | null
  app: string | null
  instance_name: string | null
  created_at: number
  size_bytes: number
  sha256: string | null
  state: ArchiveState
  state_detail: string | null
  origin: ArchiveOrigin
  pinned: Generated<Bit>
  /** When the pin ends by itself. */
  pinned_until: number | null
  job_id: number | null
  job_uid: string | null
  verified_at: number | null
  deleting: Generated<Bit>
  missing_at: number | null
  info_json: string
  backup_info_json: string | null
}

export const holdReasons = ['verify', 'restore', 'send', 'download', 'delete'] as const
export type HoldReason = (typeof holdReasons)[number]

export interface ArchiveHoldsTable {
  archive_name: string
  holder: string
  reason: HoldReason
  expires_at: number
}

export interface SettingsTable {
  key: string
  value_json: string
  updated_at: number
}

export interface ActivityTable {
  id: Generated<number>
  at: number
  actor: string
  action: string
  subject: string
  job_id: number | null
  facts_json: Generated<string>
}

export interface SchemaMigrationsTable {
  name: string
  sha256: string
  applied_at: number
}

export interface RestoresTable {
  id: Generated<number>
  archive_name: string
  type: string
  target: string
  job_id: number | null
  status: RestoreStatus
  actor: string
  operation: string
  settings_json: string
  options_json: string
  plan_json: string
  steps_json: string
  remarks_json: Generated<string>
  safety_archive: string | null
  requested_at: number
  started_at: number | null
  finished_at: number | null
  progress_done: number | null
  progress_total: number | null
  error_code: string | null
  error_facts: Generated<string>
  log_text: Generated<string>
  cancel_requested: Generated<Bit>
}

export interface DrillsTable {
  id: Generated<number>
  job_id: number
  archive_name: string
  depth: DrillDepth
  verdict: DrillVerdict
  findings_json: string
  actor: string
  started_at: number
  finished_at: number
}

export interface RemoteInstancesTable {
  id: Generated<number>
  name: string
  url: string
  /** Encrypted; empty when we have no key for it. */
  api_key: string
  last_seen: number | null
  status: PeerStatus | null
  created_at: number | null
  uid: string | null
  public_key: string | null
  cert_pin: string | null
  scopes_json: string | null
  updated_at: number | null
  polled_at: number | null
  next_poll_at: number | null
  failures: Generated<number>
  error_code: string | null
  error_facts: Generated<string>
  etag: string | null
  facts_json: string | null
  starts_json: string | null
  quota_bytes: number | null
  quota_count: number | null
  hold_days: Generated<number>
  ssh_json: string | null
}

export interface RemoteRunsTable {
  id: Generated<number>
  instance_id: number
  job_name: string | null
  last_run_at: number | null
  last_status: string | null
  archive_count: number | null
  last_size_bytes: number | null
  job_id: number | null
  type: string | null
  app: string | null
  enabled: Bit | null
  overdue: Bit | null
  running: Bit | null
  last_success_at: number | null
  next_run_at: number | null
  total_size_bytes: number | null
  last_archive: string | null
  last_error: string | null
}

export interface UploadsTable {
  upload_id: string
  filename: string
  total_size: number
  chunk_size: number
  chunks_received: Generated<number>
  checksum: string | null
  started_at: number
  status: UploadStatus
  peer_id: number | null
  owner: Generated<string>
  owner_name: Generated<string>
  folder: Generated<string>
  total_chunks: Generated<number>
  active_at: Generated<number>
  info_json: Generated<string>
  backup_info_json: string | null
  archive_name: string | null
  sha256: string | null
  error_code: string | null
  carrier: Generated<UploadCarrier>
}

export interface UploadChunksTable {
  upload_id: string
  n: number
  sha256: string
}

export interface ReceivedArchivesTable {
  archive_name: string
  owner: string
  owner_name: string
  size_bytes: number
  sha256: string
  received_at: number
  hold_until: Generated<number>
}

export interface ApiTokensTable {
  id: Generated<number>
  name: string
  lookup: string
  hash: string
  scopes_json: string
  peer_id: number | null
  created_at: number
  created_by: string
  last_used_at: number | null
  expires_at: number | null
  revoked_at: number | null
  replaced_by: number | null
}

export interface PairingCodesTable {
  id: Generated<number>
  secret_hash: string
  scopes_json: string
  ssh: Bit
  created_at: number
  created_by: string
  expires_at: number
  used_at: number | null
  peer_id: number | null
}

export interface DestinationsTable {
  id: Generated<number>
  kind: string
  name: string
  peer_id: number | null
  enabled: Generated<Bit>
  mode: Generated<TransferMode>
  bandwidth_kib: number | null
  window_json: string | null
  retention_json: string | null
  config_json: Generated<string>
  created_at: number
}

export interface JobDestinationsTable {
  job_id: number
  destination_id: number
}

export interface CopiesTable {
  archive_name: string
  destination_id: number
  state: CopyState
  size_bytes: number
  sha256: string
  job_uid: string | null
  archive_at: number
  copied_at: number
  checked_at: number
}

export interface TransfersTable {
  id: Generated<number>
  direction: TransferDirection
  archive_name: string
  destination_id: number
  mode: TransferMode
  chosen: Exclude<TransferMode, 'auto'> | null
  status: TransferStatus
  trigger: TransferTrigger
  actor: string
  job_uid: string | null
  attempt: Generated<number>
  not_before: number
  queued_at: number
  started_at: number | null
  finished_at: number | null
  bytes_done: Generated<number>
  bytes_total: number | null
  bytes_sent: Generated<number>
  error_code: string | null
  error_facts: Generated<string>
  wanted: 'pause' | 'cancel' | null
}

export interface RemoteRestoresTable {
  id: Generated<number>
  peer_id: number
  archive_name: string
  options_json: string
  transfer_id: number | null
  remote_id: number | null
  status: RemoteRestoreStatus
  state_json: string | null
  error_code: string | null
  error_facts: Generated<string>
  actor: string
  asked_at: number
  seen_at: number | null
  finished_at: number | null
}

export interface Schema {
  jobs: JobsTable
  runs: RunsTable
  archives: ArchivesTable
  archive_holds: ArchiveHoldsTable
  settings: SettingsTable
  activity: ActivityTable
  restores: RestoresTable
  drills: DrillsTable
  schema_migrations: SchemaMigrationsTable
  remote_instances: RemoteInstancesTable
  remote_runs: RemoteRunsTable
  uploads: UploadsTable
  upload_chunks: UploadChunksTable
  received_archives: ReceivedArchivesTable
  api_tokens: ApiTokensTable
  pairing_codes: PairingCodesTable
  destinations: DestinationsTable
  job_destinations: JobDestinationsTable
  copies: CopiesTable
  transfers: TransfersTable
  remote_restores: RemoteRestoresTable
}

/** What every store function takes: the database, or the transaction that the caller is in. Never mix the two. */
export type Q = Kysely<Schema>

/** Runs `work` in the caller's transaction when there is one, else in a new one. */
export function inTransaction<T>(q: Q, work: (trx: Q) => Promise<T>): Promise<T> {
  return q.isTransaction ? work(q) : q.transaction().execute(work)
}
