import { describe, expect, onTestFinished, test } from 'vitest'
import type { Job } from '../../domain/job.ts'
import { setPinned } from '../../store/archives.ts'
import { copiesAt, getCopy, recordCopy } from '../../store/copies.ts'
import { setRetentionHold } from '../../store/jobs.ts'
import { transfersWorld, type PeerAnswers, type World } from './transfers-world.ts'

const SHA = 'a'.repeat(64)
const never = new AbortController().signal
const name = (day: number) => `jerry_photos_2026050${day}`

interface Held {
  readonly name: string
  readonly sha256?: string
  readonly state?: string
}

/** A peer that holds these archives, two to a page, and deletes what it is asked to unless it holds on to it. */
function holder(archives: Held[], refused: Readonly<Record<string, string>> = {}): PeerAnswers {
  return ({ method, path }) => {
    const url = new URL(path, 'https://peer.example')
    if (method === 'DELETE') {
      const asked = decodeURIComponent(url.pathname.split('/').at(-1) ?? '')
      const code = refused[asked]
      if (code !== undefined) {
        return { status: 409, json: { type: 'about:blank', title: code, status: 409, detail: '', code } }
      }
      const at = archives.findIndex((one) => one.name === asked)
      if (at < 0) return { status: 404, json: missing }
      archives.splice(at, 1)
      return { status: 204 }
    }
    const from = Number(url.searchParams.get('cursor') ?? 0)
    const items = archives.slice(from, from + 2).map((one) => ({
      file: `${one.name}.tar`,
      type: 'custom_dir',
      app: 'photos',
      instance_name: 'jerry',
      created_at: '2026-05-01T00:00:00+00:00',
      size_bytes: 1000,
      sha256: SHA,
      state: 'ok',
      origin: 'received',
      pinned: false,
      job_id: null,
      ...one,
    }))
    return { status: 200, json: { items, next_cursor: from + 2 < archives.length ? String(from + 2) : null } }
  }
}
const missing = { type: 'about:blank', title: '', status: 404, detail: '', code: 'archive_not_found' }

/** Copies of five days at `tom`, of a job that keeps two. */
async function world(peerSays: PeerAnswers): Promise<World & { job: Job; tomId: number }> {
  const it = await transfersWorld({ 'receive.place': () => ({ folder: null }) }, peerSays)
  onTestFinished(() => it.transfers.close())
  const job = await it.addJob()
  const { id: tomId } = await it.addPeer('tom')
  for (let day = 1; day <= 5; day += 1) {
    const createdAt = Date.parse(`2026-05-0${day}T01:00:00Z`)
    await it.addArchive(name(day), { jobId: job.id, jobUid: job.uid, createdAt })
    const copy = { archiveName: name(day), destinationId: tomId, sizeBytes: 1000, sha256: SHA, archiveAt: 0 }
    await recordCopy(it.deps.db, copy, it.deps.clock.now())
  }
  return { ...it, job, tomId }
}

const all = () => [1, 2, 3, 4, 5].map((day): Held => ({ name: name(day) }))
const left = async (it: World, destinationId: number) =>
  (await copiesAt(it.deps.db, destinationId)).map((one) => `${one.archiveName.slice(-2)} ${one.state}`)
const deleted = (it: World) => it.asked.filter((one) => one.startsWith('DELETE')).map((one) => one.slice(-2))

