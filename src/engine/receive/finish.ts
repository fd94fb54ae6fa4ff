// The end of an upload: the whole file is proven, put into the archives directory with its sidecar, and entered in the
// catalogue. Whatever is cut off in between is gone on with: `uploads.sha256` says that the file was proven.
import { describeArchive, fromElsewhere } from '../../domain/archive-facts.ts'
import type { Published, ReadArchive } from '../../domain/helper-protocol.ts'
import { invalid, isProblem, Problem, type ProblemCode } from '../../domain/problem.ts'
import { rangesText } from '../../domain/upload-rules.ts'
import { missingChunks, toRanges } from '../../domain/upload.ts'
import { addActivity } from '../../store/activity.ts'
import { upsertArchives } from '../../store/archives.ts'
import { getPeer } from '../../store/peers.ts'
import {
  claimReceived,
  getReceived,
  recordedUnder,
  recordReceived,
  unclaimReceived,
} from '../../store/received.ts'
import {
  completeUpload,
  getUpload,
  receivedRanges,
  setFound,
  uploadDescriptions,
  voidUpload,
  type StoredUpload,
  type UploadDescriptions,
} from '../../store/uploads.ts'
import type { Q } from '../../store/schema.ts'
import { asProblem, errorCode } from '../../sys/files.ts'
import type { EngineDeps } from '../deps.ts'
import type { Received } from '../federation.ts'
import { away, lost, notFound } from './find.ts'
import { takeFromInbox } from './inbox.ts'
import { oneOfAName } from './one-of-a-name.ts'
import { partPath, partSize, removePart, syncPart } from './part-file.ts'
import type { Session, Sessions } from './sessions.ts'

const DAY_MS = 86_400_000
/** Nobody knows whether the file was put in place when it ends like this. */
const unknownEnds: ReadonlySet<ProblemCode> = new Set([
  'helper_unavailable',
  'cancelled',
  'interrupted',
  'timed_out',
  'internal',
  // A helper that was left running has the name.
  'archive_in_use',
])
/** What arrived is what was sent, and yet no archive: sending it again would not help. */
const badContents: ReadonlySet<ProblemCode> = new Set(['validation_failed', 'upload_checksum_mismatch'])

/** What the file must hash to, from its beginning and its end. `validation_failed` when neither said, `upload_incomplete`. */
export async function mustBeWhole(
  deps: EngineDeps,
  upload: StoredUpload,
  checksum: string | null,
): Promise<readonly string[]> {
  const expected = [upload.checksum, checksum].filter((one) => one !== null)
  if (expected.length === 0) throw invalid({ field: 'checksum', code: 'required' })
  if (upload.carrier === 'rsync') return expected
  const received = await receivedRanges(deps.db, upload.id)
  const missing = toRanges(missingChunks(received, upload.totalChunks))
  if (missing.length > 0) {
    throw new Problem('upload_incomplete', { missing: rangesText(missing) }, { missing })
  }
  return expected
}

/** The same answer as the first time, or `upload_checksum_mismatch` when another file was meant. */
export function completed(upload: StoredUpload, checksum: string | null): Received {
  const received = { name: upload.archiveName, sizeBytes: upload.totalSize, sha256: upload.sha256 ?? '' }
  mustMatch(received.sha256, checksum)
  return received
}

/** Why an upload cannot be finished that failed before: the same problem as then. */
export function failed(upload: StoredUpload): Problem {
  if (upload.errorCode !== 'upload_checksum_mismatch' || upload.checksum === null) return notFound(upload.id)
  return mismatch(upload.checksum, upload.sha256 ?? '')
}

export function mustMatch(found: string, expected: string | null): void {
  if (expected !== null && expected !== found) throw mismatch(expected, found)
}

function mismatch(expected: string, found: string): Problem {
  return new Problem('upload_checksum_mismatch', { expected, found })
}

/** All chunks are recorded. Rejects with `upload_checksum_mismatch`: the upload is void then. */
export async function finishUpload(
  deps: EngineDeps,
  sessions: Sessions,
  session: Session,
  upload: StoredUpload,
  expected: readonly string[],
  signal: AbortSignal,
): Promise<Received> {
  // Proven before, and perhaps gone to its place already.
  if (upload.sha256 !== null) return settle(deps, upload, upload.sha256, signal)
  const found =
    upload.carrier === 'rsync'
      ? await takeFromInbox(deps, upload, signal)
      : await wholeHash(deps, sessions, session, upload)
  const other = expected.find((one) => one !== found)
  if (other !== undefined) {
    const now = deps.clock.now()
    await voidUpload(deps.db, upload.id, { code: 'upload_checksum_mismatch', now, checksum: other, found })
    await removePart(upload)
    throw mismatch(other, found)
  }
  return settle(deps, upload, found, signal)
}

async function wholeHash(
  deps: EngineDeps,
  sessions: Sessions,
  session: Session,
  upload: StoredUpload,
): Promise<string> {
  const size = await partSize(upload)
  if (size === undefined) throw away(upload)
  if (size !== upload.totalSize) throw await lost(deps, sessions, upload)
  return session.hash.finish().catch(async (error: unknown) => {
    throw errorCode(error) === 'ENOENT' ? await lost(deps, sessions, upload) : asProblem(error)
  })
}

/**
 * Puts a proven file in place and enters it. Can be done again: what is there already is found. `archive_exists` when another
 * archive has got the name meanwhile; the upload stays open then.
 */
