// One machine with a PostgreSQL server for the tests of this source: folders, an io, and programs that can be made to
// misbehave. Tests only.
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startPostgres, type TestPostgres } from '../../../test/support/postgres.ts'
import type { Produced } from '../../domain/helper-protocol.ts'
import type { RestoreOptions, RestoreOutcome } from '../../domain/restore.ts'
import type { Run } from '../../sys/process.ts'
import { anOrder, watchedIo, type WatchedIo } from '../contract.ts'
import { carryOut } from '../restore/transaction.ts'
import type { Places, RestoreRequest, SourceIo } from '../source.ts'
import { postgresql } from './index.ts'
import type { Settings } from './settings.ts'

export interface PgWorld {
  readonly pg: TestPostgres
  readonly folder: string
  readonly places: Places
  /** Over the socket, as the server's own user. */
  settings(database: string, more?: Readonly<Record<string, unknown>>): Settings
  io(change?: Partial<SourceIo>): WatchedIo
  produce(settings: Settings, name?: string, io?: SourceIo): Promise<Produced>
  request(archive: string, settings: Settings, options?: RestoreOptions): RestoreRequest<Settings>
  /** Plans, expects no refusal, and carries out. */
  restore(request: RestoreRequest<Settings>, io?: SourceIo): Promise<RestoreOutcome>
  /** Names in the archives directory. */
  archives(): string[]
  dispose(): Promise<void>
}

