// Archives, uploads, transfers and restores as they go over the wire.
import { z } from 'zod'
import { archiveOrigins, archiveStates } from '../archive.ts'
import { restoreOptionsSchema } from '../restore.ts'
import { transferDirections, transferModes, transferStatuses } from '../transfer.ts'
import { largestUploadBytes, smallestChunkBytes, uploadCarriers, uploadStatuses } from '../upload.ts'
import { bytes, count, id, sha256, shortText, text, wireTime } from './common.ts'

const document = z.record(z.string(), z.unknown())

export const archiveSchema = z.object({
  name: shortText,
  file: shortText,
  type: z.string().max(60).nullable(),
  app: shortText.nullable(),
  instance_name: shortText.nullable(),
  created_at: wireTime,
  size_bytes: bytes,
  sha256: sha256.nullable(),
  state: z.enum(archiveStates),
  origin: z.enum(archiveOrigins),
  pinned: z.boolean(),
  job_id: id.nullable(),
})
export type WireArchive = z.infer<typeof archiveSchema>

export const copySchema = z.object({
  destination_id: id,
  destination: shortText,
  state: z.enum(['present', 'missing', 'corrupted']),
  size_bytes: bytes,
  copied_at: wireTime,
  checked_at: wireTime,
})
export const archiveInfoSchema = archiveSchema.extend({
  info: document,
  backup_info: document.nullable(),
  copies: z.array(copySchema).max(1000),
})
export type WireArchiveInfo = z.infer<typeof archiveInfoSchema>

export const uploadStartSchema = z.object({
  filename: z.string().min(1).max(300),
  total_size: z.number().int().positive().max(largestUploadBytes),
  chunk_size: z.number().int().min(smallestChunkBytes).max(Number.MAX_SAFE_INTEGER),
  checksum: sha256.optional(),
  info: document,
  backup_info: document.nullable().optional(),
  /** `rsync`: the bytes are to come to the inbox; the answer has `rsync` when they may. Absent: in chunks. */
  carrier: z.enum(uploadCarriers).optional(),
})
export type WireUploadStart = z.infer<typeof uploadStartSchema>

const ranges = z.array(z.tuple([count, count])).max(100_000)
export const uploadOpenSchema = z.object({
  upload_id: z.string().min(1).max(64),
  chunk_size: z.number().int().positive(),
  total_chunks: count,
  received: ranges,
  expires_at: wireTime,
  /** Where in the inbox the file belongs, once it is `ready` there; then comes `finish`. */
  rsync: z.object({ path: z.string().max(200), ready: z.boolean() }).optional(),
})
export const uploadPresentSchema = z.object({
  already_present: z.literal(true),
  name: shortText,
  size_bytes: bytes,
  sha256,
})
export const uploadStartedSchema = z.union([uploadPresentSchema, uploadOpenSchema])
export const chunkReceivedSchema = z.object({ received: count, chunks_received: count, total_chunks: count })
export const uploadFinishSchema = z.object({ checksum: sha256.optional() })
export const uploadFinishedSchema = z.object({ name: shortText, size_bytes: bytes, sha256 })
export const uploadStatusSchema = z.object({
  upload_id: z.string().max(64),
  filename: shortText,
  total_size: bytes,
  chunk_size: z.number().int().positive(),
  total_chunks: count,
  received: ranges,
  status: z.enum(uploadStatuses),
  expires_at: wireTime,
})

export const transferAskSchema = z
  .object({
    instance_id: z.string().max(64).optional(),
    destination_id: id.optional(),
    mode: z.enum(transferModes).default('auto'),
  })
  .refine((asked) => (asked.instance_id === undefined) !== (asked.destination_id === undefined), {
    path: ['instance_id'],
    message: 'exactly one of instance_id and destination_id',
  })
export const transferStartedSchema = z.object({ transfer_id: id, mode: z.enum(transferModes) })
export const transferSchema = z.object({
  transfer_id: id,
  direction: z.enum(transferDirections),
  archive_name: shortText,
  destination: shortText,
  mode: z.enum(transferModes),
  chosen: z.enum(['http', 'rsync']).nullable(),
  status: z.enum(transferStatuses),
  attempt: count,
  bytes_done: bytes,
  bytes_total: bytes.nullable(),
  bytes_sent: bytes,
  queued_at: wireTime,
  started_at: wireTime.nullable(),
  finished_at: wireTime.nullable(),
  error: shortText.nullable(),
})
export type WireTransfer = z.infer<typeof transferSchema>

export const restoreAskSchema = z.object({
  /** Of the archive that is meant: another one of that name is not restored (`archive_differs`). */
  expected_sha256: sha256.optional(),
  options: z
    .object({
      target_path: z.string().max(4096).optional(),
      target_database: z.string().max(200).optional(),
      paths: restoreOptionsSchema.shape.paths.optional(),
      dry_run: z.boolean().optional(),
      force: z.boolean().optional(),
    })
    .default({}),
})
export const restoreStartedSchema = z.object({ restore_id: id })
/** What a restore would do; `text` and `message` are sentences in English. */
export const restorePlanSchema = z.object({
  archive: shortText,
  type: z.string().max(60),
  target: z.string().max(4096),
  /** Something that exists would be replaced: it needs `force`. */
  replaces: z.boolean(),
  steps: z.array(z.object({ name: shortText, text })).max(1000),
  warnings: z.array(z.object({ code: shortText, text })).max(1000),
  /** Why it would be refused; empty when it would not. */
  refusals: z.array(z.object({ field: shortText, message: text })).max(1000),
  bytes: bytes.nullable(),
  files: count.nullable(),
  /** All of it as lines, in the order in which people should read them. */
  text: z.array(text).max(5000),
})
export type WireRestorePlan = z.infer<typeof restorePlanSchema>
export const restoreStatusSchema = z.object({
  restore_id: id,
  status: z.enum(['running', 'success', 'error', 'rolled_back']),
  steps: z
    .array(
      z.object({
        name: shortText,
        state: shortText,
        started_at: wireTime.nullable(),
        finished_at: wireTime.nullable(),
        detail: text,
      }),
    )
    .max(1000),
  log_tail: z.string().max(200_000),
  error: shortText.nullable().optional(),
  progress: z.object({ done: z.number(), total: z.number().nullable() }).nullable().optional(),
})
export type WireRestoreStatus = z.infer<typeof restoreStatusSchema>