export function settle(
  deps: EngineDeps,
  upload: StoredUpload,
  sha256: string,
  signal: AbortSignal,
): Promise<Received> {
  return oneOfAName(deps, upload.archiveName, async () => {
    // Somebody else may have been faster.
    const now = await getUpload(deps.db, upload.id)
    if (!now) throw notFound(upload.id)
    if (now.status === 'complete') return completed(now, sha256)
    if (now.status === 'error') throw failed(now)
    return settleAlone(deps, now, sha256, signal)
  })
}

async function settleAlone(
  deps: EngineDeps,
  upload: StoredUpload,
  sha256: string,
  signal: AbortSignal,
): Promise<Received> {
  await mustBeFree(deps, upload, sha256)
  const descriptions = await uploadDescriptions(deps.db, upload.id)
  const holdUntil = await holdUntilOf(deps, upload)
  const claim = {
    name: upload.archiveName,
    owner: upload.owner,
    ownerName: upload.ownerName,
    sizeBytes: upload.totalSize,
    sha256,
    receivedAt: deps.clock.now(),
    holdUntil,
  }
  const begun = await deps.db.transaction().execute(async (trx) => {
    if (!(await setFound(trx, upload.id, sha256))) return false
    // Before anything appears under that name: a scan believes what an archive of nobody says of itself.
    await claimReceived(trx, claim)
    return true
  })
  if (!descriptions || !begun) throw notFound(upload.id)
  const published = await publish(deps, upload, descriptions, sha256, signal)
  const read = await readBack(deps, upload, descriptions, signal)
  const now = deps.clock.now()
  await deps.db.transaction().execute(async (trx) => {
    const found = describeArchive({ name: upload.archiveName, ...published }, read, deps.instance, new Map())
    // Of no job here, whatever its description says: a sender must not make our retention remove what is ours.
    const entry = {
      ...fromElsewhere(found),
      state: 'ok',
      stateDetail: null,
      sha256,
      verifiedAt: now,
    } as const
    await upsertArchives(trx, [entry])
    // A pairing may have proven meanwhile who the sender is.
    const owner = (await getUpload(trx, upload.id))?.owner ?? upload.owner
    await recordReceived(trx, { ...claim, owner, receivedAt: now })
    if (!(await completeUpload(trx, upload.id, now))) throw notFound(upload.id)
    await addActivity(trx, {
      at: now,
      actor: upload.peerId === null ? `token:${upload.ownerName}` : `peer:${upload.ownerName}`,
      action: 'archive.received',
      subject: upload.archiveName,
      jobId: null,
      facts: { bytes: upload.totalSize },
    })
  })
  await removePart(upload)
  return { name: upload.archiveName, sizeBytes: upload.totalSize, sha256 }
}

async function publish(
  deps: EngineDeps,
  upload: StoredUpload,
  descriptions: UploadDescriptions,
  sha256: string,
  signal: AbortSignal,
): Promise<Published> {
  await syncPart(upload)
  const { archiveName: name, filename: file, totalSize: sizeBytes } = upload
  try {
    return await deps.helper.call(
      'receive.publish',
      { part: partPath(upload), name, file, sizeBytes, sha256, ...descriptions },
      { signal },
    )
  } catch (error) {
    // What ends without a word of the helper's may have been done.
    if (!isProblem(error) || unknownEnds.has(error.code) || signal.aborted) throw error
    const bad = badContents.has(error.code)
    await deps.db.transaction().execute(async (trx) => {
      if (bad) await voidUpload(trx, upload.id, { code: error.code, now: deps.clock.now() })
      else await setFound(trx, upload.id, null)
      await unclaim(trx, upload, sha256)
    })
    if (bad) await removePart(upload)
    throw error
  }
}

/** `archive_exists` unless nothing is on record under the name, or the same that is missing or came with this upload before. */
async function mustBeFree(deps: EngineDeps, upload: StoredUpload, sha256: string): Promise<void> {
  const known = await recordedUnder(deps.db, upload.archiveName)
  if (!known) return
  const other = known.sha256 !== null && known.sha256 !== sha256
  if (!other && known.missing) return
  const claim = await getReceived(deps.db, upload.archiveName)
  // Found by a scan after it was put in place, and before it was entered.
  if (!other && claim?.sha256 === sha256 && claim.owner === upload.owner) return
  throw new Problem('archive_exists', { name: upload.archiveName })
}

async function unclaim(q: Q, upload: StoredUpload, sha256: string): Promise<void> {
  const owner = (await getUpload(q, upload.id))?.owner ?? upload.owner
  await unclaimReceived(q, { name: upload.archiveName, owner, sha256 })
}

/** A sender need not tell what is inside the archive: then it is looked up. */
async function readBack(
  deps: EngineDeps,
  upload: StoredUpload,
  told: UploadDescriptions,
  signal: AbortSignal,
): Promise<ReadArchive> {
  const { archiveName: name } = upload
  if (told.backupInfo !== null) return { name, ...told, error: null }
  const { archives } = await deps.helper.call('catalogue.read', { names: [name] }, { signal })
  return archives[0] ?? { name, ...told, error: null }
}

async function holdUntilOf(deps: EngineDeps, upload: StoredUpload): Promise<number> {
  const peer = upload.peerId === null ? null : await getPeer(deps.db, upload.peerId)
  return peer && peer.holdDays > 0 ? deps.clock.now() + peer.holdDays * DAY_MS : 0
}
