// Begins an upload, or finds the one that is open, or says that nothing has to be sent. All that can be refused is refused
// here, before a byte comes.
import { randomUUID } from 'node:crypto'
import { infoFault } from '../../archive/sidecar.ts'
import type { WireUploadStart } from '../../domain/api/archives.ts'
import { invalid, Problem } from '../../domain/problem.ts'
import { hasEverything, type Caller } from '../../domain/token.ts'
import type { UploadCarrier } from '../../domain/upload.ts'
import {
  archiveOfUpload,
  cutUpload,
  endedUploadsMost,
  mustBeWithinQuota,
  openUploadsMost,
} from '../../domain/upload-rules.ts'
import { getPeer } from '../../store/peers.ts'
import { getReceived, recordedUnder, usedBy } from '../../store/received.ts'
import type { Q } from '../../store/schema.ts'
import {
  bytesToCome,
  deleteUnproven,
  deleteUpload,
  forgetEnded,
  getUpload,
  insertUpload,
  openUploads,
  receivedRanges,
  touchUpload,
  type NewUpload,
  type StoredUpload,
} from '../../store/uploads.ts'
import { asProblem } from '../../sys/files.ts'
import type { EngineDeps } from '../deps.ts'
import type { UploadStarted } from '../federation.ts'
import { away, expired, notFound } from './find.ts'
import { clearFromInbox, mayUseInbox } from './inbox.ts'
import { nameOf, reserved } from './names.ts'
import { createPart, partPath, partSize, removePart } from './part-file.ts'
import { choosePlace, mustFit, type Place } from './place.ts'
import type { Sessions } from './sessions.ts'

/** Descriptions travel to the root helper in one line with what else it must know. */
const descriptionsMost = 1_000_000

interface Wanted {
  readonly archiveName: string
  readonly filename: string
  readonly totalSize: number
  readonly chunkSize: number
  readonly totalChunks: number
  readonly checksum: string | null
  readonly info: Readonly<Record<string, unknown>>
  readonly backupInfo: Readonly<Record<string, unknown>> | null
  readonly carrier: UploadCarrier
}

/** What a start comes to. `instead`: uploads that it takes the place of. */
type Decision =
  | { readonly kind: 'present'; readonly sha256: string }
  | { readonly kind: 'open'; readonly upload: StoredUpload }
  | { readonly kind: 'new'; readonly instead: readonly StoredUpload[] }

/** See `Uploads.start`. `making` holds the ids whose files are there before their rows. */
export async function startUpload(
  deps: EngineDeps,
  sessions: Sessions,
  making: Set<string>,
  caller: Caller,
  input: WireUploadStart,
  promisedBytes: () => number,
): Promise<UploadStarted> {
  const carrier = input.carrier === 'rsync' && (await mayUseInbox(deps, caller)) ? 'rsync' : 'http'
  const wanted = check(input, carrier)
  await sessions.settled({ archiveName: wanted.archiveName })
  const decision = await decide(deps, deps.db, caller, wanted)
  if (decision.kind === 'present') return present(wanted, decision.sha256)
  if (decision.kind === 'open' && (await isThere(decision.upload))) return reopen(deps, decision.upload)
  // Of the same one, too, when what the rows say was received is not there.
  const instead = decision.kind === 'open' ? [decision.upload] : decision.instead
  await mustBeAllowed(deps.db, caller, wanted, instead)
  const place = await choosePlace(deps)
  mustFit(
    place,
    wanted.totalSize,
    (await bytesToCome(
      deps.db,
      instead.map((old) => old.id),
    )) + promisedBytes(),
  )
  for (const old of instead) await replace(deps, sessions, old)
  return create(deps, making, caller, wanted, place, promisedBytes)
}

