import { describe, expect, test } from 'vitest'
import { describeArchive } from './archive-facts.ts'
import type { ReadArchive, ScannedArchive } from './helper-protocol.ts'

const scanned: ScannedArchive = {
  name: 'jerry_nocodb_20260508',
  file: 'jerry_nocodb_20260508.tar',
  sizeBytes: 1000,
  fingerprint: '1:1000:1778202000123456789:1778202000999999999:5',
}
const here = { id: 'our-id' }
const job = { id: 3, uid: 'job-uid' }
const jobs = new Map([[job.uid, job]])

function read(info: Record<string, unknown> | null, backupInfo: Record<string, unknown> | null): ReadArchive {
  return { name: scanned.name, info, backupInfo, error: null }
}

describe('an archive found in the directory', () => {
  test('of a job here belongs to that job, whatever the name says', () => {
    const found = describeArchive(
      scanned,
      read(
        {},
        {
          instance_id: 'our-id',
          instance_name: 'jerry',
          type: 'ynh_app',
          app: 'nocodb',
          job: { uid: 'job-uid' },
        },
      ),
      here,
      jobs,
    )
    expect(found).toMatchObject({
      origin: 'local',
      jobId: 3,
      type: 'ynh_app',
      app: 'nocodb',
      instanceName: 'jerry',
    })
  })

  test('of another instance is received and belongs to no job', () => {
    const found = describeArchive(
      scanned,
      read({}, { instance_id: 'other', type: 'ynh_app', app: 'nocodb', job: { uid: 'theirs' } }),
      here,
      jobs,
    )
    expect(found).toMatchObject({ origin: 'received', jobId: null, jobUid: 'theirs', instanceName: 'jerry' })
  })

  test('made by hand in the webadmin is foreign, and its one app is named', () => {
    const info = { created_at: 1778202000, apps: { wordpress: {} }, system: {} }
    expect(describeArchive(scanned, read(info, null), here, jobs)).toMatchObject({
      origin: 'foreign',
      jobId: null,
      type: 'ynh_app',
      app: 'wordpress',
      createdAt: 1778202000_000,
      sha256: null,
    })
  })

  test('with a name like ours but no description of ours is not taken for a job’s archive', () => {
    expect(describeArchive(scanned, read({}, null), here, jobs)).toMatchObject({
      origin: 'foreign',
      jobId: null,
    })
  })

  test('without a readable description still has the time of its file', () => {
    expect(describeArchive(scanned, null, here, jobs).createdAt).toBe(1778202000123)
  })

  test('only a hash of the whole file is taken as the file’s hash', () => {
    const hash = 'a'.repeat(64)
    const whole = describeArchive(scanned, read({}, { sha256: hash }), here, jobs)
    const part = describeArchive(scanned, read({}, { sha256: hash, sha256_bytes: 512 }), here, jobs)
    expect([whole.sha256, part.sha256]).toEqual([hash, null])
  })

  test('believes no shape: hostile descriptions read as unknown', () => {
    const hostile = { created_at: 'never', apps: ['x'], system: 'y', job: 7 }
    const found = describeArchive(
      scanned,
      read(hostile, { type: {}, app: [], job: 'x', created_at: 5 }),
      here,
      jobs,
    )
    expect(found).toMatchObject({ type: null, app: null, jobId: null, createdAt: 1778202000123 })
  })
})
