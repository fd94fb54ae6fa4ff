import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { markDeleting, upsertArchives } from './archives.ts'
import { openDatabase, type Database } from './database.ts'
import {
  acquireHold,
  clearExpiredHolds,
  heldNames,
  releaseHold,
  renewHold,
  type HoldReason,
} from './holds.ts'
import { archiveEntry, memoryStore, T0 } from './testing.ts'

let database: Database
beforeEach(async () => {
  database = await memoryStore()
})
afterEach(() => database.close())

const take = (holder: string, reason: HoldReason, now = T0) =>
  acquireHold(database.db, 'a', holder, reason, now, 1000)

describe('holds', () => {
  it('are shared by readers', async () => {
    expect(await take('one', 'verify')).toBe(true)
    expect(await take('two', 'send')).toBe(true)
    expect(await take('three', 'verify')).toBe(true)
    expect(await heldNames(database.db, T0)).toEqual(new Set(['a']))
  })

  it('keep a deletion out until the last reader is gone, and the readers out of a deletion', async () => {
    await take('reader', 'restore')
    expect(await take('remover', 'delete')).toBe(false)
    await releaseHold(database.db, 'a', 'reader')
    expect(await take('remover', 'delete')).toBe(true)
    expect(await take('reader', 'verify')).toBe(false)
    expect(await take('other remover', 'delete')).toBe(false)
    await releaseHold(database.db, 'a', 'remover')
    await releaseHold(database.db, 'a', 'remover')
    expect(await heldNames(database.db, T0)).toEqual(new Set())
  })

  it('of other archives do not matter', async () => {
    await take('reader', 'verify')
    expect(await acquireHold(database.db, 'b', 'remover', 'delete', T0, 1000)).toBe(true)
  })

  it('run out by themselves', async () => {
    await take('crashed', 'verify')
    expect(await take('remover', 'delete', T0 + 999)).toBe(false)
    expect(await take('remover', 'delete', T0 + 1000)).toBe(true)
    expect(await renewHold(database.db, 'a', 'crashed', T0 + 1000, 1000)).toBe(false)
  })

  it('last as long as they are renewed', async () => {
    await take('reader', 'verify')
    expect(await renewHold(database.db, 'a', 'reader', T0 + 900, 1000)).toBe(true)
    expect(await take('remover', 'delete', T0 + 1500)).toBe(false)
    expect(await renewHold(database.db, 'a', 'nobody', T0, 1000)).toBe(false)
  })

  it('can be taken again by their holder, also for another reason', async () => {
    await take('me', 'verify')
    expect(await take('me', 'verify', T0 + 500)).toBe(true)
    expect(await take('me', 'delete', T0 + 600)).toBe(true)
    expect(await take('you', 'verify', T0 + 600)).toBe(false)
  })

  it('are not given on an archive whose deletion was begun', async () => {
    await upsertArchives(database.db, [archiveEntry({ name: 'a' })])
    await markDeleting(database.db, 'a')
    expect(await take('reader', 'download')).toBe(false)
    expect(await take('remover', 'delete')).toBe(true)
  })

  it('that have run out can be swept away', async () => {
    await take('old', 'verify')
    await acquireHold(database.db, 'b', 'new', 'verify', T0 + 500, 1000)
    await clearExpiredHolds(database.db, T0 + 1000)
    const left = await database.db.selectFrom('archive_holds').select('holder').execute()
    expect(left).toEqual([{ holder: 'new' }])
  })
})

it('a deletion and a reader in two processes: one of both, never both', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'bm-holds-'))
  try {
    const file = join(dir, 'backupmanager.db')
    await using one = await openDatabase(file, { now: T0 })
    await using two = await openDatabase(file, { now: T0 })
    for (let round = 0; round < 20; round += 1) {
      const won = await Promise.all([
        acquireHold(one.db, `a${round}`, 'remover', 'delete', T0, 1000),
        acquireHold(two.db, `a${round}`, 'reader', 'verify', T0, 1000),
      ])
      expect(won.filter(Boolean)).toHaveLength(1)
    }
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
})