/** Pure. `name_invalid`, `validation_failed`, `body_too_large`. */
function check(input: WireUploadStart, carrier: UploadCarrier): Wanted {
  const { filename, total_size: totalSize, info } = input
  const archiveName = archiveOfUpload(filename)
  const cut = cutUpload(totalSize, input.chunk_size)
  const fault = infoFault(info)
  if (fault !== '') throw invalid({ field: 'info', code: 'not_an_archive', facts: { detail: fault } })
  const backupInfo = input.backup_info ?? null
  if (Buffer.byteLength(JSON.stringify([info, backupInfo])) > descriptionsMost) {
    throw new Problem('body_too_large', { limit: descriptionsMost })
  }
  const checksum = input.checksum ?? null
  return { archiveName, filename, totalSize, ...cut, checksum, info, backupInfo, carrier }
}

/**
 * `archive_exists` when another archive, or somebody else's upload, has the name, `validation_failed` when the name is another's;
 * `archive_in_use` when it is on its way out.
 */
async function decide(deps: EngineDeps, q: Q, caller: Caller, wanted: Wanted): Promise<Decision> {
  const { archiveName, checksum } = wanted
  const known = await recordedUnder(q, archiveName)
  if (known?.deleting === true) throw new Problem('archive_in_use', { archive: archiveName })
  const open = await openUploads(q, archiveName)
  const now = deps.clock.now()
  const same = open.find((one) => one.owner === caller.owner && !expired(one, now) && isSame(one, wanted))
  if (known && !known.missing) {
    // Put in place and found by a scan, but not entered yet.
    if (same && same.sha256 !== null && (known.sha256 ?? same.sha256) === same.sha256) {
      return { kind: 'open', upload: same }
    }
    const equal = known.sha256 === checksum && known.sizeBytes === wanted.totalSize
    if (
      equal &&
      checksum !== null &&
      known.state !== 'corrupted' &&
      (await isOwn(q, caller, known.sha256, archiveName))
    ) {
      return { kind: 'present', sha256: checksum }
    }
    throw new Problem('archive_exists', { name: archiveName })
  }
  // A name means one content for ever, also while its disk is away.
  if (known && known.sha256 !== null && checksum !== null && known.sha256 !== checksum) {
    throw new Problem('archive_exists', { name: archiveName })
  }
  const whose = await nameOf(q, caller, archiveName)
  // What is on record here and missing may come back from whoever has it.
  if (whose === 'other' && (checksum === null || known?.sha256 !== checksum)) throw reserved(archiveName)
  // An instance gets its own names, whoever began to send something under them before it was known.
  const yields = (one: StoredUpload) => whose === 'caller' && one.peerId !== null
  if (open.some((one) => one.owner !== caller.owner && !expired(one, now) && !yields(one))) {
    throw new Problem('archive_exists', { name: archiveName })
  }
  if (same) return { kind: 'open', upload: same }
  // It is whole and was about to be put in place when something went wrong.
  if (open.some((one) => one.sha256 !== null)) throw new Problem('archive_in_use', { archive: archiveName })
  return { kind: 'new', instead: open }
}

/** Whether it can do anything with the archive: else it would believe to have a copy that it can never fetch. */
async function isOwn(q: Q, caller: Caller, sha256: string | null, archiveName: string): Promise<boolean> {
  if (hasEverything(caller)) return true
  const received = await getReceived(q, archiveName)
  return received !== null && received.owner === caller.owner && received.sha256 === sha256
}

function isSame(upload: StoredUpload, wanted: Wanted): boolean {
  return (
    upload.filename === wanted.filename &&
    upload.totalSize === wanted.totalSize &&
    upload.carrier === wanted.carrier &&
    upload.checksum === wanted.checksum
  )
}

/** A file that is being put in place may have gone there already. `archives_dir_missing` while its disk is away. */
async function isThere(upload: StoredUpload): Promise<boolean> {
  // What lies in the inbox, rsync finds out.
  if (upload.carrier === 'rsync') return true
  if (upload.sha256 !== null) return true
  const size = await partSize(upload)
  if (size === undefined) throw away(upload)
  return size === upload.totalSize
}

