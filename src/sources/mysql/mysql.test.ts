import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { startMariadb, type TestMariadb } from '../../../test/support/mariadb.ts'
import { describeSource } from '../contract.ts'
import type { SourceIo } from '../source.ts'
import { mysql } from './index.ts'
import { makeWorld } from './mysql-world.ts'

let server: TestMariadb
beforeAll(async () => {
  server = await startMariadb()
  server.sql('CREATE DATABASE small; CREATE TABLE small.t (a INT); INSERT INTO small.t VALUES (1), (2);')
})
afterAll(() => server.dispose())

/** The programs are found by the PATH, which the suite cannot change: here it depends on the place. */
let pathOf: (io: SourceIo) => string = () => ''
const contracted = {
  ...mysql,
  produce: ((settings, order, io) =>
    mysql.produce(settings, order, {
      ...io,
      run: (file, args, options = {}) =>
        io.run(file, args, { ...options, env: { PATH: pathOf(io), ...options.env } }),
    })) satisfies typeof mysql.produce,
}

describeSource(contracted, async () => {
  const world = await makeWorld(server)
  const nowhere = join(world.folder, 'nowhere')
  pathOf = (io) => (io.places.systemRoot === nowhere ? nowhere : `${world.bin}:/usr/bin:/bin`)
  return {
    settings: { database: 'small', socket: server.socket },
    places: world.places,
    withoutTool: { ...world.places, systemRoot: nowhere },
    slowDown: () => {
      const mark = join(world.folder, 'reached')
      world.standIn(
        'mariadb-dump',
        `case "$*" in *--version*) exec $REAL "$@";; esac
$REAL "$@" | head -c 3000
touch '${mark}'
exec sleep 1000`,
      )
      return Promise.resolve({ reached: () => Promise.resolve(existsSync(mark)) })
    },
    dispose: () => world.dispose(),
  }
})
