// Whose rights a drill loads a dump with. Loading runs what is in the dump (checks, generated columns, functions in indexes)
// with the rights of the session's login, and no SET ROLE of a superuser's session is more than a wish: so the drill makes a
// role that may do nothing on the server, and logs in as it.
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'
import { z } from 'zod'
import { identifier, literal } from '../quoting.ts'
import { withServer, type Server } from '../server.ts'
import type { Connection } from '../settings.ts'
import { sqlState, troubleOf } from '../trouble.ts'

/** A role that lives as long as its drill. */
export interface Account {
  readonly name: string
  readonly password: string
  /** Its comment, by which it is known for ours. */
  readonly mark: string
}

const rights = z.object({ superuser: z.boolean(), createrole: z.boolean(), powerful: z.boolean() })

/**
 * `account`: the login can make a role for it. `login`: it cannot, but has no power over the server itself. `none`: a dump must
 * not be loaded.
 */
export async function whoLoads(server: Server, base: string): Promise<'account' | 'login' | 'none'> {
  const [mine] = await server.rows(
    base,
    `SELECT me.rolsuper AS superuser, me.rolcreaterole AS createrole, me.rolbypassrls OR me.rolreplication OR EXISTS (SELECT FROM pg_roles r
    WHERE pg_has_role(me.oid, r.oid, 'MEMBER') AND r.oid <> me.oid AND (r.rolsuper OR r.rolcreaterole OR r.rolname IN
    ('pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files'))) AS powerful FROM pg_roles me WHERE me.rolname = session_user`,
    rights,
  )
  if (mine === undefined) return 'none'
  if (mine.superuser || mine.createrole) return 'account'
  return mine.powerful ? 'none' : 'login'
}

/** Thinks one up; nothing is made. */
export function newAccount(name: string, mark: string): Account {
  return { name, mark, password: randomBytes(24).toString('base64url') }
}

/** Makes the role, whose password the server is not told. The login may then act for it, so that it can give it a database. */
export async function createAccount(
  server: Server,
  base: string,
  { name, password, mark }: Account,
  superuser: boolean,
): Promise<void> {
  const role = identifier(name)
  const settings = ["lc_messages = 'C'", "log_statement = 'none'", "log_min_error_statement = 'panic'"]
  const statements = [
    `CREATE ROLE ${role} WITH LOGIN INHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD ${literal(verifier(password))};`,
    `COMMENT ON ROLE ${role} IS ${literal(mark)};`,
    // The messages are read, and statements of a dump may hold passwords for other servers.
    ...(superuser
      ? settings.map((one) => `ALTER ROLE ${role} SET ${one};`)
      : [`GRANT ${role} TO CURRENT_USER;`]),
  ]
  await server.script(base, statements.join('\n'), { transaction: true, secret: true })
}

/** As PostgreSQL keeps a password: what its owner needs cannot be told from it. */
function verifier(password: string): string {
  const salt = randomBytes(16)
  const rounds = 4096
  const salted = pbkdf2Sync(password, salt, rounds, 32, 'sha256')
  const keyed = (text: string) => createHmac('sha256', salted).update(text).digest()
  const stored = createHash('sha256').update(keyed('Client Key')).digest('base64')
  return `SCRAM-SHA-256$${rounds}:${salt.toString('base64')}$${stored}:${keyed('Server Key').toString('base64')}`
}

/** Lends the server as the account sees it, by the first way that lets it into `database`; null when there is none. */
export async function asAccount<T>(
  server: Server,
  base: string,
  database: string,
  account: Account,
  work: (loader: Server) => Promise<T>,
): Promise<T | null> {
  for (const way of await waysIn(server, base)) {
    const login: Connection = { ...way, user: account.name, password: account.password }
    const done = await withServer(login, server.io, async (loader) =>
      (await letsIn(loader, database, account)) ? { value: await work(loader) } : null,
    )
    if (done !== null) return done.value
  }
  return null
}

const place = z.object({ port: z.string(), addresses: z.string() })

/** The way of the login itself, and, where that is a socket that knows people by their system user, over the network. */
async function waysIn(server: Server, base: string): Promise<Connection[]> {
  const { host, port, socket, password } = server.connection
  const same = { ...(port !== undefined && { port }) }
  if (host !== undefined || (password !== undefined && socket === undefined))
    return [{ ...same, ...(host !== undefined && { host }) }]
  const [found] = await server.rows(
    base,
    `SELECT current_setting('port') AS port, current_setting('listen_addresses') AS addresses`,
    place,
  )
  const own = (found?.addresses ?? '').split(',').map((one) => one.trim())
  const named = own.filter((one) => /^[A-Za-z0-9_.:%-]+$/.test(one) && one !== '0.0.0.0' && one !== '::')
  const hosts = own.join('') === '' ? [] : [...new Set(['127.0.0.1', '::1', ...named])]
  return [
    ...(socket === undefined ? [] : [{ ...same, socket }]),
    ...hosts.map((one) => ({ host: one, port: Number(found?.port ?? port ?? 5432) })),
  ]
}

/** Whether the server takes us for the account, and nobody more. */
async function letsIn(loader: Server, database: string, { name }: Account): Promise<boolean> {
  try {
    const [me] = await loader.rows(
      database,
      'SELECT session_user::text AS name, rolsuper AS superuser FROM pg_roles WHERE rolname = session_user',
      z.object({ name: z.string(), superuser: z.boolean() }),
    )
    return me?.name === name && !me.superuser
  } catch (error) {
    const kind = (await troubleOf(error, loader, database))?.kind
    if (kind !== 'login_refused' && kind !== 'unreachable') throw error
    return false
  }
}

/** Removes the account if it is there and ours; it can be known by its mark only. */
export async function dropAccount(
  server: Server,
  base: string,
  { name, mark }: Pick<Account, 'name' | 'mark'>,
): Promise<void> {
  const [found] = await server.rows(
    base,
    `SELECT shobj_description(oid, 'pg_authid') AS mark FROM pg_roles WHERE rolname = ${literal(name)}`,
    z.object({ mark: z.string().nullable() }),
  )
  if (found?.mark !== mark) return
  const sessions = `SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE usename = ${literal(name)} \\g /dev/null`
  try {
    await server.script(base, `${sessions}\nDROP ROLE IF EXISTS ${identifier(name)};`)
  } catch (error) {
    // dependent_objects_still_exist
    if (sqlState(error) !== '2BP01') throw error
    server.io.log('err', `the role ${name} stays: something belongs to it`)
  }
}
