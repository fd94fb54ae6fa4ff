import { truncateSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startMariadb, type TestMariadb } from '../../../../test/support/mariadb.ts'
import { backupInfo } from '../../../archive/backup-info.ts'
import { openDraft } from '../../../archive/draft.ts'
import { mysqlPart } from '../../../archive/format.ts'
import { leadMembers } from '../../../archive/lead.ts'
import { tarFile } from '../../../archive/tar-header.ts'
import type { RestorePlan } from '../../../domain/restore.ts'
import { planDigest } from '../../../sys/plan-digest.ts'
import { anOrder } from '../../contract.ts'
import { mysql } from '../index.ts'
import { inventory, makeWorld, stateOf, type World } from '../mysql-world.ts'
import type { Settings } from '../settings.ts'

let server: TestMariadb
let world: World
beforeAll(async () => {
  server = await startMariadb()
})
afterAll(() => server.dispose())
beforeEach(async () => {
  world = await makeWorld(server)
  server.sql(`CREATE DATABASE shop; CREATE TABLE shop.t (a INT PRIMARY KEY); INSERT INTO shop.t VALUES (1);
CREATE USER clerk@localhost IDENTIFIED BY 'x'; GRANT ALL ON shop.* TO clerk@localhost;`)
  await world.produce(world.settings('shop'))
})
afterEach(async () => {
  server.sql(
    'DROP DATABASE IF EXISTS other; DROP DATABASE IF EXISTS shop; DROP USER IF EXISTS clerk@localhost;',
  )
  await world.dispose()
})

const planOf = (
  options = {},
  settings: Settings = world.settings('shop'),
  archive = 'made',
  io = world.io(),
): Promise<RestorePlan> => mysql.restore.plan({ archive, settings, options }, io)

/** A small archive of a database with something changed in it. */
async function anArchive(change: {
  readonly recipe?: Readonly<Record<string, string>>
  readonly info?: Readonly<Record<string, unknown>>
  readonly member?: string
}): Promise<void> {
  const draft = await openDraft(world.places.archivesDir, 'odd')
  const dump = Buffer.from('-- Dump completed\n')
  const recipe = {
    format: '2\n',
    database: 'shop\n',
    dump: 'shop.sql\n',
    charset: 'utf8mb4\n',
    collation: 'utf8mb4_bin\n',
    tables: '0\n',
    ...change.recipe,
  }
  const extra = {
    database: 'shop',
    dump_parts: { tables: dump.length, routines: 0, views: 0, events: 0 },
    longest_line: 20,
    ...change.info,
  }
  draft.write(leadMembers({ info: {}, csv: [], part: mysqlPart, recipe, mtime: 1 }))
  draft.write(tarFile(change.member ?? 'data/mysql/shop.sql', dump, 1, 0o600))
  await draft.seal(() =>
    backupInfo(anOrder('odd'), { type: 'mysql', yunohostVersion: null, tools: {}, extra }),
  )
  await draft.publish(Buffer.from('{}'))
  await draft.discard()
}

describe('a plan', () => {
  test('says what will be done, and what is saved before, without the password', async () => {
    server.sql("CREATE USER admin@localhost IDENTIFIED BY 'secret'; GRANT ALL ON *.* TO admin@localhost;")
    const plan = await planOf({}, world.settings('shop', { user: 'admin', password: 'secret' }))
    server.sql('DROP USER admin@localhost;')
    expect(plan).toEqual({
      archive: 'made',
      type: 'mysql',
      target: 'shop',
      steps: [
        { code: 'load_database', facts: { database: 'shop' } },
        { code: 'check_database', facts: { database: 'shop' } },
        { code: 'swap_database', facts: { database: 'shop' } },
        { code: 'remove_former', facts: { path: 'shop' } },
      ],
      warnings: [
        { code: 'role_exists', facts: { roles: "'clerk'@'localhost'" } },
        { code: 'clients_cut_off', facts: { database: 'shop' } },
      ],
      refusals: [],
      replaces: true,
      safety: { type: 'mysql', settings: { database: 'shop', user: 'admin', socket: server.socket } },
      bytes: expect.any(Number) as number,
      files: null,
    })
  })

  test('is the same plan when it is made again, and changes nothing', async () => {
    const before = [stateOf(server, 'shop'), inventory(server), world.archives()]
    expect(planDigest(await planOf())).toBe(planDigest(await planOf()))
    expect([stateOf(server, 'shop'), inventory(server), world.archives()]).toEqual(before)
  })

  test('for another name replaces nothing, and makes accounts that are not there', async () => {
    server.sql('DROP USER clerk@localhost;')
    const plan = await planOf({ target_database: 'other' })
    expect(plan).toMatchObject({ target: 'other', replaces: false, safety: null, refusals: [] })
    expect(plan.steps.map(({ code, facts }) => [code, facts['roles']])).toEqual([
      ['load_database', undefined],
      ['check_database', undefined],
      ['create_role', "'clerk'@'localhost'"],
      ['swap_database', undefined],
    ])
    expect(plan.warnings).toEqual([{ code: 'nothing_to_replace', facts: {} }])
  })

  test('warns when the server here is older', async () => {
    await anArchive({ info: { server_version: '11.4.2-MariaDB' } })
    const { warnings } = await planOf({}, world.settings('shop'), 'odd')
    expect(warnings).toEqual([
      {
        code: 'server_older',
        facts: { archived: '11.4.2-MariaDB', installed: expect.stringContaining('10.') as string },
      },
      { code: 'clients_cut_off', facts: { database: 'shop' } },
    ])
  })
})

