// Names of archives: `{instance}_{subject}_{YYYYMMDD}[-N]`, at most 50 characters, so that YunoHost accepts them.
import { shortHash } from './hash.ts'
import { Problem } from './problem.ts'

export { localDay } from './calendar.ts'

/** Most characters YunoHost allows. */
export const longestArchiveName = 50
/** An instance name is the part of an archive's name before the first underscore. */
export const instanceNamePattern = /^[A-Za-z0-9][A-Za-z0-9-]{0,19}$/

/** The parts of a name. `day` is `YYYYMMDD`; `sequence` is 1 for the first archive of the day. */
export interface ArchiveNameParts {
  readonly instance: string
  /** What was backed up: an app, `system`, `mysql_NAME`, a job's slug; shortened where it had to be. */
  readonly subject: string
  readonly day: string
  readonly sequence: number
}

const daySize = 8
/** Room that is always left for `-2` to `-99`, so that all archives of a day carry the same subject. */
const suffixRoom = 3
const hashMark = /--[0-9a-z]{7}$/
const mostPerDay = 10_000

/**
 * The first free name for an archive. `taken` tells whether a name is used already; `day` is `YYYYMMDD`.
 * Two different subjects never share a name: one that does not fit or has other characters gets a hash.
 * Throws `name_invalid` for an impossible instance or day, `archive_exists` after 10,000 in one day.
 * @example archiveName({ instance: 'jerry', subject: 'nocodb', day: '20260508', taken: () => false }) // 'jerry_nocodb_20260508'
 */
export function archiveName(wanted: {
  readonly instance: string
  readonly subject: string
  readonly day: string
  readonly taken: (name: string) => boolean
}): string {
  const { instance, subject, day, taken } = wanted
  if (!instanceNamePattern.test(instance) || !isDay(day)) {
    throw new Problem('name_invalid', { name: `${instance}_${subject}_${day}` })
  }
  let name = ''
  for (let sequence = 1; sequence <= mostPerDay; sequence++) {
    const suffix = sequence === 1 ? '' : `-${sequence}`
    const room = longestArchiveName - instance.length - daySize - 2 - Math.max(suffixRoom, suffix.length)
    name = `${instance}_${fitted(subject, room)}_${day}${suffix}`
    if (!taken(name)) return name
  }
  throw new Problem('archive_exists', { name })
}

/** The parts of a name that {@link archiveName} could have made, or null. Never throws. */
export function parseArchiveName(name: string): ArchiveNameParts | null {
  if (!isArchiveName(name)) return null
  const match = /^([A-Za-z0-9][A-Za-z0-9-]{0,19})_(.+)_(\d{8})(?:-([1-9]\d*))?$/.exec(name)
  const [, instance, subject, day, suffix] = match ?? []
  if (instance === undefined || subject === undefined || day === undefined || !isDay(day)) return null
  const sequence = suffix === undefined ? 1 : Number(suffix)
  return suffix === '1' ? null : { instance, subject, day, sequence }
}

/** True when YunoHost and the root helper take it for an archive's name. */
export function isArchiveName(name: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,49}$/.test(name) && !name.endsWith('.')
}

/**
 * A text as lower-case words with single hyphens, for names: `Photos d'été` → `photos-d-ete`.
 * Never empty: where no letter is left (`日本`) a hash stands in.
 */
export function slug(text: string): string {
  const words = plain(text)
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '')
  return words === '' ? `job-${shortHash(text)}` : words
}

/** A valid instance name from a host name: its first label, cleaned, shortened with a hash. */
export function instanceNameFrom(hostname: string): string {
  const label = hostname.split('.', 1)[0] ?? ''
  const clean = plain(label)
    .replaceAll(/[^A-Za-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '')
  if (clean === '') return 'yunohost'
  return clean.length <= 20 ? clean : `${clean.slice(0, 12).replace(/-$/, '')}-${shortHash(label)}`
}

/** The subject itself where it can stand in a name, else its beginning and a hash of the whole. */
function fitted(subject: string, room: number): string {
  // A subject that looks shortened already is hashed too, or it could be another's short form.
  if (/^[A-Za-z0-9_.-]+$/.test(subject) && subject.length <= room && !hashMark.test(subject)) return subject
  const hash = `--${shortHash(subject)}`
  const start = plain(subject)
    .replaceAll(/[^A-Za-z0-9_.]+/g, '-')
    .slice(0, room - hash.length)
    .replaceAll(/^[_.-]+|[_.-]+$/g, '')
  return `${start === '' ? 'x' : start}${hash}`
}

/** Letters without their accents; what else is not ASCII stays, for the caller to replace. */
function plain(text: string): string {
  return text
    .replaceAll(/[œŒæÆßøØłŁ]/g, (c) => ligatures[c] ?? c)
    .normalize('NFKD')
    .replaceAll(/\p{M}+/gu, '')
}

const ligatures: Readonly<Record<string, string>> = {
  œ: 'oe',
  Œ: 'OE',
  æ: 'ae',
  Æ: 'AE',
  ß: 'ss',
  ø: 'o',
  Ø: 'O',
  ł: 'l',
  Ł: 'L',
}

/** True for `YYYYMMDD` that is in the calendar. */
function isDay(day: string): boolean {
  if (!/^\d{8}$/.test(day)) return false
  const iso = `${day.slice(0, 4)}-${day.slice(4, 6)}-${day.slice(6)}`
  const time = Date.parse(`${iso}T00:00:00Z`)
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(iso)
}