describe('a look at what a holder has', () => {
  test('tells what is there, gone and damaged, page by page', async () => {
    const held: Held[] = [
      { name: name(1) },
      { name: name(2), sha256: 'b'.repeat(64) },
      { name: name(3), state: 'corrupted' },
      { name: 'somebody_elses' },
      { name: name(5) },
    ]
    const it = await world(holder(held))
    it.setNow(it.deps.clock.now() + 1000)
    await it.transfers.checkCopies(it.tomId, never)
    expect(await left(it, it.tomId)).toEqual([
      '05 present',
      '04 missing',
      '03 corrupted',
      '02 corrupted',
      '01 present',
    ])
    expect((await getCopy(it.deps.db, name(1), it.tomId))?.checkedAt).toBe(it.deps.clock.now())
    expect(it.asked).toHaveLength(3)
  })

  test('that fails, or never ends, changes nothing', async () => {
    const it = await world(() => ({ status: 500 }))
    await expect(it.transfers.checkCopies(it.tomId, never)).rejects.toMatchObject({
      code: 'peer_answer_invalid',
    })
    const endless = await world(() => ({ status: 200, json: { items: [], next_cursor: '1' } }))
    await expect(endless.transfers.checkCopies(endless.tomId, never)).rejects.toMatchObject({
      code: 'peer_answer_invalid',
    })
    for (const one of [it, endless]) {
      expect(new Set((await left(one, one.tomId)).map((row) => row.slice(3)))).toEqual(new Set(['present']))
    }
  })
})

describe('retention of copies', () => {
  test('asks the holder to delete what the job no longer keeps', async () => {
    const it = await world(holder(all()))
    await it.transfers.sweep(never)
    expect(deleted(it)).toEqual(['03', '02', '01'])
    expect(await left(it, it.tomId)).toEqual(['05 present', '04 present'])
  })

  test('a destination may have its own policy', async () => {
    const it = await world(holder(all()))
    const retention = JSON.stringify({ mode: 'count', count: 4 })
    await it.deps.db.updateTable('destinations').set({ retention_json: retention }).execute()
    await it.transfers.sweep(never)
    expect(deleted(it)).toEqual(['01'])
  })

  test.each(['archive_held', 'archive_pinned', 'archive_in_use'])(
    'leaves what the holder keeps: %s',
    async (code) => {
      const it = await world(holder(all(), { [name(2)]: code }))
      await it.transfers.sweep(never)
      expect(await left(it, it.tomId)).toEqual(['05 present', '04 present', '02 present'])
    },
  )

  test('counts only what is there and good, so that the newest good copy stays', async () => {
    const held = [{ name: name(1) }, { name: name(2) }, { name: name(3), state: 'corrupted' }]
    const it = await world(holder(held))
    await it.deps.db
      .updateTable('jobs')
      .set({ retention_config: JSON.stringify({ mode: 'count', count: 1 }) })
      .execute()
    await it.transfers.sweep(never)
    expect(deleted(it)).not.toContain('02')
    expect(await left(it, it.tomId)).toContain('02 present')
  })

  test('forgets what is gone and would have gone', async () => {
    const it = await world(holder([{ name: name(4) }, { name: name(5) }]))
    await it.transfers.sweep(never)
    expect(deleted(it)).toEqual([])
    expect(await left(it, it.tomId)).toEqual(['05 present', '04 present'])
  })

  test('nothing goes while an anomaly suspends removal, nor when the job is gone', async () => {
    const it = await world(holder(all()))
    await setRetentionHold(it.deps.db, it.job.id, 'size_collapse')
    await it.transfers.sweep(never)
    await it.deps.db.deleteFrom('jobs').execute()
    await it.transfers.sweep(never)
    expect(deleted(it)).toEqual([])
  })

  test('nothing goes when the holder cannot be asked first, or is known to be away', async () => {
    const it = await world(({ method }) => ({ status: method === 'GET' ? 500 : 204 }))
    await it.transfers.sweep(never)
    expect(deleted(it)).toEqual([])
    await it.deps.db.updateTable('remote_instances').set({ status: 'offline' }).execute()
    it.asked.length = 0
    await it.transfers.sweep(never)
    expect(it.asked).toEqual([])
  })

  test('what is pinned here stays there', async () => {
    const it = await world(holder(all()))
    await setPinned(it.deps.db, name(2), true)
    await it.transfers.sweep(never)
    expect(deleted(it)).toEqual(['03', '01'])
  })

  test('what is on its way stays', async () => {
    const it = await world(holder(all()))
    await it.transfers.fetch({ archive: name(1), peerId: 1, trigger: 'manual' }, 'admin')
    await it.transfers.sweep(never)
    expect(deleted(it)).toEqual(['03', '02'])
  })
})
