// One machine for the tests of this source: folders, an io, databases with everything that is hard to keep, and programs
// that can be made to fail. Tests only.
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestMariadb } from '../../../test/support/mariadb.ts'
import type { Produced } from '../../domain/helper-protocol.ts'
import type { RestoreOptions, RestoreOutcome, RestorePlan } from '../../domain/restore.ts'
import { anOrder, watchedIo, type WatchedIo } from '../contract.ts'
import { carryOut } from '../restore/transaction.ts'
import type { Places, SourceIo } from '../source.ts'
import { mysql } from './index.ts'
import { identifier, literal } from './names.ts'
import type { Settings } from './settings.ts'

export interface World {
  readonly folder: string
  readonly places: Places
  /** A fresh io whose programs are looked for in {@link World.bin} first. */
  io(overrides?: Partial<SourceIo>): WatchedIo
  /** Folder of stand-ins. */
  readonly bin: string
  /** Puts a shell script in front of a program; `$REAL` is the real one. Gives a function that removes it. */
  standIn(program: string, script: string): () => void
  settings(database: string, more?: Readonly<Record<string, unknown>>): Settings
  produce(settings: Settings, name?: string, io?: SourceIo): Promise<Produced>
  /** Plans and carries out; refusals are thrown. `steps`: what became of each, as `code:state`. */
  restore(settings: Settings, options?: RestoreOptions, name?: string, io?: SourceIo): Promise<Restored>
  /** Names in the archives directory. */
  archives(): string[]
  dispose(): Promise<void>
}

export interface Restored extends RestoreOutcome {
  readonly plan: RestorePlan
  readonly steps: readonly string[]
  readonly operation: string
}

const system = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

export async function makeWorld(server: TestMariadb): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), 'bm-mysql-'))
  const places: Places = {
    archivesDir: join(folder, 'archives'),
    dataDir: join(folder, 'data'),
    yunohost: [join(folder, 'no-yunohost')],
    systemRoot: folder,
  }
  const bin = join(folder, 'bin')
  for (const path of [places.archivesDir, places.dataDir, bin]) mkdirSync(path)
  const io = (overrides: Partial<SourceIo> = {}): WatchedIo => {
    const plain = watchedIo(places, overrides.signal)
    return {
      ...plain,
      run: (file, args, options = {}) =>
        plain.run(file, args, { ...options, env: { PATH: `${bin}:${system}`, ...options.env } }),
      ...overrides,
    }
  }
  const settings = (database: string, more: Readonly<Record<string, unknown>> = {}): Settings =>
    mysql.settings.parse({
      database,
      ...('host' in more || 'port' in more ? {} : { socket: server.socket }),
      ...more,
    })
  return {
    folder,
    places,
    bin,
    io,
    standIn: (program, script) => {
      const path = join(bin, program)
      writeFileSync(path, `#!/bin/bash\nREAL=/usr/bin/${program}\n${script}\n`)
      chmodSync(path, 0o755)
      return () => rmSync(path)
    },
    settings,
    produce: (given, name = 'made', own = io()) => mysql.produce(given, anOrder(name), own),
    restore: async (given, options = {}, name = 'made', own = io()) => {
      const request = { archive: name, settings: given, options }
      const plan = await mysql.restore.plan(request, own)
      if (plan.refusals.length > 0) throw new Error(JSON.stringify(plan.refusals))
      const states = plan.steps.map(({ code }) => `${code}:waiting`)
      const outcome = await carryOut(mysql, request, plan, own, (index, state) => {
        states[index] = `${plan.steps[index]?.code ?? ''}:${state}`
      })
      return { ...outcome, plan, steps: states, operation: own.operation }
    },
    archives: () => readdirSync(places.archivesDir).toSorted(),
    dispose: () => rm(folder, { recursive: true, force: true }),
  }
}

