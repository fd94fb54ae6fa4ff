// How names and texts are written for MySQL's programs, and what our own databases are called.

/** A name in SQL. */
export function identifier(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``
}

/** A name with the database that it is in. */
export function inDatabase(database: string, name: string): string {
  return `${identifier(database)}.${identifier(name)}`
}

/** A text in SQL: hexadecimal, so that it means the same under every `sql_mode`. */
export function literal(text: string): string {
  return text === '' ? "''" : `_utf8mb4 0x${Buffer.from(text, 'utf8').toString('hex')}`
}

/** A database in `GRANT … ON`, where `_` and `%` would stand for others too. */
export function grantPattern(database: string): string {
  return identifier(database.replaceAll(/[\\_%]/g, String.raw`\$&`))
}

/** Whether a pattern of `GRANT … ON` covers the database. */
export function patternCovers(pattern: string, database: string): boolean {
  const expression = pattern.replaceAll(/\\?[\s\S]/g, (part) => {
    if (part === '%') return '[\\s\\S]*'
    if (part === '_') return '[\\s\\S]'
    return (part.length === 2 ? part.slice(1) : part).replace(/[\\^$.*+?()[\]{}|/]/, String.raw`\$&`)
  })
  return new RegExp(`^${expression}$`, 'u').test(database)
}

/** An account as people write it, for lists. */
export function accountName(user: string, host: string): string {
  return `'${user.replaceAll("'", "''")}'@'${host.replaceAll("'", "''")}'`
}

/** Name of the dump's file: what is not plain becomes `_`. */
export function dumpName(database: string): string {
  return `${database.replaceAll(/[^A-Za-z0-9_.-]/gu, '_')}.sql`
}

const schemas: ReadonlySet<string> = new Set(['information_schema', 'performance_schema', 'mysql', 'sys'])

/** Belongs to the server itself. */
export function isSystemSchema(name: string): boolean {
  return schemas.has(name.toLowerCase())
}

/** Databases that a restore needs for its own while it is under way. */
export function scratchName(operation: string): string {
  return `bm_new_${short(operation)}`
}
export function formerName(operation: string): string {
  return `bm_old_${short(operation)}`
}
/** An account that loads a dump. */
export function isLoaderName(user: string): boolean {
  return /^bm_load_[0-9a-f]{8}$/.test(user)
}
/** The lock that every writing session of an operation holds: whoever puts things back waits for those still busy. */
export function lockName(operation: string): string {
  return `backupmanager ${operation}`
}

function short(operation: string): string {
  return operation.replaceAll('-', '').slice(0, 8)
}