/** Empty folders, and a server: a new one, or one that belongs to somebody else. */
export async function makeWorld(shared?: TestPostgres): Promise<PgWorld> {
  const folder = await mkdtemp(join(tmpdir(), 'bm-pg-world-'))
  chmodSync(folder, 0o755)
  const places: Places = {
    archivesDir: join(folder, 'archives'),
    dataDir: join(folder, 'data'),
    yunohost: [join(folder, 'no-yunohost')],
    systemRoot: '',
  }
  for (const path of [places.archivesDir, places.dataDir]) mkdirSync(path)
  const pg = shared ?? (await startPostgres())
  const io = (change: Partial<SourceIo> = {}): WatchedIo => ({
    ...watchedIo(places, change.signal),
    ...change,
  })
  return {
    pg,
    folder,
    places,
    io,
    settings: (database, more = {}) =>
      postgresql.settings.parse({ database, socket: pg.socketDir, port: pg.port, ...more }),
    produce: (settings, name = 'made', own = io()) => postgresql.produce(settings, anOrder(name), own),
    request: (archive, settings, options = {}) => ({ archive, settings, options }),
    restore: async (request, own = io()) => {
      const plan = await postgresql.restore.plan(request, io())
      if (plan.refusals.length > 0) throw new Error(`refused: ${JSON.stringify(plan.refusals)}`)
      return carryOut(postgresql, request, plan, own, () => undefined)
    },
    archives: () => readdirSync(places.archivesDir),
    dispose: async () => {
      if (pg !== shared) await pg.dispose()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** A `run` that finds these programs (bash scripts; `$REAL` is the real one's path) before those of the system. */
export function withPrograms(world: PgWorld, programs: Readonly<Record<string, string>>): (run: Run) => Run {
  const folder = join(world.folder, `bin-${readdirSync(world.folder).length}`)
  mkdirSync(folder)
  for (const [name, script] of Object.entries(programs)) {
    const path = join(folder, name)
    writeFileSync(path, `#!/bin/bash\nREAL=${join(world.pg.bin, name)}\n${script}\n`)
    chmodSync(path, 0o755)
  }
  const path = `${folder}:/usr/sbin:/usr/bin:/sbin:/bin`
  return (run) =>
    (file, args, options = {}) =>
      run(file, args, { ...options, env: { ...options.env, PATH: path } })
}

/** Shell: goes on as the real program when it is not asked for a dump. */
export const realUnlessDumping = 'case " $* " in *" --format=custom "*) ;; *) exec "$REAL" "$@" ;; esac'

/** A program that was run, whoever's user it was given to. */
export function programOf(file: string, args: readonly string[]): string {
  return file === 'setpriv' ? (args[args.indexOf('--') + 1] ?? '') : file
}

/** Everything that can be seen of a database by other means than ours: rows, objects, rights, and the database itself. */
export function stateOf(pg: TestPostgres, database: string): string {
  const flags = ['-h', pg.socketDir, '-p', String(pg.port), '-U', 'postgres']
  const target = `dbname='${database.replaceAll(/[\\']/g, String.raw`\$&`)}'`
  const dump = execFileSync(
    'setpriv',
    [
      '--reuid',
      'postgres',
      '--regid',
      'postgres',
      '--init-groups',
      join(pg.bin, 'pg_dump'),
      '--schema-only',
      ...flags,
      '-d',
      target,
    ],
    { cwd: '/', maxBuffer: 1 << 28 },
  ).toString('latin1')
  const text = dump.replaceAll(/^\\(?:un)?restrict .*\n/gm, '')
  return [...propertiesOf(pg, database), ...checksumsOf(pg, database), text].join('\n')
}

/** One line per table: its name, its number of rows, and a checksum of their text; large objects and sequences as well. */
export function checksumsOf(pg: TestPostgres, database: string): string[] {
  const tables = pg
    .sql(
      `SELECT format('%I.%I', nspname, relname) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
      WHERE relkind IN ('r', 'm') AND relispopulated AND nspname !~ '^pg_' AND nspname <> 'information_schema' ORDER BY 1`,
      database,
    )
    .split('\n')
    .filter((line) => line !== '')
  const sums = tables.map(
    (table) =>
      `SELECT '${table.replaceAll("'", "''")}', count(*), md5(string_agg(md5("the row"::text), '' ORDER BY "the row"::text COLLATE "C"))
      FROM ONLY ${table} "the row";`,
  )
  const objects = `SELECT 'lo', m.oid, pg_get_userbyid(lomowner), lomacl, obj_description(m.oid, 'pg_largeobject'), md5(lo_get(m.oid))
    FROM pg_largeobject_metadata m ORDER BY m.oid; SELECT schemaname, sequencename, last_value FROM pg_sequences ORDER BY 1, 2;`
  return pg.sql([...sums, objects].join('\n'), database).split('\n')
}

/** What a dump does not hold: owner, encoding, languages, rights, settings and comment. */
function propertiesOf(pg: TestPostgres, database: string): string[] {
  const name = `'${database.replaceAll("'", "''")}'`
  return pg
    .sql(
      `SET standard_conforming_strings = on;
      SELECT pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datlocprovider, datcollate, datctype, daticulocale,
      datconnlimit, datallowconn, datacl::text, shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = ${name};
      SELECT r.rolname, setconfig FROM pg_db_role_setting s JOIN pg_database d ON d.oid = setdatabase LEFT JOIN pg_roles r ON r.oid = setrole
      WHERE datname = ${name} ORDER BY 1 NULLS FIRST;`,
    )
    .split('\n')
}

/** Names of all databases but those that every server has. */
export function databases(pg: TestPostgres): string[] {
  const all = pg.sql('SELECT datname FROM pg_database ORDER BY 1').split('\n')
  return all.filter((name) => !['', 'postgres', 'template0', 'template1'].includes(name))
}

/** Roles with everything that is known of them, passwords included. */
export function roles(pg: TestPostgres): string {
  return pg.sql(
    `SELECT rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls, rolconnlimit,
    rolpassword, rolvaliduntil, shobj_description(oid, 'pg_authid'), (SELECT array_agg(g.rolname || m.admin_option::text ORDER BY 1)
    FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = a.oid),
    (SELECT setconfig FROM pg_db_role_setting WHERE setdatabase = 0 AND setrole = a.oid)
    FROM pg_authid a WHERE rolname !~ '^pg_' ORDER BY 1`,
  )
}
