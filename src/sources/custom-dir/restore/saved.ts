// Looks through an archive of a directory: what it would restore, what that takes, and what speaks against it.
import { readBackupInfo } from '../../../archive/read.ts'
import { backupInfoMember, customPart, formatVersion } from '../../../archive/format.ts'
import { parseObject } from '../../../archive/read-json.ts'
import { mustLocate } from '../../../archive/locate.ts'
import { cleanName, surveyTar, type Survey } from '../../../archive/survey.ts'
import { openTar, type OpenTar } from '../../../archive/tar-stream.ts'
import { padded, type TarMember } from '../../../archive/tar-scanner.ts'
import type { RestoreRequest } from '../../source.ts'
import { sourcePath, type SourcePath } from '../paths.ts'
import { isRecipeFile, readOldRecipe, readRecipe, recipeLine, type RecipeRead } from '../recipe-read.ts'
import type { Settings } from '../settings.ts'
import { selectionOf, shown, type Selection } from './selection.ts'

/** What a directory's member says of it. */
export interface DirectoryFacts {
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Names; empty when the archive has none. */
  readonly owner: string
  readonly group: string
}

/** The members that a restore would unpack. */
export interface Payload {
  /** All that are no directories. */
  files: number
  folders: number
  /** Bytes of files once unpacked; hard links once. */
  bytes: number
  /** The same without their holes: what is written. */
  stored: number
  /** Bytes that they take on a disk. */
  needed: number
  /** Of the largest file, holes included. */
  largest: number
  /** Their bytes in the tar. */
  tarBytes: number
  /** Device nodes among them, and the first one's path. */
  devices: number
  firstDevice: string
  /** The saved directory and its parents (absolute paths), and what leads to chosen paths (relative ones). As bytes. */
  readonly directories: Map<string, DirectoryFacts>
  /** Paths that were asked for and are there. */
  readonly found: Set<string>
  /** Names of owners and groups. */
  readonly owners: Set<string>
  readonly groups: Set<string>
}

/** The archive's file when it was looked through. */
export interface ArchiveFile {
  readonly path: string
  /** See `archive/fingerprint.ts`. */
  readonly fingerprint: string
  /** Whether it is compressed. */
  readonly gzip: boolean
}

export interface Saved {
  readonly file: ArchiveFile
  readonly damage: string
  readonly unsafe: Survey['unsafe']
  /** Version of the layout. */
  readonly format: number
  /** Null: the archive does not tell, and neither do the settings. */
  readonly source: SourcePath | null
  readonly recipe: RecipeRead
  readonly selection: Selection | null
  readonly payload: Payload
}

const files = new Set(['0', '7', 'S'])
/** Every file fills whole pieces of the disk. */
const pieceBytes = 4096
/** Recipe and description; an archive that has more of them is not ours. */
const keptMost = 200
const namesMost = 1000

/** Reads the whole archive, a second time in odd cases. Rejects as {@link openTar}. */
export async function lookThrough(
  request: RestoreRequest<Settings>,
  io: { readonly places: { readonly archivesDir: string }; readonly signal: AbortSignal },
): Promise<Saved> {
  const { archivesDir } = io.places
  const described = await readBackupInfo(archivesDir, request.archive)
  const { path } = mustLocate(archivesDir, request.archive)
  const tar = await openTar(archivesDir, request.archive)
  try {
    const { gzip, fingerprint } = tar
    const told = textOf(described?.['source_path']) ?? request.settings.source_path
    const first = await survey(tar, request, described, { source: told, targets: new Set() }, io.signal)
    // A compressed archive tells these only in the middle or at its end; links lead to what came before them.
    const source = recipeLine(first.files, 'source') ?? textOf(first.info?.['source_path']) ?? told
    const again =
      source !== told || first.targets.size > 0 || oldUnitFile(first.info) !== oldUnitFile(described)
    const last = again
      ? await survey(tar, request, first.info, { source, targets: first.targets }, io.signal)
      : first
    return savedFrom(last, source, { path, gzip, fingerprint })
  } finally {
    await tar.close()
  }
}

interface Looked {
  readonly files: ReadonlyMap<string, Buffer>
  readonly info: Readonly<Record<string, unknown>> | null
  readonly survey: Survey
  readonly selection: Selection | null
  readonly payload: Payload
  /** Files that chosen hard links lead to. */
  readonly targets: ReadonlySet<string>
  readonly outside: Survey['unsafe']
}