/** Makes a database with one of everything. It refers to accounts that do not exist, and its events are switched on. */
export function makeTorture(server: TestMariadb, name: string): void {
  server.sql(`DROP DATABASE IF EXISTS ${identifier(name)};
CREATE DATABASE ${identifier(name)} CHARACTER SET latin1 COLLATE latin1_general_ci;
USE ${identifier(name)};
${torture}`)
}

const torture = readFileSync(join(import.meta.dirname, 'testing-torture.sql'), 'utf8')

/** Everything that can be seen of a database, by what it is. Equal for databases that are equal, whatever their names. */
export function stateOf(server: TestMariadb, name: string): Record<string, string> {
  const state: Record<string, string> = {}
  const lines = (sql: string): string[] =>
    server
      .sql(sql)
      .split('\n')
      .filter((line) => line !== '')
  const neutral = (text: string): string => text.replaceAll(identifier(name), '`DB`').replaceAll(name, 'DB')
  const schema = literal(name)
  state['database'] = lines(
    `SELECT DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ${schema};`,
  ).join()
  const found = lines(
    `SELECT HEX(TABLE_NAME), TABLE_TYPE FROM information_schema.TABLES WHERE TABLE_SCHEMA = ${schema} ORDER BY TABLE_NAME;`,
  ).map((line) => line.split('\t'))
  for (const [hex = '', type = ''] of found) {
    const table = Buffer.from(hex, 'hex').toString('utf8')
    const full = `${identifier(name)}.${identifier(table)}`
    state[`${type} ${table}`] = neutral(server.sql(`SHOW CREATE TABLE ${full};`))
    if (type === 'BASE TABLE')
      state[`rows of ${table}`] = neutral(server.sql(`CHECKSUM TABLE ${full} EXTENDED;`))
    if (type === 'SYSTEM VERSIONED') {
      state[`rows of ${table}`] = server.sql(
        `SET time_zone = '+00:00'; SELECT *, row_start, row_end FROM ${full} FOR SYSTEM_TIME ALL ORDER BY row_start, row_end;`,
      )
    }
  }
  const all = (
    kind: string,
    sql: string,
    show: (row: readonly string[]) => string,
    columns: readonly number[],
  ): void => {
    for (const row of lines(sql).map((line) => line.split('\t'))) {
      const [shown = ''] = server.sql(show(row)).split('\n')
      state[`${kind} ${row.join(' ')}`] = neutral(
        columns.map((column) => shown.split('\t')[column]).join('|'),
      )
    }
  }
  const one = (kind: string) => (row: readonly string[]) =>
    `SHOW CREATE ${row[1] ?? kind} ${identifier(name)}.${identifier(row[0] ?? '')};`
  all(
    'trigger',
    `SELECT TRIGGER_NAME, 'TRIGGER', ACTION_ORDER FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = ${schema};`,
    one('TRIGGER'),
    [1, 2, 3, 4],
  )
  all(
    'event',
    `SELECT EVENT_NAME, 'EVENT', STATUS FROM information_schema.EVENTS WHERE EVENT_SCHEMA = ${schema};`,
    one('EVENT'),
    [1, 2, 3, 4],
  )
  all(
    'routine',
    `SELECT ROUTINE_NAME, ROUTINE_TYPE FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = ${schema} AND ROUTINE_TYPE NOT LIKE 'PACKAGE%';`,
    one('PROCEDURE'),
    [1, 2, 3, 4],
  )
  state['grants on routines'] = neutral(
    server.sql(
      'SELECT User, Host, Routine_name, Routine_type, Proc_priv, Db FROM mysql.procs_priv ORDER BY 1, 2, 3, 4;',
    ),
  )
  return state
}

/** Names of all databases and accounts: what must not grow. */
export function inventory(server: TestMariadb): string {
  return server.sql(
    'SHOW DATABASES; SELECT User, Host FROM mysql.user ORDER BY 1, 2; SELECT @@GLOBAL.max_allowed_packet;',
  )
}
