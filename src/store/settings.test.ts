import { afterEach, beforeEach, expect, it } from 'vitest'
import { defaultSettings } from '../domain/settings.ts'
import { addActivity, deleteActivityBefore, listActivity } from './activity.ts'
import type { Database } from './database.ts'
import { getSettings, putSettings } from './settings.ts'
import { memoryStore, T0 } from './testing.ts'

let database: Database
beforeEach(async () => {
  database = await memoryStore()
})
afterEach(() => database.close())

it('settings that nobody changed have their defaults', async () => {
  expect(await getSettings(database.db)).toEqual(defaultSettings)
  const changed = await putSettings(database.db, { historyDays: 30 }, T0)
  expect(changed).toEqual({ ...defaultSettings, historyDays: 30 })
  await putSettings(database.db, { diskReserveBytes: 5 }, T0)
  expect(await getSettings(database.db)).toEqual({ ...defaultSettings, historyDays: 30, diskReserveBytes: 5 })
})

it('wrong settings are refused field by field, and nothing is written', async () => {
  const change = { historyDays: 1, generalLaneSize: 99, verifyEveryDays: Number.NaN, colour: 'red' }
  await expect(putSettings(database.db, change, T0)).rejects.toMatchObject({
    code: 'validation_failed',
    errors: expect.arrayContaining([
      { field: 'historyDays', code: 'out_of_range', facts: { min: 7 } },
      { field: 'generalLaneSize', code: 'out_of_range', facts: { max: 16 } },
      { field: 'verifyEveryDays', code: 'not_number' },
      { field: 'colour', code: 'unexpected' },
    ]),
  })
  expect(await getSettings(database.db)).toEqual(defaultSettings)
})

it('a setting that another version stored is passed over, a wrong value is not', async () => {
  const store = (value: unknown) =>
    database.db
      .replaceInto('settings')
      .values({ key: 'instance', value_json: JSON.stringify(value), updated_at: T0 })
      .execute()
  await store({ historyDays: 30, ofLater: true })
  expect(await getSettings(database.db)).toEqual({ ...defaultSettings, historyDays: 30 })
  await store({ historyDays: 'many' })
  await expect(getSettings(database.db)).rejects.toMatchObject({
    code: 'record_damaged',
    facts: { where: 'settings instance, value_json' },
  })
})

it('the activity log goes from the newest to the oldest, of all jobs or of one', async () => {
  const note = (action: string, jobId: number | null, at: number) =>
    addActivity(database.db, { at, actor: 'admin', action, subject: 'x', jobId, facts: { n: at } })
  await note('one', 1, T0)
  await note('two', null, T0 + 1)
  await note('three', 1, T0 + 2)
  const actions = async (page: { limit: number; beforeId?: number; jobId?: number }) =>
    (await listActivity(database.db, page)).map((entry) => entry.action)
  expect(await actions({ limit: 2 })).toEqual(['three', 'two'])
  const [last] = await listActivity(database.db, { limit: 1 })
  expect(last).toEqual({
    id: 3,
    at: T0 + 2,
    actor: 'admin',
    action: 'three',
    subject: 'x',
    jobId: 1,
    facts: { n: T0 + 2 },
  })
  expect(await actions({ limit: 2, beforeId: 2 })).toEqual(['one'])
  expect(await actions({ limit: 9, jobId: 1 })).toEqual(['three', 'one'])
  expect(await deleteActivityBefore(database.db, T0 + 1)).toBe(1)
  expect(await actions({ limit: 9 })).toEqual(['three', 'two'])
})
