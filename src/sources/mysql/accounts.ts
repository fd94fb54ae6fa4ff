// The accounts that have rights on a database, as statements that bring them back: with the hash of the password, and
// with nothing beyond this database.
import { isProblem } from '../../domain/problem.ts'
import type { Server } from './connection.ts'
import { isDenied, numberOf } from './failure.ts'
import {
  isRole,
  parseStatement,
  quotedAccount,
  reducedGrant,
  shownAccount,
  type Account,
  type Statement,
} from './grants.ts'
import { identifier, isLoaderName, patternCovers } from './names.ts'

/** The server's own, and root, whom every server has. */
const notOurs: ReadonlySet<string> = new Set([
  '',
  'root',
  'mariadb.sys',
  'mysql.sys',
  'mysql.session',
  'mysql.infoschema',
  'PUBLIC',
])

export interface SavedAccounts {
  /** Lines of `users.sql`, in an order in which they can be executed. */
  readonly statements: readonly string[]
  /** As {@link shownAccount} writes them. */
  readonly names: readonly string[]
  /** Accounts whose description was not understood. */
  readonly skipped: readonly string[]
}

/** Null when the connected account may not read the accounts of the server. */
export async function savedAccounts(server: Server, database: string): Promise<SavedAccounts | null> {
  try {
    return await readAccounts(server, database)
  } catch (error) {
    if (isProblem(error) && isDenied(error)) return null
    throw error
  }
}

async function readAccounts(server: Server, database: string): Promise<SavedAccounts> {
  const direct = await accountsWithRights(server, database)
  const members = await membersOf(server, direct.filter(isRole))
  const described: { account: Account; create: string; grants: string[] }[] = []
  const skipped: string[] = []
  const roles = new Set(direct.filter(isRole).map(({ user }) => user))
  for (const account of unique([...direct, ...members])) {
    const said = await describe(server, account)
    const grants = said.flatMap((line) => {
      const statement = parseStatement(line)
      if (statement?.kind === 'member')
        return roles.has(statement.role) && isOf(statement, account) ? [statement.sql] : []
      const reduced =
        statement === null || !isOf(statement, account) ? null : reducedGrant(statement, database)
      return reduced === null ? [] : [reduced]
    })
    // It had an entry for the server's own bookkeeping, or for all databases, but gives nothing on this one.
    if (grants.length === 0) continue
    const create = isRole(account)
      ? `CREATE ROLE ${identifier(account.user)}`
      : await createStatement(server, account)
    const parsed = parseStatement(create)
    if (parsed?.kind !== 'create') skipped.push(shownAccount(account))
    else described.push({ account, create: parsed.sql, grants })
  }
  // Roles first: they are granted to the others.
  const order = described.toSorted((a, b) => Number(isRole(b.account)) - Number(isRole(a.account)))
  return {
    statements: order.flatMap(({ create, grants }) => [create, ...grants]),
    names: order.map(({ account }) => shownAccount(account)),
    skipped,
  }
}

/** Every account with an entry for this database. Routines are compared later: their entries may be written otherwise. */
async function accountsWithRights(server: Server, database: string): Promise<Account[]> {
  const rows = await server.rows(`SELECT 'pattern', Db, User, Host FROM mysql.db ORDER BY User, Host;
SELECT DISTINCT 'exact', Db, User, Host FROM mysql.tables_priv ORDER BY User, Host;
SELECT DISTINCT 'exact', Db, User, Host FROM mysql.columns_priv ORDER BY User, Host;
SELECT DISTINCT 'routine', Db, User, Host FROM mysql.procs_priv ORDER BY User, Host;`)
  return unique(
    rows.flatMap(([how, db = '', user = '', host = '']) => {
      const covers =
        how === 'routine' || (how === 'exact' ? db === database : db !== '%' && patternCovers(db, database))
      return covers ? [{ user, host }] : []
    }),
  ).filter(({ user, host }) => !notOurs.has(user) && !isLoaderName(user) && !/\p{Cc}/u.test(user + host))
}

async function membersOf(server: Server, roles: readonly Account[]): Promise<Account[]> {
  if (roles.length === 0) return []
  const names = new Set(roles.map(({ user }) => user))
  const rows = await server.rows('SELECT Role, User, Host FROM mysql.roles_mapping ORDER BY User, Host;')
  return rows.flatMap(([role = '', user = '', host = '']) =>
    names.has(role) && host !== '' && !notOurs.has(user) && !/\p{Cc}/u.test(user + host)
      ? [{ user, host }]
      : [],
  )
}

/** Lines of `SHOW GRANTS`; none for an account that has entries but does not exist. */
async function describe(server: Server, account: Account): Promise<string[]> {
  const rows = await answerOrNone(server, `SHOW GRANTS FOR ${quotedAccount(account)};`)
  return rows.map(([line = '']) => line)
}

async function createStatement(server: Server, account: Account): Promise<string> {
  // A hash of MySQL's newer kind is not text.
  const asText = server.tools.ofMariadb ? '' : '/*!80017 SET SESSION print_identified_with_as_hex = ON */;\n'
  const [row] = await answerOrNone(server, `${asText}SHOW CREATE USER ${quotedAccount(account)};`)
  return row?.[0] ?? ''
}

async function answerOrNone(server: Server, sql: string): Promise<string[][]> {
  try {
    return await server.rows(sql, { secret: true })
  } catch (error) {
    if (isProblem(error) && noSuchAccount.has(numberOf(error))) return []
    throw error
  }
}

function isOf(statement: Statement, { user, host }: Account): boolean {
  return statement.account.user === user && statement.account.host === host
}

function unique(accounts: readonly Account[]): Account[] {
  return [...new Map(accounts.map((account) => [`${account.user}\0${account.host}`, account])).values()]
}

const noSuchAccount = new Set([1133, 1141, 1396, 1959])

/** Which of the accounts the server has. */
export async function existingAccounts(server: Server, accounts: readonly Account[]): Promise<Account[]> {
  if (accounts.length === 0) return []
  const rows = await server.rows('SELECT User, Host FROM mysql.user;')
  const there = new Set(rows.map(([user = '', host = '']) => `${user}\0${host}`))
  return accounts.filter(({ user, host }) => there.has(`${user}\0${host}`))
}

/** Rights on single routines of a database, which the server takes away together with the routine. */
export async function routineGrants(server: Server, database: string): Promise<string[]> {
  const rows = await server.rows('SELECT DISTINCT User, Host FROM mysql.procs_priv ORDER BY User, Host;')
  const grants: string[] = []
  for (const [user = '', host = ''] of rows) {
    const account = { user, host }
    for (const line of await describe(server, account)) {
      const statement = parseStatement(line)
      if (statement?.kind !== 'grant' || !isOf(statement, account) || !isRoutineGrant(statement)) continue
      const sql = reducedGrant(statement, database)
      if (sql !== null) grants.push(sql)
    }
  }
  return grants
}

function isRoutineGrant(statement: Statement): boolean {
  return statement.kind === 'grant' && !['TABLE', 'DATABASE', 'SERVER'].includes(statement.on)
}
