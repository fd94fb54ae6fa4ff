// Reads the statements by which a server describes accounts and their rights. Pure. What is not understood to the last
// sign is refused: these statements are later executed as root.
import { accountName, grantPattern, identifier, patternCovers } from './names.ts'

interface Token {
  readonly kind: 'name' | 'text' | 'word' | 'sign'
  /** Without its quotes. */
  readonly value: string
  readonly start: number
  readonly end: number
}

const pattern =
  /\s+|`((?:[^`]|``)*)`|'((?:[^'\\]|''|\\[\s\S])*)'|"((?:[^"\\]|""|\\[\s\S])*)"|([A-Za-z0-9_$.%]+)|([(),@*;])/uy

/** The signs of one statement; null when there is anything else in it, or more than one. */
function tokens(statement: string): Token[] | null {
  const found: Token[] = []
  pattern.lastIndex = 0
  let at = 0
  while (at < statement.length) {
    const match = pattern.exec(statement)
    if (match === null) return null
    const [whole, name, single, double, word, sign] = match
    const place = { start: at, end: at + whole.length }
    at = place.end
    if (name !== undefined) found.push({ kind: 'name', value: name.replaceAll('``', '`'), ...place })
    else if (single !== undefined || double !== undefined)
      found.push({ kind: 'text', value: single ?? double ?? '', ...place })
    else if (word !== undefined) found.push({ kind: 'word', value: word.toUpperCase(), ...place })
    else if (sign !== undefined) found.push({ kind: 'sign', value: sign, ...place })
  }
  if (found.at(-1)?.value === ';') found.pop()
  return found.some(({ kind, value }) => kind === 'sign' && value === ';') ? null : found
}

/** A user of one host, or a role, whose host is empty. */
export interface Account {
  readonly user: string
  readonly host: string
}

export function isRole(account: Account): boolean {
  return account.host === ''
}

/** For statements. */
export function quotedAccount({ user, host }: Account): string {
  return host === '' ? identifier(user) : `${identifier(user)}@${identifier(host)}`
}

/** For lists that people read, and for comparing. */
export function shownAccount({ user, host }: Account): string {
  return accountName(user, host)
}

export type Statement =
  | { readonly kind: 'create'; readonly account: Account; readonly sql: string }
  | {
      readonly kind: 'grant'
      readonly account: Account
      /** As written, e.g. `SELECT (`id`), INSERT`; `USAGE` for none. */
      readonly rights: string
      /** `TABLE`, `PROCEDURE`, …; `DATABASE` for all of it, `SERVER` for everything. */
      readonly on: string
      /** A pattern when `on` is `DATABASE`. */
      readonly database: string
      readonly name: string
      readonly withGrant: boolean
    }
  | { readonly kind: 'member'; readonly account: Account; readonly role: string; readonly sql: string }

const routineKinds: ReadonlySet<string> = new Set(['PROCEDURE', 'FUNCTION', 'PACKAGE', 'PACKAGE BODY'])

/** What a line of `SHOW CREATE USER`, `SHOW GRANTS` or `users.sql` says; null for anything else. */
export function parseStatement(line: string): Statement | null {
  const all = tokens(line)
  if (all === null) return null
  const words = (from: number, count: number) =>
    all
      .slice(from, from + count)
      .map(({ kind, value }) => (kind === 'word' ? value : ''))
      .join(' ')
  const ends = all.at(-1)?.end ?? 0
  if (words(0, 1) === 'CREATE') {
    const role = words(1, 1) === 'ROLE'
    if (!role && words(1, 1) !== 'USER') return null
    const from = words(2, 3) === 'IF NOT EXISTS' ? 5 : 2
    const account = accountAt(all, from)
    if (account === null || isRole(account.account) !== role || (role && account.next !== all.length))
      return null
    // A second account or a hidden statement has no comma or semicolon to stand behind.
    if (all.slice(account.next).some(({ kind, value }) => kind === 'sign' && value !== '@')) return null
    const rest = line.slice(all[from]?.start ?? 0, ends)
    return {
      kind: 'create',
      account: account.account,
      sql: `CREATE ${role ? 'ROLE' : 'USER'} IF NOT EXISTS ${rest};`,
    }
  }
  if (words(0, 3) === 'SET DEFAULT ROLE' && all[3]?.kind === 'name' && words(4, 1) === 'FOR') {
    const account = accountAt(all, 5)
    if (account === null || account.next !== all.length) return null
    return { kind: 'member', account: account.account, role: all[3].value, sql: `${line.slice(0, ends)};` }
  }
  return words(0, 1) === 'GRANT' ? parseGrant(line, all) : null
}

