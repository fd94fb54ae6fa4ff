// Whoever wrote a dump may not do with the server what root may: a dump is loaded by an account that is made for it, has
// rights on its own databases alone, and is gone afterwards.
import { randomBytes } from 'node:crypto'
import { isProblem } from '../../../domain/problem.ts'
import { asAccount, type Server } from '../connection.ts'
import { isDenied, numberOf } from '../failure.ts'
import { serverVersion } from '../facts.ts'
import { quotedAccount } from '../grants.ts'
import { grantPattern, isLoaderName, literal } from '../names.ts'

/** What loads the parts of a dump. Where no account could be made, it is the one that is connected. */
export interface Loader {
  /** For tables and their rows. */
  readonly rows: Server
  /** For routines and views. */
  readonly programs: Server
  /** Whether it is an account of its own, so that what is denied to it reached outside. */
  readonly own: boolean
  /** Gives it the rights to make the programs of a database, whoever they belong to; what is to load them there. */
  admit(database: string): Promise<Server>
}

/** A server that was started without its tables of rights, or that may not be written. */
const withoutRights = 1290
const unknownRights = new Set([1064, 1149, 3619, 1221])

/**
 * Lends what makes a loader for the scratch database, which must be there by then. `announce` is told the account's name
 * before it is made.
 */
export async function withLoader<T>(
  server: Server,
  scratch: string,
  announce: (name: string) => Promise<void>,
  work: (make: () => Promise<Loader>) => Promise<T>,
): Promise<T> {
  const name = `bm_load_${randomBytes(4).toString('hex')}`
  const password = `Aa1-${randomBytes(24).toString('hex')}`
  return asAccount(server, name, password, (own) =>
    work(async () => {
      await announce(name)
      return (await makeLoader(server, own, scratch, { name, password })) ?? connected(server)
    }),
  )
}

function connected(server: Server): Loader {
  server.io.log('info', 'no account could be made for loading the dump: the connected one loads it')
  return { rows: server, programs: server, own: false, admit: () => Promise.resolve(server) }
}

/** Null when the connected account may not make one. */
async function makeLoader(
  server: Server,
  own: Server,
  scratch: string,
  { name, password }: { readonly name: string; readonly password: string },
): Promise<Loader | null> {
  const whom = accountsOf(server, name)
  const trusted = await trustsOwners(server)
  const made = whom.map((account) => `CREATE USER ${account} IDENTIFIED BY '${password}';\n`)
  try {
    await server.change(made.join('') + grantAll(scratch, whom), { secret: true })
  } catch (error) {
    if (!isDenied(error) && numberOf(error) !== withoutRights) throw error
    return null
  }
  const programs = trusted ? own : server
  const admit = async (database: string): Promise<Server> => {
    if (programs === server || !(await mayNameOthers(server, whom))) return server
    await server.change(grantAll(database, whom))
    return own
  }
  return { rows: own, programs, own: true, admit }
}

/** Removes the account; it need not be there. */
export async function dropLoader(server: Server, name: string): Promise<void> {
  if (!isLoaderName(name)) return
  try {
    await server.change(
      accountsOf(server, name)
        .map((account) => `DROP USER IF EXISTS ${account};\n`)
        .join(''),
    )
  } catch (error) {
    // Then it could not be made either.
    if (!isDenied(error) && numberOf(error) !== withoutRights) throw error
  }
}

/** Removes accounts whose scratch database is gone: what a killed drill left. */
export async function dropAbandonedLoaders(server: Server): Promise<void> {
  try {
    const rows =
      await server.rows(`SELECT DISTINCT User FROM mysql.db WHERE User LIKE 'bm\\_load\\_%' AND NOT EXISTS (
SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = REPLACE(Db, ${literal('\\')}, '')) ORDER BY User;`)
    for (const [name = ''] of rows) await dropLoader(server, name)
  } catch (error) {
    if (!isProblem(error) || !isDenied(error)) throw error
  }
}

/** By the socket it comes from `localhost`; over the network from wherever we are, which nobody unnamed may shadow. */
function accountsOf({ way }: Server, user: string): string[] {
  const hosts = 'host' in way.by ? ['%', 'localhost'] : ['localhost']
  return hosts.map((host) => quotedAccount({ user, host }))
}

function grantAll(database: string, whom: readonly string[]): string {
  return whom
    .map((account) => `GRANT ALL PRIVILEGES ON ${grantPattern(database)}.* TO ${account};\n`)
    .join('')
}

function grantGlobal(right: string, whom: readonly string[]): string {
  return whom.map((account) => `GRANT ${right} ON *.* TO ${account};\n`).join('')
}

/** A server that writes a binary log, and trusts nobody there, takes routines and triggers from SUPER alone. */
async function trustsOwners(server: Server): Promise<boolean> {
  const [row] = await server.rows('SELECT @@log_bin, @@log_bin_trust_function_creators;')
  return row?.[0] !== '1' || row[1] === '1'
}

/** Lets it make programs that belong to others; false where this server, or the connected account, cannot give that. */
async function mayNameOthers(server: Server, whom: readonly string[]): Promise<boolean> {
  const { ofMariadb, numbers } = await serverVersion(server)
  const [major = 0, minor = 0] = numbers
  const newer = major > 8 || (major === 8 && minor >= 2)
  const ofMysql = newer
    ? 'SET_ANY_DEFINER, ALLOW_NONEXISTENT_DEFINER, SYSTEM_USER'
    : 'SET_USER_ID, SYSTEM_USER'
  try {
    await server.change(grantGlobal(ofMariadb ? 'SET USER' : ofMysql, whom))
    return true
  } catch (error) {
    if (!isDenied(error) && !unknownRights.has(numberOf(error))) throw error
    return false
  }
}
