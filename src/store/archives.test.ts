import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  archivesOfJob,
  deletingArchives,
  facets,
  fingerprints,
  getArchive,
  listArchives,
  markDeleting,
  removeArchives,
  setPinned,
  setState,
  takenNames,
  totals,
  unmarkDeleting,
  upsertArchives,
  verifyCandidates,
  type ArchiveEntry,
  type ArchiveFilter,
} from './archives.ts'
import type { Database } from './database.ts'
import { deleteJob, setRetentionHold } from './jobs.ts'
import { claimRun, finishRun } from './runs.ts'
import { addJob, addRun, archiveEntry, memoryStore, runEnd, T0 } from './testing.ts'

const NAME = 'jerry_nocodb_20260508'
let database: Database
beforeEach(async () => {
  database = await memoryStore()
})
afterEach(() => database.close())

const put = (...entries: Partial<ArchiveEntry>[]) => upsertArchives(database.db, entries.map(archiveEntry))
const made: Partial<ArchiveEntry> = { state: 'ok', sha256: 'aa', origin: 'local', verifiedAt: T0 }

describe('an entry', () => {
  it('is read back as it was stored', async () => {
    const job = await addJob(database.db)
    const entry = archiveEntry({
      ...made,
      jobId: job.id,
      jobUid: job.uid,
      info: { apps: { nocodb: { name: 'été 🏖 "quoted"' } }, size: 12.5 },
      backupInfo: { type: 'ynh_app', list: [1, null] },
    })
    await upsertArchives(database.db, [entry])
    const { fingerprint, jobUid, ...shown } = entry
    expect(await getArchive(database.db, NAME)).toEqual({
      ...shown,
      stateDetail: null,
      pinned: false,
      pinnedUntil: null,
    })
    expect(await fingerprints(database.db)).toEqual(new Map([[NAME, fingerprint]]))
    expect(jobUid).toBe(job.uid)
  })

  it('found in the directory is unverified', async () => {
    await put({})
    expect(await getArchive(database.db, NAME)).toMatchObject({ state: 'unverified', verifiedAt: null })
    expect(await getArchive(database.db, 'other')).toBeNull()
  })

  it('belongs to no job when its job went meanwhile', async () => {
    const job = await addJob(database.db)
    await deleteJob(database.db, job.id)
    await put({ jobId: job.id, jobUid: job.uid })
    expect((await getArchive(database.db, NAME))?.jobId).toBeNull()
  })

  it('told by its maker is written with all the others or not at all', async () => {
    const many = Array.from({ length: 150 }, (_, n) => archiveEntry({ ...made, name: `a${n}` }))
    const wrong = archiveEntry({ ...made, name: 'wrong', origin: 'mars' as 'local' })
    await expect(upsertArchives(database.db, [...many, wrong])).rejects.toThrow(/CHECK/)
    expect(await totals(database.db)).toEqual({ count: 0, bytes: 0 })
  })
})

