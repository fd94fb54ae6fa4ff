// Reads all headers of an archive once and says whether it may be unpacked by root: what a tar names must stay below the
// folder that it is unpacked into, whoever made it.
import { isProblem, Problem } from '../domain/problem.ts'
import { cleanName, pathGuard, type GuardOptions, type Unsafe } from './path-guard.ts'
import { openTar, type OpenTar } from './tar-stream.ts'
import { tarScanner, type TarMember } from './tar-scanner.ts'

export { cleanName, pathGuard, type UnsafeReason } from './path-guard.ts'

/** Small files that are kept while the tar is read: recipes, descriptions. */
const captureMaxBytes = 1024 * 1024
/** Less data than this is faster read than passed over. */
const worthSkipping = 64 * 1024

export interface Survey {
  readonly members: number
  /** Empty when the tar is whole. */
  readonly damage: string
  /** The first member that must not be unpacked, and why; null when there is none. */
  readonly unsafe: Unsafe | null
  /** Character and block devices. */
  readonly devices: number
  /** Contents of the members that were asked for, by name without `./` and without a slash at its end. */
  readonly files: ReadonlyMap<string, Buffer>
}

export interface SurveyOptions {
  readonly signal?: AbortSignal | undefined
  /** For archives that YunoHost will unpack. */
  readonly strict?: GuardOptions['strict']
  /** Names of small files to keep; larger ones than 1 MiB are left out. Of several of one name the last counts. */
  capture?(name: string): boolean
  /** Every member in order, with its name as {@link cleanName} gives it (latin1: bytes). */
  onMember?(member: TarMember, name: string): void
  /** Called between two pieces; nothing is read while it is pending. */
  between?(): Promise<void> | undefined
  /** Bytes of the file read so far. */
  onRead?(position: number): void
}

/** Rejects with `archive_not_found`, the signal's reason or the system's error; damage is part of the answer. */
export async function surveyArchive(
  archivesDir: string,
  name: string,
  options: SurveyOptions = {},
): Promise<Survey> {
  const tar = await openTar(archivesDir, name)
  try {
    return await surveyTar(tar, options)
  } finally {
    await tar.close()
  }
}

/** The same for an archive that is open already. Data that nobody asked for is not read where the file allows it. */
export async function surveyTar(tar: OpenTar, options: SurveyOptions = {}): Promise<Survey> {
  const files = new Map<string, Buffer>()
  const guard = pathGuard({ strict: options.strict ?? false })
  let unsafe: Survey['unsafe'] = null
  let devices = 0
  let position = 0
  let wanted: Capture[] = []
  const scanner = tarScanner((member) => {
    const clean = cleanName(member.name)
    unsafe ??= guard(member, clean)
    if (member.type === '3' || member.type === '4') devices += 1
    if (options.capture?.(clean) === true) {
      files.delete(clean)
      wanted = wanted.filter((one) => one.key !== clean)
      if (member.type === '0' && member.size <= captureMaxBytes) {
        wanted.push({ key: clean, from: member.dataOffset, data: Buffer.alloc(member.size), filled: 0 })
      }
    }
    options.onMember?.(member, clean)
  })
  /** The scanner has seen the whole chunk: every capture that begins in it is known. */
  const keep = (chunk: Buffer): void => {
    for (const one of wanted) {
      const start = one.from + one.filled - position
      if (start < chunk.length)
        one.filled += chunk.copy(one.data, one.filled, start, start + one.data.length - one.filled)
      if (one.filled === one.data.length) files.set(one.key, one.data)
    }
    wanted = wanted.filter((one) => one.filled < one.data.length)
  }
  let broken = ''
  const reader = tar.reader({ signal: options.signal, onRead: (at) => options.onRead?.(at) })
  try {
    for (let chunk = await reader.next(); chunk !== null; chunk = await reader.next()) {
      scanner.push(chunk)
      keep(chunk)
      position += chunk.length
      await options.between?.()
      const ahead = wanted.length > 0 ? 0 : scanner.ahead()
      if (ahead < worthSkipping) continue
      const skipped = await reader.skip(ahead)
      scanner.skip(skipped)
      position += skipped
    }
  } catch (error) {
    if (!isProblem(error, 'archive_truncated')) throw error
    broken = String(error.facts['detail'])
  } finally {
    reader.close()
  }
  const { members, damage } = scanner.end()
  return { members, damage: broken === '' ? damage : broken, unsafe, devices, files }
}

interface Capture {
  readonly key: string
  readonly from: number
  readonly data: Buffer
  filled: number
}

/** `archive_unsafe` or `archive_truncated` for a survey that does not allow unpacking. */
export function mustBeSafe(archive: string, survey: Pick<Survey, 'unsafe' | 'damage'>): void {
  if (survey.unsafe)
    throw new Problem('archive_unsafe', { archive, path: survey.unsafe.member, why: survey.unsafe.why })
  if (survey.damage !== '') throw new Problem('archive_truncated', { archive, detail: survey.damage })
}
