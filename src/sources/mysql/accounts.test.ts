import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startMariadb, type TestMariadb } from '../../../test/support/mariadb.ts'
import { makeWorld, type World } from './mysql-world.ts'

let server: TestMariadb
let world: World
beforeAll(async () => {
  server = await startMariadb()
})
afterAll(() => server.dispose())
beforeEach(async () => {
  world = await makeWorld(server)
  server.sql(`CREATE DATABASE my_app; USE my_app; CREATE TABLE t (a INT, b INT); CREATE PROCEDURE p() SELECT 1;
CREATE USER owner@localhost IDENTIFIED BY 'pass''word'; GRANT ALL ON my_app.* TO owner@localhost WITH GRANT OPTION; GRANT FILE ON *.* TO owner@localhost;
CREATE USER part@'10.0.%' IDENTIFIED BY 'x' REQUIRE SSL WITH MAX_USER_CONNECTIONS 3;
GRANT SELECT (a), INSERT ON my_app.t TO part@'10.0.%'; GRANT EXECUTE ON PROCEDURE my_app.p TO part@'10.0.%'; GRANT ALL ON elsewhere.* TO part@'10.0.%';
CREATE USER wide@localhost; GRANT SELECT ON \`my\\_%\`.* TO wide@localhost;
CREATE USER almighty@localhost; GRANT ALL ON *.* TO almighty@localhost; GRANT SELECT ON \`%\`.* TO almighty@localhost;
CREATE USER neighbour@localhost; GRANT ALL ON \`my\\_app2\`.* TO neighbour@localhost;
CREATE ROLE readers; GRANT SELECT ON my_app.* TO readers; CREATE USER reader@localhost IDENTIFIED VIA unix_socket; GRANT readers TO reader@localhost;
SET DEFAULT ROLE readers FOR reader@localhost;`)
})
const drop = (): string =>
  server.sql(`DROP DATABASE IF EXISTS my_app; DROP DATABASE IF EXISTS other;
DROP USER IF EXISTS owner@localhost, part@'10.0.%', wide@localhost, almighty@localhost, neighbour@localhost, reader@localhost; DROP ROLE IF EXISTS readers;`)
afterEach(async () => {
  drop()
  await world.dispose()
})

const recipe = (file: string): string =>
  execFileSync('tar', [
    '-xOf',
    join(world.places.archivesDir, 'made.tar'),
    `data/mysql/.backupmanager/${file}`,
  ]).toString()
const grantsOf = (account: string): string[] =>
  server
    .sql(`SHOW GRANTS FOR ${account};`)
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('GRANT USAGE'))

