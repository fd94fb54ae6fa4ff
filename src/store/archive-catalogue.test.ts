// What scans of the directory may change in the catalogue, and what they may not.
import { performance } from 'node:perf_hooks'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  catalogueRows,
  facets,
  fingerprints,
  forgetMissing,
  getArchive,
  listArchives,
  markDeleting,
  markMissing,
  setPinned,
  setState,
  takenNames,
  totals,
  upsertArchives,
  verifyCandidates,
  type ArchiveEntry,
} from './archives.ts'
import type { Database } from './database.ts'
import { deleteJob } from './jobs.ts'
import { addJob, archiveEntry, memoryStore, T0, tell } from './testing.ts'

const NAME = 'jerry_nocodb_20260508'
let database: Database
beforeEach(async () => {
  database = await memoryStore()
})
afterEach(() => database.close())

const put = (...entries: Partial<ArchiveEntry>[]) => upsertArchives(database.db, entries.map(archiveEntry))
/** Another content of the same name. */
const other = { fingerprint: '2:900:2:2', sizeBytes: 900 }
/** What the directory tells of a file whose descriptions cannot be read. */
const unreadable = { type: null, app: null, instanceName: null, createdAt: T0 + 5 }
const jobUidOf = async (name: string) =>
  (await database.db.selectFrom('archives').select('job_uid').where('name', '=', name).executeTakeFirst())
    ?.job_uid
const made: Partial<ArchiveEntry> = { state: 'ok', sha256: 'aa', origin: 'local', verifiedAt: T0 }

describe('an archive found again', () => {
  it('with the same fingerprint keeps what is known of it', async () => {
    const job = await addJob(database.db)
    await put({ ...made, jobId: job.id, jobUid: job.uid })
    await setPinned(database.db, NAME, true)
    await put({ origin: 'foreign', sha256: null })
    const known = { state: 'ok', sha256: 'aa', origin: 'local', jobId: job.id, verifiedAt: T0, pinned: true }
    expect(await getArchive(database.db, NAME)).toMatchObject(known)
  })

  it('touched since must be proven again, against the hash on record', async () => {
    await put(made)
    await setPinned(database.db, NAME, true)
    await put({ fingerprint: '2:900:2:2', sizeBytes: 900, sha256: 'forged' })
    const known = { state: 'unverified', sha256: 'aa', verifiedAt: null, sizeBytes: 900, pinned: true }
    expect(await getArchive(database.db, NAME)).toMatchObject(known)
  })

  it('damaged beyond reading keeps hash, job, origin and identity, so that verification can tell', async () => {
    const job = await addJob(database.db)
    await put({ ...made, jobId: job.id, jobUid: job.uid, backupInfo: { type: 'ynh_app' } })
    await put({ ...unreadable, ...other, info: {} })
    expect(await getArchive(database.db, NAME)).toMatchObject({
      ...{
        state: 'unverified',
        sha256: 'aa',
        verifiedAt: null,
        origin: 'local',
        jobId: job.id,
        createdAt: T0,
      },
      ...{ type: 'ynh_app', app: 'nocodb', instanceName: 'jerry', backupInfo: { type: 'ynh_app' } },
      ...{ sizeBytes: 900, info: {} },
    })
    expect(await jobUidOf(NAME)).toBe(job.uid)
    expect(await fingerprints(database.db)).toEqual(new Map([[NAME, other.fingerprint]]))
  })

  it('replaced by one that describes itself differently is still held to what is on record', async () => {
    const [job, second] = [await addJob(database.db), await addJob(database.db, { name: 'second' })]
    await put({ ...made, jobId: job.id, jobUid: job.uid, backupInfo: { n: 1 } })
    const claims = { jobId: second.id, jobUid: second.uid, sha256: 'forged', backupInfo: { n: 2 } } as const
    await put({ ...other, ...claims, createdAt: T0 + 5, type: 'ynh_system', app: 'x', instanceName: 'tom' })
    const kept = { sha256: 'aa', jobId: job.id, createdAt: T0, type: 'ynh_app', app: 'nocodb' }
    expect(await getArchive(database.db, NAME)).toMatchObject({ ...kept, backupInfo: { n: 2 } })
  })

  it('keeps the job that it was of, also when that job is gone or its hash was never recorded', async () => {
    const job = await addJob(database.db)
    await put({ ...made, sha256: null, jobId: job.id, jobUid: job.uid })
    await put({ ...unreadable, ...other })
    expect(await getArchive(database.db, NAME)).toMatchObject({ origin: 'local', jobId: job.id })
    await deleteJob(database.db, job.id)
    await put({ ...unreadable, fingerprint: 'third' })
    expect(await getArchive(database.db, NAME)).toMatchObject({ origin: 'local', jobId: null })
    expect(await jobUidOf(NAME)).toBe(job.uid)
    const again = await addJob(database.db, { uid: job.uid })
    await put({ fingerprint: 'fourth', jobId: again.id, jobUid: job.uid })
    expect((await getArchive(database.db, NAME))?.jobId).toBe(again.id)
  })

  it('that was corrupted stays so until it is verified', async () => {
    await put({ ...made, state: 'corrupted', stateDetail: 'cut short' })
    await put(other)
    const known = { state: 'corrupted', stateDetail: 'cut short', verifiedAt: null, sha256: 'aa' }
    expect(await getArchive(database.db, NAME)).toMatchObject(known)
  })

  it('of no job and never proven is described anew', async () => {
    await put({ backupInfo: { n: 1 } })
    await setState(database.db, NAME, { state: 'corrupted', detail: 'cut short', verifiedAt: T0 })
    const job = await addJob(database.db)
    const anew = { sha256: 'bb', origin: 'local', jobId: job.id, app: 'wiki', createdAt: T0 + 5 } as const
    await put({ ...other, ...anew, jobUid: job.uid })
    const fresh = { state: 'unverified', stateDetail: null, verifiedAt: null, backupInfo: null }
    expect(await getArchive(database.db, NAME)).toMatchObject({ ...anew, ...fresh })
  })

  it('is believed when its maker tells', async () => {
    await put({ sha256: 'bb' })
    await put(made)
    expect(await getArchive(database.db, NAME)).toMatchObject({ state: 'ok', sha256: 'aa', origin: 'local' })
  })
})

