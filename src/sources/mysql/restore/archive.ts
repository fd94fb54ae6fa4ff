// What an archive of a database says of itself: the recipe, where the dump lies in it, and where its parts begin.
import { z } from 'zod'
import { backupInfoMember, formatVersion, mysqlPart, recipeFolder } from '../../../archive/format.ts'
import { mustBeSafe, surveyArchive } from '../../../archive/survey.ts'
import type { Region } from '../../../archive/tar-stream.ts'
import { Problem, type FieldError } from '../../../domain/problem.ts'
import type { SourceIo } from '../../source.ts'
import { partNames, type DumpParts, type PartName } from '../dump.ts'
import { parseVersion, type DatabaseFacts, type Version } from '../facts.ts'
import type { Statement } from '../grants.ts'
import { databaseName } from '../settings.ts'
import { parseUsers } from './users.ts'

export interface SavedDatabase {
  readonly archive: string
  readonly database: string
  readonly facts: DatabaseFacts
  /** Number of tables in the dump. */
  readonly tables: number
  readonly statements: readonly Statement[]
  /** Of the server that it comes from; null when the archive does not say. */
  readonly version: Version | null
  /** Bytes that it took on that server; null when the archive does not say. */
  readonly dataBytes: number | null
  /** Bytes of the dump. */
  readonly bytes: number
  /** Bytes of its longest line. */
  readonly longestLine: number
  /** Where a part of the dump lies in the archive; null for one that is empty. */
  region(part: PartName): Region | null
}

const size = z.int().nonnegative()
const parts = z.object({ tables: size, routines: size, views: size, events: size })
const described = z.object({
  type: z.string(),
  format: z.int(),
  dump_parts: parts,
  longest_line: size,
  server_version: z.string().optional(),
  data_bytes: size.optional(),
})

const folder = `${mysqlPart.folder}/`
const recipePath = `${folder}${recipeFolder}/`
const charsetName = /^[A-Za-z0-9_]{1,64}$/

/**
 * Rejects with `archive_unsafe`, `archive_truncated`, `archive_newer`, `archive_corrupted` (all of them field errors of
 * {@link archiveError}), `archive_not_found`, or the signal's reason.
 */
export async function readSaved(archive: string, io: SourceIo): Promise<SavedDatabase> {
  const members = new Map<string, Region>()
  const survey = await surveyArchive(io.places.archivesDir, archive, {
    signal: io.signal,
    capture: (name) => name === backupInfoMember || name.startsWith(recipePath),
    onMember: ({ type, dataOffset, size: length }, name) => {
      if (type === '0' && name.startsWith(folder))
        members.set(name.slice(folder.length), { offset: dataOffset, length })
    },
  })
  const info = describedIn(archive, survey.files.get(backupInfoMember))
  mustBeSafe(archive, survey)
  if (info === null) throw broken(archive, 'its description is missing')
  const fact = (name: string): string => {
    const text = survey.files.get(`${recipePath}${name}`)?.toString('utf8') ?? ''
    if (!text.endsWith('\n')) throw broken(archive, `its recipe lacks ${name}`)
    return text.slice(0, -1)
  }
  if (Number(fact('format')) > formatVersion) throw newer(archive, fact('format'))
  const database = databaseName.safeParse(fact('database'))
  const facts = { charset: fact('charset'), collation: fact('collation') }
  const tables = Number(fact('tables'))
  const dump = members.get(fact('dump'))
  if (!database.success) throw broken(archive, 'its recipe names no database')
  if (!charsetName.test(facts.charset) || !charsetName.test(facts.collation))
    throw broken(archive, 'its character set')
  if (!Number.isSafeInteger(tables) || tables < 0) throw broken(archive, 'its number of tables')
  if (dump === undefined || partsEnd(info.dump_parts) !== dump.length)
    throw broken(archive, 'its dump is missing')
  const users = survey.files.get(`${recipePath}users.sql`)?.toString('utf8') ?? ''
  const statements = parseUsers(users, database.data)
  if (statements === null) throw broken(archive, 'its users.sql says more than it may')
  return {
    archive,
    database: database.data,
    facts,
    tables,
    statements,
    version: info.server_version === undefined ? null : parseVersion(info.server_version),
    dataBytes: info.data_bytes ?? null,
    bytes: dump.length,
    longestLine: info.longest_line,
    region: (part) => regionOf(part, info.dump_parts, dump.offset),
  }
}

/** Our description; `validation_failed` when it is of another kind of archive, `archive_newer`. Null when there is none. */
function describedIn(archive: string, bytes: Buffer | undefined): z.output<typeof described> | null {
  if (bytes === undefined) return null
  let value: unknown
  try {
    value = JSON.parse(bytes.toString('utf8'))
  } catch (cause) {
    throw broken(archive, 'its description cannot be read', cause)
  }
  const kind = z.object({ type: z.string(), format: z.int().optional() }).safeParse(value)
  if (!kind.success) return null
  const { type, format = 1 } = kind.data
  if (type !== 'mysql') {
    const error: FieldError = { field: 'archive', code: 'unknown_type', facts: { known: 'mysql', type } }
    throw new Problem('validation_failed', { fields: 'archive' }, { errors: [error] })
  }
  if (format > formatVersion) throw newer(archive, String(format))
  const whole = described.safeParse(value)
  if (!whole.success) throw broken(archive, 'its description lacks what a restore needs', whole.error)
  return whole.data
}

function regionOf(part: PartName, lengths: DumpParts, offset: number): Region | null {
  const before = partNames.slice(0, partNames.indexOf(part)).reduce((sum, name) => sum + lengths[name], 0)
  return lengths[part] === 0 ? null : { offset: offset + before, length: lengths[part] }
}

function partsEnd(lengths: DumpParts): number {
  return partNames.reduce((sum, name) => sum + lengths[name], 0)
}

function broken(archive: string, detail: string, cause?: unknown): Problem {
  return new Problem('archive_corrupted', { archive, detail }, cause === undefined ? {} : { cause })
}

function newer(archive: string, format: string): Problem {
  return new Problem('archive_newer', { archive, format })
}

/** What speaks against restoring the archive, as a refusal; null when the problem is another one. */
export function archiveError(problem: Problem): FieldError | null {
  const { facts } = problem
  switch (problem.code) {
    case 'archive_unsafe':
      return { field: 'archive', code: 'archive_unsafe', facts: { path: facts['member'], why: facts['why'] } }
    case 'archive_truncated':
    case 'archive_corrupted':
      return { field: 'archive', code: 'archive_damaged', facts: { detail: facts['detail'] } }
    case 'archive_newer':
      return { field: 'archive', code: 'archive_newer', facts: { format: facts['format'] } }
    case 'validation_failed':
      return problem.errors[0] ?? null
    default:
      return null
  }
}
