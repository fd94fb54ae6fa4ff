// Looks through an archive of a database: its recipe, where its dump lies, and what speaks against using it.
import { formatVersion, backupInfoMember, postgresqlPart } from '../../../archive/format.ts'
import { parseObject } from '../../../archive/read-json.ts'
import { surveyArchive } from '../../../archive/survey.ts'
import { tarBytes, type Region } from '../../../archive/tar-stream.ts'
import type { FieldError } from '../../../domain/problem.ts'
import type { SourceIo } from '../../source.ts'
import { strangeScript } from '../account-sql-check.ts'
import { readRecipe, recipeNames, recipePrefix, type ReadRecipe } from '../recipe.ts'

export interface Saved {
  readonly archive: string
  readonly recipe: ReadRecipe
  /** The dump's bytes in the tar. */
  readonly dump: Readonly<Required<Region>>
  /** Of the server that it was made from, such as `15.18`; null when the archive does not say. */
  readonly serverVersion: string | null
  /** What the database took there on the disk. */
  readonly databaseBytes: number | null
  /** Of the pg_dump that made it. */
  readonly toolVersion: string | null
}

/** An archive that is used, or why it must not be. */
export type Found = { readonly saved: Saved } | { readonly refusal: FieldError }

/** Members of the part's folder that are looked at: an archive of ours has one. */
const dumpsMost = 100

/** Reads the whole archive. Rejects with `archive_not_found`, the signal's reason or the system's error. */
export async function readSaved(archive: string, io: SourceIo): Promise<Found> {
  const regions = new Map<string, Saved['dump']>()
  const survey = await surveyArchive(io.places.archivesDir, archive, {
    signal: io.signal,
    capture: (name) =>
      name === backupInfoMember ||
      (name.startsWith(recipePrefix) && recipeNames.has(name.slice(recipePrefix.length))),
    onMember: ({ type, dataOffset, size, realSize }, name) => {
      const isDump = type === '0' && size === realSize && name.startsWith(`${postgresqlPart.folder}/`)
      if (isDump && regions.size < dumpsMost) regions.set(name, { offset: dataOffset, length: size })
    },
  })
  const refuse = (code: FieldError['code'], facts: FieldError['facts'] = {}): Found => ({
    refusal: { field: 'archive', code, facts: { archive, ...facts } },
  })
  const read = parseObject(survey.files.get(backupInfoMember) ?? Buffer.from('{}'))
  const info = read.ok ? read.value : {}
  if (typeof info['format'] === 'number' && info['format'] > formatVersion) {
    return refuse('archive_newer', { format: info['format'] })
  }
  if (survey.unsafe) return refuse('archive_unsafe', { path: survey.unsafe.member, why: survey.unsafe.why })
  if (survey.damage !== '') return refuse('archive_damaged', { detail: survey.damage })
  if (!survey.files.has(`${recipePrefix}format`)) {
    return refuse('archive_damaged', { detail: 'it holds no PostgreSQL database' })
  }
  const recipe = readRecipe(survey.files)
  if (recipe === 'newer') return refuse('archive_newer')
  if ('wrong' in recipe) return refuse('archive_damaged', { detail: `its recipe: ${recipe.wrong}` })
  const strange = strangeScript(recipe)
  if (strange !== null) {
    const why = 'it holds statements that BackupManager does not write'
    return refuse('archive_unsafe', { path: `${recipePrefix}${strange}`, why })
  }
  const dump = regions.get(`${postgresqlPart.folder}/${recipe.dump}`)
  if (dump === undefined) return refuse('archive_damaged', { detail: `it does not hold ${recipe.dump}` })
  const { server_version: version, database_bytes: bytes, tools } = info
  return {
    saved: {
      archive,
      recipe,
      dump,
      serverVersion: typeof version === 'string' ? version : null,
      databaseBytes: typeof bytes === 'number' && bytes >= 0 ? bytes : null,
      toolVersion: versionIn(tools),
    },
  }
}

/** The dump, as fast as it is taken. */
export function dumpBytes(saved: Saved, io: SourceIo): AsyncIterable<Buffer> {
  return tarBytes(io.places.archivesDir, saved.archive, { signal: io.signal, region: saved.dump })
}

function versionIn(tools: unknown): string | null {
  const version: unknown = typeof tools === 'object' && tools !== null ? Reflect.get(tools, 'pg_dump') : null
  return typeof version === 'string' ? version : null
}