describe('an archive whose file is gone', () => {
  const seen = { name: NAME, fingerprint: '1:1000:1:1' }

  it('is in no list and no total, its name stays taken, and what is known of it comes back with it', async () => {
    await put({ ...made, jobId: (await addJob(database.db)).id })
    await setPinned(database.db, NAME, true)
    await markMissing(database.db, { gone: [seen], back: [] }, T0)
    expect(await getArchive(database.db, NAME)).toBeNull()
    expect((await listArchives(database.db, { limit: 9 })).items).toEqual([])
    expect(await totals(database.db)).toEqual({ count: 0, bytes: 0 })
    expect(await verifyCandidates(database.db)).toEqual([])
    expect(await takenNames(database.db)).toEqual([NAME])
    expect((await catalogueRows(database.db)).get(NAME)).toEqual({ fingerprint: '1:1000:1:1', missing: true })
    await markMissing(database.db, { gone: [], back: [NAME] }, T0)
    expect(await getArchive(database.db, NAME)).toMatchObject({ state: 'ok', sha256: 'aa', pinned: true })
  })

  it('counts again when it is found with another content', async () => {
    await put(made)
    await markMissing(database.db, { gone: [seen], back: [] }, T0)
    await put({ fingerprint: 'new' })
    expect(await getArchive(database.db, NAME)).not.toBeNull()
  })

  it('is not marked when it was recorded anew since the directory was read', async () => {
    await put({ ...made, ...other }, { name: 'second' })
    await markMissing(database.db, { gone: [seen, { ...seen, name: 'second' }], back: [] }, T0)
    expect(await getArchive(database.db, NAME)).not.toBeNull()
    expect(await getArchive(database.db, 'second')).toBeNull()
  })

  it('because it is being deleted is not marked', async () => {
    await put(made)
    await markDeleting(database.db, NAME)
    await markMissing(database.db, { gone: [seen], back: [] }, T0)
    expect((await catalogueRows(database.db)).get(NAME)).toMatchObject({ missing: false })
  })

  it('is forgotten after a time, unless it is pinned', async () => {
    await put({ name: 'plain' }, { name: 'pinned' }, { name: 'later' }, { name: 'there' })
    await setPinned(database.db, 'pinned', true)
    const gone = (...names: string[]) => ({ gone: names.map((name) => ({ ...seen, name })), back: [] })
    await markMissing(database.db, gone('plain', 'pinned'), T0)
    await markMissing(database.db, gone('later'), T0 + 1)
    await forgetMissing(database.db, T0 + 1)
    expect(await takenNames(database.db)).toEqual(['later', 'pinned', 'there'])
  })
})

it('takes in 10,000 archives in well under a second, and looks at them at once', async () => {
  const info = { description: 'x'.repeat(500), apps: { nocodb: { name: 'y'.repeat(500) } } }
  const entries = Array.from({ length: 10_000 }, (_, n) =>
    archiveEntry({ name: `a${n}`, createdAt: T0 + n, info }),
  )
  const start = performance.now()
  await upsertArchives(database.db, entries)
  const written = performance.now()
  await listArchives(database.db, { limit: 100 })
  await totals(database.db)
  await facets(database.db)
  const read = performance.now()
  tell(`10,000 archives: ${(written - start).toFixed(0)} ms in, ${(read - written).toFixed(1)} ms to look at`)
  expect(written - start).toBeLessThan(1000)
  expect(read - written).toBeLessThan(100)
})

it('lets others work between the batches of a large scan, and keeps the batches that were in when one fails', async () => {
  const apps = Object.fromEntries(
    Array.from({ length: 40 }, (_, n) => [`app${n}`, { name: 'x'.repeat(60), description: 'y'.repeat(120) }]),
  )
  const entries = Array.from({ length: 2000 }, (_, n) => archiveEntry({ name: `a${n}`, info: { apps } }))
  let pauses = 0
  let longest = 0
  let last = performance.now()
  let tick = setImmediate(function look() {
    const now = performance.now()
    longest = Math.max(longest, now - last)
    last = now
    pauses += 1
    tick = setImmediate(look)
  })
  const wrong = archiveEntry({ name: 'wrong', origin: 'mars' as 'local' })
  await expect(upsertArchives(database.db, [...entries, wrong])).rejects.toThrow(/CHECK/)
  clearImmediate(tick)
  tell(`2,000 archives of 40 apps: others wait ${longest.toFixed(0)} ms at most`)
  expect(pauses).toBeGreaterThanOrEqual(19)
  expect((await totals(database.db)).count).toBe(2000)
})