describe('the accounts of a database', () => {
  test('are in the archive with what they may do on it, and nothing beyond', async () => {
    const made = await world.produce(world.settings('my_app'))
    expect(made.warnings).toEqual([])
    const statements = recipe('users.sql').split('\n')
    const own = server.sql("SELECT PASSWORD('pass''word');").trim()
    expect(statements).toEqual([
      'CREATE ROLE IF NOT EXISTS `readers`;',
      'GRANT SELECT ON `my\\_app`.* TO `readers`;',
      `CREATE USER IF NOT EXISTS \`owner\`@\`localhost\` IDENTIFIED BY PASSWORD '${own}';`,
      'GRANT ALL PRIVILEGES ON `my\\_app`.* TO `owner`@`localhost` WITH GRANT OPTION;',
      'CREATE USER IF NOT EXISTS `wide`@`localhost`;',
      'GRANT SELECT ON `my\\_app`.* TO `wide`@`localhost`;',
      expect.stringMatching(
        /^CREATE USER IF NOT EXISTS `part`@`10\.0\.%` .* REQUIRE SSL WITH MAX_USER_CONNECTIONS 3;$/,
      ) as string,
      'GRANT SELECT (`a`), INSERT ON `my_app`.`t` TO `part`@`10.0.%`;',
      'GRANT EXECUTE ON PROCEDURE `my_app`.`p` TO `part`@`10.0.%`;',
      'CREATE USER IF NOT EXISTS `reader`@`localhost` IDENTIFIED VIA unix_socket;',
      'GRANT `readers` TO `reader`@`localhost`;',
      'SET DEFAULT ROLE `readers` FOR `reader`@`localhost`;',
      '',
    ])
    expect(recipe('users')).toBe(
      "'readers'@''\n'owner'@'localhost'\n'wide'@'localhost'\n'part'@'10.0.%'\n'reader'@'localhost'\n",
    )
  })

  test('can be made by the server’s own client, twice', async () => {
    await world.produce(world.settings('my_app'))
    server.sql(
      "DROP USER owner@localhost, part@'10.0.%', wide@localhost, reader@localhost; DROP ROLE readers;",
    )
    server.sql(recipe('users.sql'))
    server.sql(recipe('users.sql'))
    expect(grantsOf("part@'10.0.%'")).toHaveLength(2)
  })

  test('come back with their passwords and rights when they are gone', async () => {
    await world.produce(world.settings('my_app'))
    const before = server.sql(
      "SHOW CREATE USER owner@localhost; SHOW CREATE USER part@'10.0.%'; SHOW CREATE USER reader@localhost;",
    )
    drop()
    const restored = await world.restore(world.settings('my_app'))
    expect(restored.steps).toContain('create_role:done')
    expect(
      server.sql(
        "SHOW CREATE USER owner@localhost; SHOW CREATE USER part@'10.0.%'; SHOW CREATE USER reader@localhost;",
      ),
    ).toBe(before)
    expect(grantsOf('owner@localhost')).toEqual([
      'GRANT ALL PRIVILEGES ON `my\\\\_app`.* TO `owner`@`localhost` WITH GRANT OPTION',
    ])
    expect(grantsOf("part@'10.0.%'")).toEqual([
      'GRANT SELECT (`a`), INSERT ON `my_app`.`t` TO `part`@`10.0.%`',
      'GRANT EXECUTE ON PROCEDURE `my_app`.`p` TO `part`@`10.0.%`',
    ])
    expect(grantsOf('reader@localhost')).toContain('GRANT `readers` TO `reader`@`localhost`')
  })

  test('that exist stay as they are', async () => {
    await world.produce(world.settings('my_app'))
    server.sql(
      "SET PASSWORD FOR owner@localhost = PASSWORD('newer'); REVOKE ALL ON my_app.* FROM owner@localhost; DROP USER wide@localhost;",
    )
    const before = server.sql('SHOW GRANTS FOR owner@localhost;')
    const restored = await world.restore(world.settings('my_app'))
    expect(restored.status).toBe('success')
    expect(server.sql('SHOW GRANTS FOR owner@localhost;')).toBe(before)
    expect(grantsOf('wide@localhost')).toEqual(['GRANT SELECT ON `my\\\\_app`.* TO `wide`@`localhost`'])
  })

  test('get their rights on the other database when it is restored under another name', async () => {
    await world.produce(world.settings('my_app'))
    server.sql("DROP USER part@'10.0.%', wide@localhost;")
    expect(await world.restore(world.settings('my_app'), { target_database: 'other' })).toMatchObject({
      status: 'success',
    })
    expect(grantsOf('wide@localhost')).toEqual(['GRANT SELECT ON `other`.* TO `wide`@`localhost`'])
    expect(grantsOf("part@'10.0.%'")).toEqual([
      'GRANT SELECT (`a`), INSERT ON `other`.`t` TO `part`@`10.0.%`',
      'GRANT EXECUTE ON PROCEDURE `other`.`p` TO `part`@`10.0.%`',
    ])
  })

  test('are gone again when the restore fails behind them, and their hashes are nowhere', async () => {
    await world.produce(world.settings('my_app'))
    drop()
    const own = server.sql("SELECT PASSWORD('pass''word');").trim()
    world.standIn(
      'mariadb',
      `if [[ "$*" == *--database=my_app* ]]; then echo 'ERROR 1064 (42000) at line 1: no' >&2; exit 1; fi; exec $REAL "$@"`,
    )
    const io = world.io()
    const restored = await world.restore(world.settings('my_app'), {}, 'made', io)
    expect(restored).toMatchObject({ status: 'rolled_back', problem: { code: 'command_failed' } })
    expect(
      server.sql("SELECT User FROM mysql.user WHERE User IN ('owner', 'part', 'wide', 'reader', 'readers');"),
    ).toBe('')
    expect(JSON.stringify([io.lines, restored])).not.toContain(own)
  })
})

test('accounts that cannot be read are told, and are no failure', async () => {
  server.sql('DROP PROCEDURE my_app.p;')
  const made = await world.produce(
    world.settings('my_app', { user: 'owner', password: "pass'word", port: server.port }),
  )
  expect(made.warnings).toEqual([{ code: 'accounts_unread' }])
  expect(made.targets).toEqual([{ kind: 'database', id: 'my_app', status: 'success' }])
  expect(() => recipe('users.sql')).toThrow('tar')
})
