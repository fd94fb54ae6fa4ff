// The recipe of an archive: what a restore must know beside the dump, one small file per fact, for bash as for us.
import { z } from 'zod'
import { formatVersion, postgresqlPart, recipeFolder } from '../../archive/format.ts'
import type { Recipe } from '../../archive/lead.ts'
import { grantsSql, rolesSql, withoutPassword, type Passwords } from './account-sql.ts'
import type { DatabaseFacts } from './catalogue.ts'
import { dumpName } from './quoting.ts'
import { databaseName, roleName } from './settings.ts'

/** Folder of the recipe in the tar, with a slash at its end. */
export const recipePrefix = `${postgresqlPart.folder}/${recipeFolder}/`

/** The recipe's files for a database. */
export function recipeFor(facts: DatabaseFacts, passwords: Passwords): Recipe {
  const { database } = facts
  const line = (value: string | number): string => `${value}\n`
  const lines = (values: readonly string[]): string => values.map(line).join('')
  const unknown = withoutPassword(facts, passwords)
  const provider = providerNames[database.datlocprovider ?? 'c']
  const locale = database.datlocale ?? database.daticulocale ?? null
  const tablespaces = new Set([...facts.tablespaces, facts.tablespace])
  tablespaces.delete('pg_default')
  return {
    format: line(formatVersion),
    database: line(database.datname),
    dump: line(dumpName(database.datname)),
    owner: line(facts.owner),
    encoding: line(facts.encoding),
    ...(database.datcollate !== null && { collate: line(database.datcollate) }),
    ...(database.datctype !== null && { ctype: line(database.datctype) }),
    ...(provider !== undefined && { 'locale-provider': line(provider) }),
    ...(provider !== undefined && locale !== null && { locale: line(locale) }),
    'roles.sql': rolesSql(facts, passwords),
    'grants.sql': grantsSql(facts),
    roles: lines(facts.roles.map(({ name }) => name)),
    ...(unknown.length > 0 && { 'roles-without-password': lines(unknown) }),
    ...(facts.tablespace !== 'pg_default' && { tablespace: line(facts.tablespace) }),
    ...(tablespaces.size > 0 && { tablespaces: lines([...tablespaces]) }),
    tables: line(facts.tables),
  }
}

/** By PostgreSQL's letter; libc, which every version has, goes without saying. */
const providerNames: Readonly<Record<string, string>> = { i: 'icu', b: 'builtin' }

const names = z
  .string()
  .transform((text) => text.split('\n').filter((line) => line !== ''))
  .pipe(z.array(roleName))
const locale = z.string().regex(/^[^\p{Cc}]{1,200}$/u)

const recipeSchema = z.object({
  format: z.coerce.number().int(),
  database: databaseName,
  dump: z.string().regex(/^[A-Za-z0-9_.-]+$/),
  owner: roleName,
  encoding: z.string().regex(/^[A-Za-z0-9_]{1,63}$/),
  collate: locale.optional(),
  ctype: locale.optional(),
  'locale-provider': z.enum(['icu', 'builtin']).optional(),
  locale: locale.optional(),
  'roles.sql': z.string().default(''),
  'grants.sql': z.string().default(''),
  roles: names.default([]),
  'roles-without-password': names.default([]),
  tablespace: roleName.optional(),
  tablespaces: names.default([]),
  tables: z.coerce.number().int().nonnegative(),
})
export type ReadRecipe = z.output<typeof recipeSchema>

/** Names of the files that are read back. */
export const recipeNames: ReadonlySet<string> = new Set(Object.keys(recipeSchema.shape))

/** The recipe that an archive carries; `newer` when its format is, a text when it is none. */
export function readRecipe(
  files: ReadonlyMap<string, Buffer>,
): ReadRecipe | 'newer' | { readonly wrong: string } {
  const given: Record<string, string> = {}
  for (const name of recipeNames) {
    const text = files.get(recipePrefix + name)?.toString('utf8')
    if (text !== undefined) given[name] = name.includes('.') ? text : text.replace(/\n$/, '')
  }
  if (Number(given['format']) > formatVersion) return 'newer'
  const parsed = recipeSchema.safeParse(given)
  if (parsed.success) return parsed.data
  return { wrong: [...new Set(parsed.error.issues.map(({ path }) => path.join('.')))].join(', ') }
}