describe('a deletion', () => {
  it('hides the archive from its beginning, keeps its name taken, and can be finished later', async () => {
    await put(made)
    await markDeleting(database.db, NAME)
    expect(await getArchive(database.db, NAME)).toBeNull()
    expect(await totals(database.db)).toEqual({ count: 0, bytes: 0 })
    expect(await deletingArchives(database.db)).toEqual([NAME])
    expect(await takenNames(database.db)).toEqual([NAME])
    expect(await setPinned(database.db, NAME, true)).toBe(false)
    await put({ fingerprint: 'seen again while it is deleted' })
    expect(await deletingArchives(database.db)).toEqual([NAME])
    await removeArchives(database.db, [NAME])
    expect(await takenNames(database.db)).toEqual([])
  })

  it('that did not happen is taken back', async () => {
    await put(made)
    await markDeleting(database.db, NAME)
    await unmarkDeleting(database.db, NAME)
    expect(await getArchive(database.db, NAME)).not.toBeNull()
    expect(await deletingArchives(database.db)).toEqual([])
  })

  it('of a pinned or unknown archive does not begin', async () => {
    await put(made)
    await setPinned(database.db, NAME, true)
    await expect(markDeleting(database.db, NAME)).rejects.toMatchObject({ code: 'archive_pinned' })
    await expect(markDeleting(database.db, 'other')).rejects.toMatchObject({ code: 'archive_not_found' })
    expect(await deletingArchives(database.db)).toEqual([])
    await setPinned(database.db, NAME, false)
    expect(await markDeleting(database.db, NAME)).toBe(true)
  })

  it('that was begun is not begun twice', async () => {
    await put(made)
    await markDeleting(database.db, NAME)
    await expect(markDeleting(database.db, NAME)).rejects.toMatchObject({ code: 'archive_in_use' })
    const asked = markDeleting(database.db, NAME, { unlessJobHeld: true })
    await expect(asked).rejects.toMatchObject({ code: 'archive_in_use' })
  })

  it('by retention does not begin while removal is suspended for the job', async () => {
    const job = await addJob(database.db, { retentionHold: 'verify_failed' })
    await put({ ...made, jobId: job.id, jobUid: job.uid }, { name: 'of no job' })
    expect(await markDeleting(database.db, NAME, { unlessJobHeld: true })).toBe(false)
    expect(await deletingArchives(database.db)).toEqual([])
    await setPinned(database.db, NAME, true)
    const pinned = markDeleting(database.db, NAME, { unlessJobHeld: true })
    await expect(pinned).rejects.toMatchObject({ code: 'archive_pinned' })
    await setPinned(database.db, NAME, false)
    expect(await markDeleting(database.db, 'of no job', { unlessJobHeld: true })).toBe(true)
    await setRetentionHold(database.db, job.id, null)
    expect(await markDeleting(database.db, NAME, { unlessJobHeld: true })).toBe(true)
  })

  it('by hand begins also while removal is suspended for the job', async () => {
    const job = await addJob(database.db, { retentionHold: 'verify_failed' })
    await put({ ...made, jobId: job.id, jobUid: job.uid })
    expect(await markDeleting(database.db, NAME)).toBe(true)
  })
})

it('records what a look at the archive has shown', async () => {
  await put({})
  const found = { state: 'ok', detail: null, sha256: 'cc', verifiedAt: T0 + 9 } as const
  expect(await setState(database.db, NAME, found)).toBe(true)
  expect(await getArchive(database.db, NAME)).toMatchObject({ state: 'ok', sha256: 'cc', verifiedAt: T0 + 9 })
  await setState(database.db, NAME, { state: 'corrupted', detail: 'cut short' })
  const corrupted = { state: 'corrupted', stateDetail: 'cut short', sha256: 'cc', verifiedAt: T0 + 9 }
  expect(await getArchive(database.db, NAME)).toMatchObject(corrupted)
  expect(await setState(database.db, 'other', found)).toBe(false)
})

it('offers the longest unproven archives for verification first', async () => {
  await put(
    { name: 'a', ...made, verifiedAt: T0 },
    { name: 'b', createdAt: T0 + 2 },
    { name: 'c', createdAt: T0 + 1 },
  )
  expect((await verifyCandidates(database.db)).map((one) => one.name)).toEqual(['c', 'b', 'a'])
})

it('knows the names that begin with a text', async () => {
  await put({ name: 'jerry_a_1' }, { name: 'jerry_a_1-2' }, { name: 'jerry_b_1' }, { name: 'jerry_a' })
  expect(await takenNames(database.db, 'jerry_a_')).toEqual(['jerry_a_1', 'jerry_a_1-2'])
  expect(await takenNames(database.db)).toHaveLength(4)
})