async function survey(
  tar: OpenTar,
  request: RestoreRequest<Settings>,
  described: Readonly<Record<string, unknown>> | null,
  known: { readonly source: string; readonly targets: ReadonlySet<string> },
  signal: AbortSignal,
): Promise<Looked> {
  const source = sourcePath(known.source)
  const selection = source && selectionOf(source, request.options.paths, known.targets)
  const unit = `${customPart.folder}${oldUnitFile(described)}`
  const counter = selection && source ? payloadCounter(selection, source) : null
  let kept = 0
  const survey = await surveyTar(tar, {
    signal,
    capture: (name) => {
      if (!isRecipeFile(name) && name !== backupInfoMember && name !== unit) return false
      kept += 1
      return kept <= keptMost
    },
    onMember: (member) => counter?.add(member),
  })
  const inside = survey.files.get(backupInfoMember)
  const read = inside && parseObject(inside)
  return {
    files: survey.files,
    info: read?.ok === true ? read.value : described,
    survey,
    selection,
    payload: counter?.payload ?? emptyPayload(),
    targets: counter?.targets ?? new Set(),
    outside: counter?.outside() ?? null,
  }
}

function savedFrom(looked: Looked, source: string, file: ArchiveFile): Saved {
  const { files, info, survey, selection, payload } = looked
  // Whichever says more: a newer program may have changed only one of both.
  const format = Math.max(...[recipeLine(files, 'format') ?? 1, info?.['format'] ?? 1].map(Number))
  const old = recipeLine(files, 'format') === null
  const unit = files.get(`${customPart.folder}${oldUnitFile(info)}`)?.toString('utf8') ?? null
  return {
    file,
    damage: survey.damage,
    unsafe: survey.unsafe ?? looked.outside,
    // What is no number is no version that we know.
    format: Number.isInteger(format) && format >= 1 ? format : formatVersion + 1,
    source: sourcePath(source),
    recipe: old ? readOldRecipe(info?.['restore'], unit) : readRecipe(files),
    selection,
    payload,
  }
}

/** An archive of format 1 has the unit file only if the job's own one was below the directory. */
function oldUnitFile(described: Readonly<Record<string, unknown>> | null): string {
  const recipe = readOldUnit(described?.['restore'])
  return recipe ?? '/'
}

function readOldUnit(restore: unknown): string | null {
  const service = valueOf(restore, 'systemd_service')
  return textOf(valueOf(service, 'service_file'))
}

function valueOf(from: unknown, key: string): unknown {
  return typeof from === 'object' && from !== null && key in from ? Reflect.get(from, key) : undefined
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null
}

function emptyPayload(): Payload {
  return {
    files: 0,
    folders: 0,
    bytes: 0,
    stored: 0,
    needed: 0,
    largest: 0,
    tarBytes: 0,
    devices: 0,
    firstDevice: '',
    directories: new Map(),
    found: new Set(),
    owners: new Set(),
    groups: new Set(),
  }
}

function payloadCounter(selection: Selection, source: SourcePath) {
  const payload = emptyPayload()
  const targets = new Set<string>()
  const parents = new Map(
    [...source.parents, source.self].map((name) => [
      `${customPart.folder}${name.slice(1, -2)}`,
      name.slice(1, -2),
    ]),
  )
  let outside: Survey['unsafe'] = null
  const add = (member: TarMember): void => {
    const parent = parents.get(cleanName(member.name))
    if (parent !== undefined && member.type === '5') payload.directories.set(parent, directoryFacts(member))
    const relative = selection.relative(member)
    const role = relative === null ? null : selection.role(relative)
    if (relative === null || role === null) return
    count(payload, member)
    if (role === 'above' && relative !== '') payload.directories.set(relative, directoryFacts(member))
    if (selection.asked.has(relative)) payload.found.add(relative)
    if (member.type !== '1') return
    const target = selection.relative({ name: member.linkName })
    if (target === null) outside ??= { member: shown(relative), why: 'link_leads_out' }
    else if (selection.role(target) === null) targets.add(target)
  }
  return { payload, targets, add, outside: () => outside }
}

function count(payload: Payload, member: TarMember): void {
  const { type } = member
  payload.tarBytes += member.dataOffset - member.offset + padded(member.size)
  payload.needed += Math.ceil(member.size / pieceBytes) * pieceBytes
  if (type === '5') payload.needed += pieceBytes
  if (type === '5') payload.folders += 1
  else payload.files += 1
  if (files.has(type)) {
    payload.bytes += member.realSize
    payload.largest = Math.max(payload.largest, member.realSize)
    payload.stored += member.size
  }
  if (type === '3' || type === '4') {
    payload.devices += 1
    payload.firstDevice ||= shown(cleanName(member.name))
  }
  if (payload.owners.size < namesMost && member.owner !== '') payload.owners.add(member.owner)
  if (payload.groups.size < namesMost && member.group !== '') payload.groups.add(member.group)
}

function directoryFacts({ mode, uid, gid, owner, group }: TarMember): DirectoryFacts {
  return { mode, uid, gid, owner, group }
}
