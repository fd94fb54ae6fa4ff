// The tables `uploads` and `upload_chunks`: what is being received, and which chunks are on the disk.
import { sql } from 'kysely'
import { z } from 'zod'
import type { ProblemCode } from '../domain/problem.ts'
import { toRanges, type ChunkRange, type Upload } from '../domain/upload.ts'
import { readOne } from './json.ts'
import { inTransaction, type Q } from './schema.ts'

/** An upload with what only this side knows. */
export interface StoredUpload extends Upload {
  /** Where its file lies, as `<id>.part`. */
  readonly folder: string
  /** Of the whole file as it was found here; set before the file is put into the archives directory. */
  readonly sha256: string | null
}

export interface NewUpload extends Omit<StoredUpload, 'chunksReceived' | 'status' | 'errorCode' | 'sha256'> {
  readonly info: Readonly<Record<string, unknown>>
  readonly backupInfo: Readonly<Record<string, unknown>> | null
}

/** What the sender says of the archive. */
export interface UploadDescriptions {
  readonly info: Readonly<Record<string, unknown>>
  readonly backupInfo: Readonly<Record<string, unknown>> | null
}

const open = ['pending', 'in_progress'] as const
const record = z.record(z.string(), z.unknown())
const columns = [
  'upload_id as id',
  'filename',
  'archive_name as archiveName',
  'total_size as totalSize',
  'chunk_size as chunkSize',
  'total_chunks as totalChunks',
  'chunks_received as chunksReceived',
  'checksum',
  'status',
  'owner',
  'owner_name as ownerName',
  'peer_id as peerId',
  'started_at as startedAt',
  'active_at as activeAt',
  'carrier',
  'error_code as errorCode',
  'folder',
  'sha256',
] as const

export async function insertUpload(q: Q, upload: NewUpload): Promise<void> {
  await q
    .insertInto('uploads')
    .values({
      upload_id: upload.id,
      filename: upload.filename,
      archive_name: upload.archiveName,
      total_size: upload.totalSize,
      chunk_size: upload.chunkSize,
      total_chunks: upload.totalChunks,
      checksum: upload.checksum,
      status: 'pending',
      owner: upload.owner,
      owner_name: upload.ownerName,
      peer_id: upload.peerId,
      started_at: upload.startedAt,
      active_at: upload.activeAt,
      folder: upload.folder,
      carrier: upload.carrier,
      info_json: JSON.stringify(upload.info),
      backup_info_json: upload.backupInfo === null ? null : JSON.stringify(upload.backupInfo),
    })
    .execute()
}

export async function getUpload(q: Q, id: string): Promise<StoredUpload | null> {
  const row = await q.selectFrom('uploads').select(columns).where('upload_id', '=', id).executeTakeFirst()
  return row ? named(row) : null
}

/** Throws `record_damaged`. Null when there is no such upload. */
export async function uploadDescriptions(q: Q, id: string): Promise<UploadDescriptions | null> {
  const row = await q
    .selectFrom('uploads')
    .select(['info_json', 'backup_info_json'])
    .where('upload_id', '=', id)
    .executeTakeFirst()
  if (!row) return null
  return readOne('uploads', id, row, (found, json) => ({
    info: json('info_json', found.info_json, record, {}),
    backupInfo:
      found.backup_info_json === null ? null : json('backup_info_json', found.backup_info_json, record, {}),
  }))
}

/** Uploads that go on, of one archive when it is named. */
export async function openUploads(q: Q, archiveName?: string): Promise<StoredUpload[]> {
  let query = q.selectFrom('uploads').select(columns).where('status', 'in', open)
  if (archiveName !== undefined) query = query.where('archive_name', '=', archiveName)
  return (await query.execute()).map(named)
}

/** Uploads in any state in which nothing has happened since `before` (epoch ms). */
export async function idleUploads(q: Q, before: number): Promise<StoredUpload[]> {
  const rows = await q.selectFrom('uploads').select(columns).where('active_at', '<', before).execute()
  return rows.map(named)
}

/** Folders in which parts may lie. */
export async function uploadFolders(q: Q): Promise<string[]> {
  const rows = await q.selectFrom('uploads').select('folder').distinct().where('folder', '!=', '').execute()
  return rows.map((row) => row.folder)
}

/** Bytes that open uploads, but for some, still have to write: their files take no room for what has not come. */
export async function bytesToCome(q: Q, except: readonly string[] = []): Promise<number> {
  const row = await q
    .selectFrom('uploads')
    .select(sql<number | null>`sum(max(0, total_size - chunks_received * chunk_size))`.as('bytes'))
    .where('status', 'in', open)
    .where('upload_id', 'not in', except)
    .executeTakeFirst()
  return row?.bytes ?? 0
}

/** Numbers of the chunks that are on the disk, ascending. */
export async function recordedChunks(q: Q, id: string): Promise<number[]> {
  const rows = await q
    .selectFrom('upload_chunks')
    .select('n')
    .where('upload_id', '=', id)
    .orderBy('n')
    .execute()
  return rows.map((row) => row.n)
}

/** The same as runs. */
export async function receivedRanges(q: Q, id: string): Promise<ChunkRange[]> {
  return toRanges(await recordedChunks(q, id))
}

