// The statements that bring back what belongs to a database but is in no dump of it: roles with their passwords, and
// rights and settings on the database itself. Pure.
import type { DatabaseFacts, RoleFacts } from './catalogue.ts'
import { anonymousBlock, identifier, literal } from './quoting.ts'

/** Verifiers by role; null when they could not be read. */
export type Passwords = ReadonlyMap<string, string> | null

/**
 * Creates the roles that are missing and leaves the others alone; may be run any number of times. Nobody gets rights over
 * the server by it: what a superuser needs beyond the database is not the database's matter.
 */
export function rolesSql(facts: DatabaseFacts, passwords: Passwords): string {
  const creations = facts.roles.map((role) =>
    [
      `IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = ${literal(role.name)}) THEN`,
      `  ${createRole(role, role.first ? undefined : passwords?.get(role.name))};`,
      ...(role.config ?? []).map(
        (entry) => `  ALTER ROLE ${identifier(role.name)} SET ${assignment(entry)};`,
      ),
      `  made := pg_catalog.array_append(made, ${literal(role.name)}::pg_catalog.text);`,
      'END IF;',
    ].join('\n'),
  )
  // Only for roles that are new: who exists already keeps the memberships that he has.
  const memberships = facts.memberships.map(({ role, member, admin }) =>
    [
      `IF made && ARRAY[${literal(role)}, ${literal(member)}]::pg_catalog.text[] THEN`,
      `  GRANT ${identifier(role)} TO ${identifier(member)}${admin ? ' WITH ADMIN OPTION' : ''};`,
      'END IF;',
    ].join('\n'),
  )
  const body = ["DECLARE made pg_catalog.text[] := '{}';", 'BEGIN', ...creations, ...memberships, 'END'].join(
    '\n',
  )
  return `-- Creates the roles that are missing; leaves those alone that exist. Apply with: psql -X -f roles.sql postgres\n${anonymousBlock(body)}`
}

/** Roles that may log in by a password that could not be read. */
export function withoutPassword(facts: DatabaseFacts, passwords: Passwords): string[] {
  return passwords === null
    ? facts.roles.filter(({ login, first }) => login && !first).map(({ name }) => name)
    : []
}

/** Rights, settings, limit and comment of the database, under whatever name it has: `:"db"` is a variable of psql. */
export function grantsSql(facts: DatabaseFacts): string {
  const known = new Set(facts.roles.map(({ name }) => name))
  const lines: string[] = []
  if (facts.acl !== null) {
    lines.push(
      'REVOKE ALL ON DATABASE :"db" FROM PUBLIC;',
      `REVOKE ALL ON DATABASE :"db" FROM ${identifier(facts.owner)};`,
    )
    for (const { grantee, privilege, grantable } of facts.acl) {
      const to = grantee === null ? 'PUBLIC' : identifier(grantee)
      lines.push(`GRANT ${privilege} ON DATABASE :"db" TO ${to}${grantable ? ' WITH GRANT OPTION' : ''};`)
    }
  }
  for (const { role, config } of facts.settings) {
    // The system's own roles are nobody's to change.
    if (role !== null && !known.has(role)) continue
    const whose = role === null ? 'DATABASE :"db"' : `ROLE ${identifier(role)} IN DATABASE :"db"`
    for (const entry of config) lines.push(`ALTER ${whose} SET ${assignment(entry)};`)
  }
  if (facts.database.datconnlimit >= 0) {
    lines.push(`ALTER DATABASE :"db" CONNECTION LIMIT ${facts.database.datconnlimit};`)
  }
  if (facts.comment !== null) lines.push(`COMMENT ON DATABASE :"db" IS ${literal(facts.comment)};`)
  const how =
    '-- Rights and settings of the database itself. Apply with: psql -X -v db=NAME -f grants.sql postgres'
  return `${[how, ...lines].join('\n')}\n`
}

function createRole(role: RoleFacts, verifier: string | undefined): string {
  return [
    `CREATE ROLE ${identifier(role.name)} WITH`,
    role.login ? 'LOGIN' : 'NOLOGIN',
    role.inherit ? 'INHERIT' : 'NOINHERIT',
    'NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS',
    ...(role.connections >= 0 ? [`CONNECTION LIMIT ${role.connections}`] : []),
    ...(verifier === undefined ? [] : [`PASSWORD ${literal(verifier)}`]),
    ...(role.validUntil === null ? [] : [`VALID UNTIL ${literal(role.validUntil)}`]),
  ].join(' ')
}

/** Settings whose value is stored as a list of names, each of them quoted where it must be. */
const nameLists: ReadonlySet<string> = new Set([
  'local_preload_libraries',
  'search_path',
  'session_preload_libraries',
  'shared_preload_libraries',
  'temp_tablespaces',
  'unix_socket_directories',
])

/** `name=value` as PostgreSQL stores it, as `"name" TO 'value'`. */
function assignment(entry: string): string {
  const at = entry.indexOf('=')
  const name = entry.slice(0, at)
  const value = entry.slice(at + 1)
  const values = nameLists.has(name.toLowerCase()) ? namesIn(value) : [value]
  return `${identifier(name)} TO ${(values.length === 0 ? [''] : values).map(literal).join(', ')}`
}

function namesIn(list: string): string[] {
  return [...list.matchAll(/\s*(?:"((?:[^"]|"")*)"|([^,\s]+))\s*(?:,|$)/g)].map(
    ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? '',
  )
}
