// Whether YunoHost can use an archive's sidecar: without a good one it does not even list the archive.
import { isDeepStrictEqual } from 'node:util'
import { archivePaths } from './format.ts'
import { isObject, parseObject, readJsonFile } from './read-json.ts'

/** What YunoHost 12.1 fails without, at the latest when it restores. */
const needed: readonly (readonly [key: string, good: (value: unknown) => boolean])[] = [
  ['created_at', (value) => typeof value === 'number'],
  ['description', (value) => typeof value === 'string' || value === null],
  ['apps', isObject],
  ['system', isObject],
  ['from_yunohost_version', (value) => typeof value === 'string'],
]

/** What is known of the archive itself. */
export interface InsideArchive {
  /** The member `info.json`, null when there is none. */
  readonly info: Buffer | null
  /** Of our own: then the member has to be there. */
  readonly ours: boolean
}

/** What is wrong with the sidecar of `name`, in English; empty when nothing is. Rejects never because of the file. */
export async function sidecarFault(
  archivesDir: string,
  name: string,
  inside: InsideArchive,
): Promise<string> {
  const read = await readJsonFile(archivePaths(archivesDir, name).sidecar)
  if (!read.ok) return read.missing ? 'sidecar: missing' : `sidecar: ${read.error}`
  const bad = infoFault(read.value)
  if (bad !== '') return `sidecar: ${bad}`
  const { info, ours } = inside
  if (info === null) return ours ? differs : ''
  // By value: on its way between servers a description is JSON, and JSON can be spaced in other ways.
  const member = parseObject(info)
  return member.ok && isDeepStrictEqual(member.value, read.value) ? '' : differs
}

/** What YunoHost could not use of a description, in English; empty when nothing. Pure. */
export function infoFault(info: Readonly<Record<string, unknown>>): string {
  const bad = needed.filter(([key, good]) => !good(info[key])).map(([key]) => key)
  return bad.length === 0 ? '' : `missing or wrong: ${bad.join(', ')}`
}

const differs = 'sidecar: it differs from info.json in the archive'