it('keeps a name taken that only a run remembers', async () => {
  const job = await addJob(database.db)
  const run = await addRun(database.db, job.id)
  await claimRun(database.db, run.id, T0)
  await finishRun(database.db, run.id, runEnd({ archiveName: 'jerry_a_1' }))
  await addRun(database.db, job.id)
  await put({ name: 'jerry_a_1' }, { name: 'jerry_a_2' })
  await removeArchives(database.db, ['jerry_a_1'])
  expect(await takenNames(database.db, 'jerry_a_')).toEqual(['jerry_a_1', 'jerry_a_2'])
  expect(await takenNames(database.db, 'jerry_b_')).toEqual([])
})

const names = async (filter: Partial<ArchiveFilter>) =>
  (await listArchives(database.db, { limit: 100, ...filter })).items.map((one) => one.name)

describe('the list', () => {
  beforeEach(async () => {
    const job = await addJob(database.db)
    await put(
      { name: 'app_one', createdAt: T0 + 1, jobId: job.id, ...made },
      { name: 'app_two', createdAt: T0 + 2, app: 'wiki', instanceName: 'tom', origin: 'received' },
      { name: 'sys', createdAt: T0 + 2, app: 'system', type: 'ynh_system' },
      { name: '100%', createdAt: T0, app: null, type: null, instanceName: null },
    )
  })

  it('goes from the newest to the oldest, and archives of one moment by name', async () => {
    expect(await names({})).toEqual(['sys', 'app_two', 'app_one', '100%'])
  })

  it.each([
    [{ app: 'wiki' }, ['app_two']],
    [{ type: 'ynh_system' }, ['sys']],
    [{ instance: 'tom' }, ['app_two']],
    [{ q: 'APP_' }, ['app_two', 'app_one']],
    [{ q: 'wik' }, ['app_two']],
    [{ q: '%' }, ['100%']],
    [{ q: '_' }, ['app_two', 'app_one']],
    [{ q: String.raw`\ ' "` }, []],
    [{ jobId: 1 }, ['app_one']],
    [{ state: 'ok' }, ['app_one']],
    [{ origin: 'received', app: 'wiki' }, ['app_two']],
    [{ origin: 'received', app: 'nocodb' }, []],
  ] satisfies [Partial<ArchiveFilter>, string[]][])('can be filtered by %j', async (filter, expected) => {
    expect(await names(filter)).toEqual(expected)
  })

  it('gives every archive once, page by page, also when new ones come in between', async () => {
    const seen: string[] = []
    let cursor: string | null = null
    do {
      const page = await listArchives(database.db, { limit: 1, ...(cursor === null ? {} : { cursor }) })
      seen.push(...page.items.map((one) => one.name))
      cursor = page.nextCursor
      await put({ name: `newer${seen.length}`, createdAt: T0 + 100 })
    } while (cursor !== null)
    expect(seen).toEqual(['sys', 'app_two', 'app_one', '100%'])
  })

  it.each(['x', '', 'W10', Buffer.from('["a",1]').toString('base64url')])(
    'refuses a cursor that it did not give: %j',
    async (cursor) => {
      await expect(listArchives(database.db, { limit: 1, cursor })).rejects.toMatchObject({
        code: 'validation_failed',
        errors: [{ field: 'cursor', code: 'unknown_value' }],
      })
    },
  )

  it('knows by what it can be filtered', async () => {
    expect(await facets(database.db)).toEqual({
      apps: ['nocodb', 'system', 'wiki'],
      types: ['ynh_app', 'ynh_system'],
      instances: ['jerry', 'tom'],
    })
  })

  it('keeps a row whose JSON is broken, and names the column', async () => {
    await database.db.updateTable('archives').set({ info_json: 'null' }).where('name', '=', 'sys').execute()
    const { items } = await listArchives(database.db, { limit: 100 })
    expect(items.map((one) => one.unreadable)).toEqual([['info_json'], undefined, undefined, undefined])
    await expect(getArchive(database.db, 'sys')).rejects.toMatchObject({
      facts: { where: 'archives sys, info_json' },
    })
    expect(await archivesOfJob(database.db, 1)).toHaveLength(1)
  })
})
