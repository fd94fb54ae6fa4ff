// The archive's `users.sql`: what it may say, and what of it a restore executes when.
import {
  grantScript,
  oracleMode,
  parseStatement,
  plainMode,
  quotedAccount,
  reducedGrant,
  shownAccount,
  type Account,
  type Statement,
} from '../grants.ts'

/** Its statements; null when one of them is not known, or gives something beyond the database. Pure. */
export function parseUsers(text: string, database: string): Statement[] | null {
  const lines = text.split('\n').filter((line) => line !== '' && line !== oracleMode && line !== plainMode)
  const statements: Statement[] = []
  const created = new Set<string>()
  for (const line of lines) {
    const statement = parseStatement(line)
    if (statement === null) return null
    if (statement.kind === 'create') created.add(quotedAccount(statement.account))
    else if (!created.has(quotedAccount(statement.account))) return null
    if (statement.kind === 'member' && !created.has(quotedAccount({ user: statement.role, host: '' })))
      return null
    if (statement.kind === 'grant' && reducedGrant(statement, database) === null) return null
    statements.push(statement)
  }
  return statements
}

/** The accounts that the statements create. */
export function accountsIn(statements: readonly Statement[]): Account[] {
  return statements.flatMap((statement) => (statement.kind === 'create' ? [statement.account] : []))
}

export interface AccountScripts {
  /** Creates the accounts and gives them what they may do on all of the database. */
  readonly first: string
  /** Rights on single tables and routines, which must be there before. */
  readonly afterwards: string
}

/**
 * What brings the accounts `wanted` back for the database `target`. A role that is not among them is not given to
 * anybody: here it may mean more.
 */
export function accountScripts(
  statements: readonly Statement[],
  wanted: readonly Account[],
  names: { readonly database: string; readonly target: string },
): AccountScripts {
  const keys = new Set(wanted.map(quotedAccount))
  const first: string[] = []
  const afterwards: string[] = []
  for (const statement of statements) {
    if (!keys.has(quotedAccount(statement.account))) continue
    if (statement.kind === 'create') first.push(statement.sql)
    else if (statement.kind === 'member') {
      if (keys.has(quotedAccount({ user: statement.role, host: '' }))) first.push(statement.sql)
    } else {
      const sql = reducedGrant(statement, names.database, names.target)
      if (sql !== null) (statement.on === 'DATABASE' ? first : afterwards).push(sql)
    }
  }
  return { first: grantScript(first), afterwards: grantScript(afterwards) }
}

/** For people. */
export function shownAccounts(accounts: readonly Account[]): string {
  return accounts.map(shownAccount).join(', ')
}
