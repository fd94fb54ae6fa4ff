import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { postgresql } from './index.ts'
import { checksumsOf, databases, makeWorld, roles, stateOf, type PgWorld } from './postgres-world.ts'
import { lookHere } from './restore/here.ts'
import { readSaved } from './restore/saved.ts'
import { createScratch } from './restore/scratch.ts'
import { withServer } from './server.ts'
import { torture, tortureProperties, tortureRoles } from './torture-database.ts'

let world: PgWorld
beforeAll(async () => {
  world = await makeWorld()
})
afterAll(() => world.dispose())

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`

function createDatabase(name: string, options = ''): void {
  world.pg.sql(`CREATE DATABASE ${quoted(name)} ${options}`)
}

describe('a round trip', () => {
  test('brings everything back on a server that has neither the database nor its roles', async () => {
    const { pg } = world
    const name = 'Ma "base" é-1'
    pg.sql(tortureRoles)
    createDatabase(name)
    pg.sql(torture, name)
    pg.sql(tortureProperties.replaceAll('NAME', quoted(name)))
    const before = { state: stateOf(pg, name), sums: checksumsOf(pg, name), roles: roles(pg) }
    expect(before.sums.length).toBeGreaterThan(15)

    const made = await world.produce(world.settings(name), 'torture')
    expect(made.warnings).toEqual([])
    pg.sql(`DROP DATABASE ${quoted(name)}`)
    pg.sql('DROP ROLE app; DROP ROLE "Reader ""x"" é"; DROP ROLE alice;')
    expect(databases(pg)).toEqual([])

    const request = world.request('torture', world.settings(name))
    expect(await world.restore(request)).toEqual({ status: 'success', problem: null, remarks: [] })
    expect(checksumsOf(pg, name)).toEqual(before.sums)
    expect(stateOf(pg, name)).toEqual(before.state)
    expect(roles(pg)).toEqual(before.roles)
    expect(databases(pg)).toEqual([name])
  })
  test('keeps encoding, collation and locale provider, and bytes that are no valid text anywhere else', async () => {
    const { pg } = world
    const kinds: Readonly<Record<string, string>> = {
      latin: "ENCODING LATIN1 LC_COLLATE 'C' LC_CTYPE 'C'",
      ascii: "ENCODING SQL_ASCII LC_COLLATE 'C' LC_CTYPE 'POSIX'",
      icu: "ENCODING UTF8 LOCALE_PROVIDER icu ICU_LOCALE 'fr-FR' LC_COLLATE 'C.UTF-8' LC_CTYPE 'C'",
    }
    const before = Object.entries(kinds).map(([name, options]) => {
      createDatabase(name, `TEMPLATE template0 ${options}`)
      const byte = name === 'ascii' ? String.raw`E'caf\xe9 \xff\xfe'` : "chr(233) || 'té'"
      pg.sql(`CREATE TABLE t (x text PRIMARY KEY); INSERT INTO t VALUES (${byte}), ('b'), ('A')`, name)
      return stateOf(pg, name)
    })
    for (const name of Object.keys(kinds)) {
      await world.produce(world.settings(name), name)
      pg.sql(`DROP DATABASE ${name}`)
      const outcome = await world.restore(world.request(name, world.settings(name)))
      expect(outcome).toEqual({ status: 'success', problem: null, remarks: [] })
    }
    expect(Object.keys(kinds).map((name) => stateOf(pg, name))).toEqual(before)
    expect(
      pg.sql('SELECT encode(x::bytea, \'hex\') FROM t ORDER BY x COLLATE "C" DESC LIMIT 1', 'ascii'),
    ).toBe('636166e920fffe\n')
  })

  test('an empty database comes back empty', async () => {
    const { pg } = world
    createDatabase('hollow')
    const before = stateOf(pg, 'hollow')
    await world.produce(world.settings('hollow'), 'hollow')
    pg.sql('CREATE TABLE later (n int)', 'hollow')
    const outcome = await world.restore(world.request('hollow', world.settings('hollow')))
    expect(outcome.status).toBe('success')
    expect(stateOf(pg, 'hollow')).toBe(before)
  })

  test.each([
    'dbname=evil host=evil',
    'postgresql://evil:1/evil',
    '--help',
    String.raw`a'b\c"d$(false)%s:"db"`,
    ' ÉLAN 日本 🎉 ',
    'é'.repeat(31),
  ])('a database of the name %j is that database and nothing else', async (name) => {
    const { pg } = world
    createDatabase(name)
    pg.sql('CREATE TABLE t AS SELECT 1 AS n', name)
    pg.sql(`COMMENT ON DATABASE ${quoted(name)} IS 'this one'`)
    const before = stateOf(pg, name)
    expect(await postgresql.check(world.settings(name), world.io())).toEqual([])
    await world.produce(world.settings(name), 'named')
    pg.sql(`DROP DATABASE ${quoted(name)}`)
    expect((await world.restore(world.request('named', world.settings(name)))).status).toBe('success')
    expect(stateOf(pg, name)).toBe(before)
    pg.sql(`DROP DATABASE ${quoted(name)}`)
    await rm(join(world.places.archivesDir, 'named.tar'))
    await rm(join(world.places.archivesDir, 'named.info.json'))
  })
})