/** SHA-256 of a recorded chunk; null when it has not come. */
export async function chunkDigest(q: Q, id: string, n: number): Promise<string | null> {
  const row = await q
    .selectFrom('upload_chunks')
    .select('sha256')
    .where('upload_id', '=', id)
    .where('n', '=', n)
    .executeTakeFirst()
  return row?.sha256 ?? null
}

/** Only when its bytes are on the disk. The number of recorded chunks now; null when the upload is no longer open. */
export async function recordChunk(
  q: Q,
  id: string,
  chunk: { readonly n: number; readonly sha256: string; readonly now: number },
): Promise<number | null> {
  return inTransaction(q, async (trx) => {
    const { numUpdatedRows } = await trx
      .updateTable('uploads')
      .set({ status: 'in_progress', active_at: chunk.now })
      .where('upload_id', '=', id)
      .where('status', 'in', open)
      .executeTakeFirst()
    if (numUpdatedRows === 0n) return null
    const { numInsertedOrUpdatedRows } = await trx
      .insertInto('upload_chunks')
      .values({ upload_id: id, n: chunk.n, sha256: chunk.sha256 })
      .onConflict((conflict) => conflict.doNothing())
      .executeTakeFirst()
    const row = await trx
      .updateTable('uploads')
      .set((eb) => ({ chunks_received: eb('chunks_received', '+', Number(numInsertedOrUpdatedRows ?? 0n)) }))
      .where('upload_id', '=', id)
      .returning('chunks_received')
      .executeTakeFirstOrThrow()
    return row.chunks_received
  })
}

/** Somebody came back to it. */
export async function touchUpload(q: Q, id: string, now: number): Promise<void> {
  await q.updateTable('uploads').set({ active_at: now }).where('upload_id', '=', id).execute()
}

/** What the whole file hashes to, before it is put in place; null: it could not be put there. False when it is not open. */
export async function setFound(q: Q, id: string, sha256: string | null): Promise<boolean> {
  const { numUpdatedRows } = await q
    .updateTable('uploads')
    .set({ sha256 })
    .where('upload_id', '=', id)
    .where('status', 'in', open)
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

/** The archive is there. False when the upload is not open. */
export async function completeUpload(q: Q, id: string, now: number): Promise<boolean> {
  const { numUpdatedRows } = await q
    .updateTable('uploads')
    .set({ status: 'complete', active_at: now, info_json: '{}', backup_info_json: null })
    .where('upload_id', '=', id)
    .where('status', 'in', open)
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

/** It cannot be gone on with, and why. `found`: what the whole file hashes to, as far as it is known. */
export async function voidUpload(
  q: Q,
  id: string,
  why: {
    readonly code: ProblemCode
    readonly now: number
    readonly checksum?: string
    readonly found?: string
    /** Only unless the whole file was proven: it may be in its place already. */
    readonly unproven?: boolean
  },
): Promise<void> {
  await inTransaction(q, async (trx) => {
    const { numUpdatedRows } = await trx
      .updateTable('uploads')
      .set({
        status: 'error',
        error_code: why.code,
        active_at: why.now,
        ...(why.checksum !== undefined && { checksum: why.checksum }),
        ...(why.found !== undefined && { sha256: why.found }),
        info_json: '{}',
        backup_info_json: null,
      })
      .where('upload_id', '=', id)
      .where('status', 'in', open)
      .$if(why.unproven === true, (query) => query.where('sha256', 'is', null))
      .executeTakeFirst()
    if (numUpdatedRows > 0n) await trx.deleteFrom('upload_chunks').where('upload_id', '=', id).execute()
  })
}

/** Its chunks go with it. */
export async function deleteUpload(q: Q, id: string): Promise<void> {
  await q.deleteFrom('uploads').where('upload_id', '=', id).execute()
}

/** Only while it is open and its file was not proven: a proven one may be in its place already. False when it stays. */
export async function deleteUnproven(q: Q, id: string): Promise<boolean> {
  const { numDeletedRows } = await q
    .deleteFrom('uploads')
    .where('upload_id', '=', id)
    .where('status', 'in', open)
    .where('sha256', 'is', null)
    .executeTakeFirst()
  return numDeletedRows > 0n
}

/** Forgets uploads of the owner that are over, but for the last `keep`: each is a row, and a row for each of its chunks. */
export async function forgetEnded(q: Q, owner: string, keep: number): Promise<void> {
  await q
    .deleteFrom('uploads')
    .where('owner', '=', owner)
    .where('status', 'not in', open)
    .where('upload_id', 'not in', (eb) =>
      eb
        .selectFrom('uploads')
        .select('upload_id')
        .where('owner', '=', owner)
        .where('status', 'not in', open)
        .orderBy('active_at', 'desc')
        .orderBy('started_at', 'desc')
        .limit(keep),
    )
    .execute()
}

type Row = Omit<StoredUpload, 'archiveName'> & { readonly archiveName: string | null }

function named(row: Row): StoredUpload {
  return { ...row, archiveName: row.archiveName ?? row.filename.replace(/\.tar(?:\.gz)?$/, '') }
}