describe('a plan is refused', () => {
  const refusals = async (...given: Parameters<typeof planOf>) =>
    (await planOf(...given)).refusals.map(({ field, code }) => `${field}: ${code}`)

  test.each([
    ['mysql', 'name_reserved'],
    ['INFORMATION_SCHEMA', 'name_reserved'],
    ['a\nb', 'control_characters'],
    ['emoji 🎉', 'database_name_invalid'],
    ['space ', 'database_name_invalid'],
  ])('for the target %j', async (target, code) => {
    expect(await refusals({ target_database: target })).toEqual([`target_database: ${code}`])
  })

  test('when the archive is cut off, or a part of it is missing', async () => {
    await anArchive({ recipe: { charset: '' } })
    expect(await refusals({}, world.settings('shop'), 'odd')).toEqual(['archive: archive_damaged'])
    truncateSync(join(world.places.archivesDir, 'made.tar'), 10_240)
    expect(await refusals()).toEqual(['archive: archive_damaged'])
  })

  test.each<[string, Parameters<typeof anArchive>[0], string]>([
    ['of a newer format', { info: { format: 3 } }, 'archive_newer'],
    ['with a newer recipe', { recipe: { format: '3\n' } }, 'archive_newer'],
    ['of another kind', { info: { type: 'postgresql' } }, 'unknown_type'],
    ['with a member that climbs out', { member: 'data/mysql/../../../etc/cron.d/x' }, 'archive_unsafe'],
    ['without its dump', { member: 'data/mysql/other.sql' }, 'archive_damaged'],
    [
      'whose parts do not add up',
      { info: { dump_parts: { tables: 1, routines: 0, views: 0, events: 0 } } },
      'archive_damaged',
    ],
    ['that would be restored over the server itself', { recipe: { database: 'mysql\n' } }, 'archive_damaged'],
    [
      'whose character set is a statement',
      { recipe: { charset: 'x; DROP DATABASE shop\n' } },
      'archive_damaged',
    ],
    [
      'whose accounts get more than the database',
      {
        recipe: {
          'users.sql': 'CREATE USER IF NOT EXISTS `a`@`%`;\nGRANT ALL PRIVILEGES ON *.* TO `a`@`%`;\n',
        },
      },
      'archive_damaged',
    ],
    [
      'whose users.sql does something else',
      { recipe: { 'users.sql': 'DROP DATABASE shop;\n' } },
      'archive_damaged',
    ],
  ])('for an archive %s', async (_, change, code) => {
    await anArchive(change)
    expect(await refusals({}, world.settings('shop'), 'odd')).toEqual([`archive: ${code}`])
  })

  test('when the server cannot be reached, refuses the login, or gives too few rights', async () => {
    expect(await refusals({}, world.settings('shop', { socket: join(world.folder, 'no') }))).toEqual([
      'config.host: server_unreachable',
    ])
    expect(await refusals({}, world.settings('shop', { user: 'clerk', password: 'wrong' }))).toEqual([
      'config.password: login_refused',
    ])
    expect(await refusals({}, world.settings('shop', { user: 'clerk', password: 'x' }))).toEqual([
      'config.user: permission_denied',
    ])
  })

  test('when the programs are missing', async () => {
    const io = world.io()
    const bare = world.io({
      run: (file, args, options) => io.run(file, args, { ...options, env: { PATH: world.bin } }),
    })
    expect(await refusals({}, world.settings('shop'), 'made', bare)).toEqual(['type: tool_missing'])
  })

  test('when tables of other databases point into this one', async () => {
    server.sql('CREATE DATABASE other; CREATE TABLE other.o (a INT, FOREIGN KEY (a) REFERENCES shop.t (a));')
    const { refusals } = await planOf()
    expect(refusals).toEqual([
      { field: 'target_database', code: 'database_referenced', facts: { tables: 'other.o' } },
    ])
  })
})

test('an archive remembers how its server was reached, without the password', async () => {
  const made = await world.produce(world.settings('shop', { user: 'clerk' }), 'second')
  expect(mysql.restore.recall({ info: made.info, backupInfo: made.backupInfo })).toEqual({
    database: 'shop',
    user: 'clerk',
    socket: server.socket,
  })
  expect(mysql.restore.recall({ info: made.info, backupInfo: null })).toBeNull()
})