/** `quota_exceeded`, counted without the uploads that go for it. */
async function mustBeAllowed(
  q: Q,
  caller: Caller,
  wanted: Wanted,
  instead: readonly StoredUpload[] = [],
): Promise<void> {
  const own = instead.filter((old) => old.owner === caller.owner)
  const { open, ...all } = await usedBy(q, caller.owner)
  const used = {
    bytes: all.bytes - own.reduce((sum, old) => sum + old.totalSize, 0),
    count: all.count - own.length,
  }
  mustBeWithinQuota({ bytes: 0, count: open - own.length }, 0, { bytes: null, count: openUploadsMost })
  if (caller.peerId === null) return
  const peer = await getPeer(q, caller.peerId)
  if (!peer) throw new Problem('peer_not_found', { id: caller.peerId })
  mustBeWithinQuota(used, wanted.totalSize, { bytes: peer.quotaBytes, count: peer.quotaCount })
}

/** The file first: a row without its file would promise what is not there. Looked at again in the transaction that adds it. */
async function create(
  deps: EngineDeps,
  making: Set<string>,
  caller: Caller,
  wanted: Wanted,
  place: Place,
  promisedBytes: () => number,
): Promise<UploadStarted> {
  const now = deps.clock.now()
  const upload: NewUpload = {
    ...wanted,
    id: randomUUID(),
    folder: place.folder,
    owner: caller.owner,
    ownerName: caller.name,
    peerId: caller.peerId,
    startedAt: now,
    activeAt: now,
  }
  making.add(upload.id)
  try {
    if (upload.carrier === 'http') await createPart(partPath(upload), place.folder, upload.totalSize)
    const decision = await deps.db.transaction().execute(async (trx) => {
      const still = await decide(deps, trx, caller, wanted)
      if (still.kind !== 'new') return still
      if (still.instead.length > 0) throw new Problem('archive_in_use', { archive: wanted.archiveName })
      await mustBeAllowed(trx, caller, wanted)
      mustFit(place, wanted.totalSize, (await bytesToCome(trx)) + promisedBytes())
      await insertUpload(trx, upload)
      await forgetEnded(trx, caller.owner, endedUploadsMost)
      return still
    })
    if (decision.kind === 'new') return opened('new', await stored(deps, upload.id), [])
    await removePart(upload)
    if (decision.kind === 'present') return present(wanted, decision.sha256)
    return await reopen(deps, decision.upload)
  } catch (error) {
    await removePart(upload)
    throw asProblem(error)
  } finally {
    making.delete(upload.id)
  }
}

async function reopen(deps: EngineDeps, upload: StoredUpload): Promise<UploadStarted> {
  await touchUpload(deps.db, upload.id, deps.clock.now())
  return opened('open', await stored(deps, upload.id), await receivedRanges(deps.db, upload.id))
}

/** `archive_in_use` when it was proven since the decision: it may be on its way to its place. */
async function replace(deps: EngineDeps, sessions: Sessions, old: StoredUpload): Promise<void> {
  const gone = (await deleteUnproven(deps.db, old.id)) || (await getUpload(deps.db, old.id)) === null
  if (!gone) throw new Problem('archive_in_use', { archive: old.archiveName })
  await discard(deps, sessions, old)
}

/** The row first: a file without one is removed by the next start of the server. */
export async function discard(
  deps: EngineDeps,
  sessions: Sessions,
  upload: Pick<StoredUpload, 'id' | 'folder' | 'carrier' | 'peerId'>,
): Promise<void> {
  await deleteUpload(deps.db, upload.id)
  await sessions.end(upload.id)
  await removePart(upload)
  await clearFromInbox(deps, upload)
}

async function stored(deps: EngineDeps, id: string): Promise<StoredUpload> {
  const upload = await getUpload(deps.db, id)
  if (!upload) throw notFound(id)
  return upload
}

function opened(
  kind: 'new' | 'open',
  upload: StoredUpload,
  received: Extract<UploadStarted, { kind: 'open' | 'new' }>['received'],
): UploadStarted {
  return { kind, upload, received }
}

function present(wanted: Wanted, sha256: string): UploadStarted {
  return { kind: 'present', name: wanted.archiveName, sizeBytes: wanted.totalSize, sha256 }
}