describe('into another database', () => {
  test('the dump is loaded under the other name, with rights and settings, and the saved one stays as it is', async () => {
    const { pg } = world
    pg.sql('CREATE ROLE owner_of_one LOGIN')
    createDatabase('one', 'OWNER owner_of_one')
    pg.sql('CREATE TABLE t AS SELECT 1 AS n', 'one')
    pg.sql("ALTER DATABASE one SET work_mem = '7MB'; REVOKE CONNECT ON DATABASE one FROM PUBLIC")
    const before = stateOf(pg, 'one')
    await world.produce(world.settings('one'), 'one')
    pg.sql('INSERT INTO t VALUES (2)', 'one')
    const changed = stateOf(pg, 'one')
    const request = world.request('one', world.settings('one'), { target_database: 'Other "one"' })
    expect((await world.restore(request)).status).toBe('success')
    expect(stateOf(pg, 'Other "one"')).toBe(before)
    expect(stateOf(pg, 'one')).toBe(changed)
  })
})

describe('a server without the language of the database', () => {
  test('gives it another one and says so', async () => {
    const { pg } = world
    createDatabase('foreign_language')
    await world.produce(world.settings('foreign_language'), 'foreign_language')
    await withServer(world.settings('foreign_language'), world.io(), async (server) => {
      const found = await readSaved('foreign_language', server.io)
      if (!('saved' in found)) throw new Error('refused')
      const { saved } = found
      const here = await lookHere(server, 'postgres', saved.recipe, 'none')
      const options = { owner: null, keepTablespaces: true }
      const create = (name: string, recipe: Partial<typeof saved.recipe>) =>
        createScratch(server, { ...saved, recipe: { ...saved.recipe, ...recipe } }, here, name, options)
      expect(await create('l1', { collate: 'xx_XX.UTF-8', ctype: 'xx_XX.UTF-8' })).toBe('xx_XX.UTF-8')
      // The server's own language does not go with this encoding.
      expect(await create('l2', { collate: 'xx_XX', ctype: 'xx_XX', encoding: 'LATIN2' })).toBe('xx_XX')
      expect(await create('l3', {})).toBeNull()
    })
    const made = `SELECT datname, pg_encoding_to_char(encoding), datcollate FROM pg_database WHERE datname ~ '^l[123]$' ORDER BY 1`
    expect(pg.sql(made)).toBe('l1|UTF8|C.UTF-8\nl2|LATIN2|C\nl3|UTF8|C.UTF-8\n')
  })
})