function parseGrant(line: string, all: readonly Token[]): Statement | null {
  const isWord = (index: number, value: string) => all[index]?.kind === 'word' && all[index]?.value === value
  const to = all.findLastIndex(({ kind, value }) => kind === 'word' && value === 'TO')
  const account = accountAt(all, to + 1)
  if (to === -1 || account === null) return null
  const tail = all
    .slice(account.next)
    .map(({ value }) => value)
    .join(' ')
  if (to === 2 && all[1]?.kind === 'name') {
    if (tail !== '' && tail !== 'WITH ADMIN OPTION') return null
    return {
      kind: 'member',
      account: account.account,
      role: all[1].value,
      sql: `${line.slice(0, all.at(-1)?.end)};`,
    }
  }
  const on = all.findIndex((_, index) => isWord(index, 'ON'))
  const [first, last] = [all[1], all[on - 1]]
  if (on < 2 || on > to || first === undefined || last === undefined) return null
  if (all.slice(1, on).some(({ kind, value }) => kind === 'text' || value === '@' || value === '*'))
    return null
  const rights = line.slice(first.start, last.end)
  const target = all.slice(on + 1, to)
  const kind = target
    .flatMap((token) => (token.kind === 'word' && token.value !== '.' ? [token.value] : []))
    .join(' ')
  const shape = target
    .map((token) =>
      token.kind === 'name' ? 'n' : token.kind === 'word' && token.value === '.' ? '.' : token.value,
    )
    .join('')
  const names = target.filter((token) => token.kind === 'name').map(({ value }) => value)
  const [database = '', name = ''] = names
  const withGrant = tail === 'WITH GRANT OPTION'
  const grant = { kind: 'grant', account: account.account, rights, withGrant } as const
  if (shape === '*.*') return { ...grant, on: 'SERVER', database: '', name: '' }
  if (tail !== '' && !withGrant) return null
  if (shape === 'n.*') return { ...grant, on: 'DATABASE', database, name: '' }
  if (shape === 'n.n') return { ...grant, on: 'TABLE', database, name }
  if (routineKinds.has(kind) && shape === `${kind.replaceAll(' ', '')}n.n`)
    return { ...grant, on: kind, database, name }
  return null
}

/** `name`@`host`, or one name for a role. */
function accountAt(
  all: readonly Token[],
  from: number,
): { readonly account: Account; readonly next: number } | null {
  const [user, at, host] = all.slice(from, from + 3)
  const isName = (token: Token | undefined) => token?.kind === 'name' || token?.kind === 'text'
  if (user === undefined || !isName(user)) return null
  if (at?.value !== '@' || at.kind !== 'sign')
    return { account: { user: user.value, host: '' }, next: from + 1 }
  return host !== undefined && isName(host)
    ? { account: { user: user.value, host: host.value }, next: from + 3 }
    : null
}

/** The grant for `target`, of what it gives on `database` alone; null when that is nothing, or when it is for all databases. */
export function reducedGrant(statement: Statement, database: string, target = database): string | null {
  if (statement.kind !== 'grant' || statement.rights.toUpperCase() === 'USAGE') return null
  const { on, rights, account, withGrant } = statement
  const tail = `TO ${quotedAccount(account)}${withGrant ? ' WITH GRANT OPTION' : ''};`
  if (on === 'SERVER') return null
  if (on === 'DATABASE') {
    if (statement.database === '%' || !patternCovers(statement.database, database)) return null
    return `GRANT ${rights} ON ${grantPattern(target)}.* ${tail}`
  }
  if (statement.database !== database) return null
  const kind = on === 'TABLE' ? '' : `${on} `
  return `GRANT ${rights} ON ${kind}${identifier(target)}.${identifier(statement.name)} ${tail}`
}

/** Grants as a script: those on packages are understood in one mode alone. */
export function grantScript(statements: readonly string[]): string {
  const lines = statements.flatMap((sql) =>
    / ON PACKAGE (?:BODY )?`/.test(sql) ? [oracleMode, sql, plainMode] : [sql],
  )
  return lines.map((line) => `${line}\n`).join('')
}

export const oracleMode = "SET SESSION sql_mode = 'ORACLE';"
export const plainMode = "SET SESSION sql_mode = '';"

/** Rights that the statements give on all of a database, in capitals; `ALL PRIVILEGES` for all of them. */
export function rightsOn(statements: readonly Statement[], database: string | null): ReadonlySet<string> {
  const rights = statements.flatMap((statement) => {
    if (statement.kind !== 'grant') return []
    const covers =
      statement.on === 'SERVER' ||
      (statement.on === 'DATABASE' && database !== null && patternCovers(statement.database, database))
    return covers ? statement.rights.toUpperCase().split(/\s*,\s*/) : []
  })
  return new Set(rights)
}

/** Those of the rights that are not among the given ones. */
export function lacking(rights: ReadonlySet<string>, needed: readonly string[]): string[] {
  return rights.has('ALL PRIVILEGES') ? [] : needed.filter((right) => !rights.has(right))
}
