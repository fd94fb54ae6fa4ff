import { spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { recoverRestore } from '../../restore/transaction.ts'
import { postgresql } from '../index.ts'
import { databases, makeWorld, roles, stateOf, type PgWorld } from '../postgres-world.ts'
import type { KilledRestore } from './killed-restore.ts'
import { wayBack, type Swap } from './swap.ts'

const program = new URL('killed-restore.ts', import.meta.url).pathname

let world: PgWorld
beforeAll(async () => {
  world = await makeWorld()
})
afterAll(() => world.dispose())

describe('a machine that dies in the middle of a restore', () => {
  let fresh: { state: string; roles: string }
  let old: { state: string; roles: string }
  const now = () => ({ state: stateOf(world.pg, 'mabase'), roles: roles(world.pg) })
  /** Another database of that name, and one of its roles is gone. */
  const wipe = (): void => {
    const { pg } = world
    pg.sql('DROP DATABASE mabase WITH (FORCE)')
    pg.sql('DROP ROLE reader')
    pg.sql('CREATE DATABASE mabase OWNER app CONNECTION LIMIT 7')
    pg.sql("CREATE TABLE other AS SELECT 'other' AS x", 'mabase')
  }
  beforeAll(async () => {
    const { pg } = world
    pg.sql("CREATE ROLE app LOGIN PASSWORD 'app'; CREATE ROLE reader")
    pg.sql('CREATE DATABASE mabase OWNER app')
    pg.sql(
      'CREATE TABLE t AS SELECT g AS n FROM generate_series(1, 2000) g; GRANT SELECT ON t TO reader',
      'mabase',
    )
    pg.sql("ALTER DATABASE mabase SET work_mem = '9MB'")
    fresh = now()
    await world.produce(world.settings('mabase'), 'saved')
    wipe()
    old = now()
  })

  /** Dies as told, if it comes to that, and recovers. */
  const dieAndRecover = async (
    how: Pick<KilledRestore, 'dieAt' | 'dieIn'>,
  ): Promise<{ died: boolean; status: string }> => {
    const operation = randomUUID()
    const settings = world.settings('mabase')
    const order: KilledRestore = { places: world.places, archive: 'saved', settings, operation, ...how }
    const child = spawnSync(process.execPath, [program, JSON.stringify(order)], { encoding: 'utf8' })
    const died = child.signal !== null
    const recovered = await recoverRestore(
      postgresql,
      world.request('saved', settings),
      operation,
      world.io(),
    )
    if (!died) expect(recovered).toMatchObject(JSON.parse(child.stdout))
    expect(now()).toEqual(recovered.status === 'success' ? fresh : old)
    expect(databases(world.pg)).toEqual(['mabase'])
    if (recovered.status === 'success') wipe()
    return { died, status: recovered.status }
  }

  test(
    'has all of the old state or all of the new one after the next start',
    { timeout: 600_000 },
    async () => {
      const ends: string[] = []
      for (let dieAt = 1; ; dieAt += 1) {
        const { died, status } = await dieAndRecover({ dieAt })
        if (!died) break
        ends.push(status)
      }
      // Announced and made: roles, database, its contents, check, rights, and the exchange of the names.
      expect(ends.filter((status) => status === 'rolled_back').length).toBeGreaterThan(8)
      expect(ends.filter((status) => status === 'success').length).toBeGreaterThan(2)
    },
  )

  test.each(['CREATE ROLE', 'CREATE DATABASE', '--exit-on-error', 'ANALYZE', 'RENAME TO'])(
    'also when the server is still at %s',
    { timeout: 120_000 },
    async (step) => {
      const { died } = await dieAndRecover({ dieIn: { program: step, afterMs: 45 } })
      expect(died).toBe(true)
    },
  )
})

describe('the way back of two databases', () => {
  const swap: Swap = {
    target: 'mabase',
    fresh: 'bm_new_1',
    freshOid: 20,
    former: 'bm_old_1',
    formerOid: 10,
    formerAllowed: true,
  }
  const now = (names: Readonly<Record<number, string>>) =>
    new Map(Object.entries(names).map(([oid, name]) => [Number(oid), name]))

  test('is told by what bears which name now', () => {
    expect(wayBack(swap, now({ 10: 'mabase', 20: 'bm_new_1' }))).toEqual([])
    expect(wayBack(swap, now({ 10: 'mabase' }))).toEqual([])
    expect(wayBack(swap, now({ 10: 'bm_old_1', 20: 'mabase' }))).toEqual([
      ['mabase', 'bm_new_1'],
      ['bm_old_1', 'mabase'],
    ])
    expect(wayBack(swap, now({ 10: 'bm_old_1' }))).toEqual([['bm_old_1', 'mabase']])
    expect(wayBack(swap, now({ 20: 'mabase' }))).toBe('lost')
  })

  test('never moves a database that somebody else has made in an empty place', () => {
    const alone = { ...swap, formerOid: null }
    expect(wayBack(alone, now({ 20: 'bm_new_1' }))).toEqual([])
    expect(wayBack(alone, now({ 20: 'mabase' }))).toEqual([['mabase', 'bm_new_1']])
    expect(wayBack(alone, now({ 30: 'mabase' }))).toEqual([])
  })
})
