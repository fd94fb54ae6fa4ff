import { describe, expect, onTestFinished, test } from 'vitest'
import { setState } from '../../store/archives.ts'
import { markCopies, copiesAt } from '../../store/copies.ts'
import { listTransfers } from '../../store/transfers.ts'
import { failing, hangs, transfersWorld } from './transfers-world.ts'
import { Problem } from '../../domain/problem.ts'

const NAME = 'jerry_photos_20260508'
const never = new AbortController().signal

async function world() {
  const it = await transfersWorld({ 'receive.place': () => ({ folder: null }) }, () => ({ status: 500 }))
  onTestFinished(() => it.transfers.close())
  const job = await it.addJob()
  const tom = await it.addPeer('tom')
  const ann = await it.addPeer('ann')
  await it.transfers.setJobDestinations(job.id, [tom.id, ann.id], 'admin')
  await it.addArchive(NAME, { jobId: job.id, jobUid: job.uid })
  const queued = async () =>
    (await listTransfers(it.deps.db, { limit: 100 }))
      .map((one) => `${one.destinationId} ${one.status}`)
      .toSorted()
  return { ...it, job, tom, ann, queued }
}

describe('copies that are made by themselves', () => {
  test('go to every destination of the job after a run, once', async () => {
    const it = await world()
    await it.transfers.afterRun(it.job, NAME)
    await it.transfers.afterRun(it.job, NAME)
    const rows = await listTransfers(it.deps.db, { limit: 10 })
    expect(rows.map((one) => [one.destinationId, one.trigger, one.status])).toEqual([
      [it.tom.id, 'automatic', 'queued'],
      [it.ann.id, 'automatic', 'queued'],
    ])
  })

  test('those that a crash kept from being queued are queued at the next start', async () => {
    const it = await world()
    it.transfers.open()
    await expect.poll(() => it.sent.toSorted()).toEqual([`ann ${NAME}`, `tom ${NAME}`])
    await it.transfers.idle()
    await it.transfers.sweep(never)
    expect(await it.queued()).toEqual(['1 success', '2 success'])
  })

  test('are only of the newest good archive, made since the destination was added', async () => {
    const it = await world()
    const createdAt = it.deps.clock.now() + 1000
    await it.addArchive('jerry_photos_20260509', { jobId: it.job.id, createdAt })
    await it.deps.db
      .updateTable('destinations')
      .set({ created_at: createdAt + 1 })
      .where('id', '=', it.ann.id)
      .execute()
    await it.transfers.sweep(never)
    const rows = await listTransfers(it.deps.db, { limit: 10 })
    expect(rows.map((one) => [one.archiveName, one.destinationId])).toEqual([
      ['jerry_photos_20260509', it.tom.id],
    ])
    await setState(it.deps.db, NAME, { state: 'corrupted', detail: '' })
    await it.transfers.afterRun(it.job, NAME)
    expect(await it.queued()).toHaveLength(1)
  })

  test('do not go where nothing goes, and do when that is over', async () => {
    const it = await world()
    await it.transfers.changeDestination(it.tom.id, { ...it.tom, enabled: false }, 'admin')
    await it.transfers.afterRun(it.job, NAME)
    expect(await it.queued()).toEqual(['2 queued'])
    await it.transfers.changeDestination(it.tom.id, it.tom, 'admin')
    await it.transfers.sweep(never)
    expect(await it.queued()).toEqual(['1 queued', '2 queued'])
  })

  test('are not queued again when somebody cancelled them; failed ones are, after a day', async () => {
    const it = await world()
    await it.transfers.afterRun(it.job, NAME)
    const [cancelled] = await listTransfers(it.deps.db, { limit: 1, destinationId: it.ann.id })
    await it.transfers.cancel(cancelled?.id ?? 0, 'admin')
    it.carriers.send = failing(1, () => new Problem('peer_forbids', { scope: 'upload' }))
    it.transfers.open()
    await it.transfers.idle()
    await it.transfers.sweep(never)
    await it.transfers.idle()
    expect(await it.queued()).toEqual(['1 error', '2 cancelled'])
    it.setNow(it.deps.clock.now() + 86_400_001)
    await it.transfers.sweep(never)
    await it.transfers.idle()
    expect(await it.queued()).toEqual(['1 error', '1 success', '2 cancelled'])
  })

  test.each(['peer:tom', 'token:nightly'])('are queued again when %s cancelled them', async (actor) => {
    const it = await world()
    it.carriers.send = hangs
    it.transfers.open()
    await it.transfers.afterRun(it.job, NAME)
    for (const { id } of await listTransfers(it.deps.db, { limit: 10 })) {
      await it.becomes(id, 'running')
      await it.transfers.cancel(id, actor)
      await it.becomes(id, 'cancelled')
    }
    it.carriers.send = () => Promise.resolve()
    await it.transfers.sweep(never)
    await it.transfers.idle()
    expect(await it.queued()).toEqual(['1 cancelled', '1 success', '2 cancelled', '2 success'])
  })

  test('are made again when the holder no longer has the newest one', async () => {
    const it = await world()
    await it.transfers.afterRun(it.job, NAME)
    it.transfers.open()
    await it.transfers.idle()
    const [copy] = await copiesAt(it.deps.db, it.tom.id)
    if (!copy) throw new Error('no copy')
    await markCopies(it.deps.db, [{ copy, state: 'missing' }], it.deps.clock.now())
    await it.transfers.sweep(never)
    await it.transfers.idle()
    expect(await copiesAt(it.deps.db, it.tom.id)).toMatchObject([{ state: 'present' }])
    expect(await it.queued()).toEqual(['1 success', '1 success', '2 success'])
  })

  test('a job that is not there, or a destination that is not, cannot be put together', async () => {
    const it = await world()
    await expect(it.transfers.setJobDestinations(99, [], 'admin')).rejects.toMatchObject({
      code: 'job_not_found',
    })
    await expect(it.transfers.setJobDestinations(it.job.id, [99], 'admin')).rejects.toMatchObject({
      code: 'destination_not_found',
    })
  })
})
