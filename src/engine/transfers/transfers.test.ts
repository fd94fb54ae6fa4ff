import { describe, expect, onTestFinished, test } from 'vitest'
import { Problem } from '../../domain/problem.ts'
import { listActivity } from '../../store/activity.ts'
import { setState } from '../../store/archives.ts'
import { getCopy } from '../../store/copies.ts'
import { acquireHold, heldNames } from '../../store/holds.ts'
import { claimTransfer, getTransfer, wantOfTransfer } from '../../store/transfers.ts'
import { failing, hangs, transfersWorld, unreachable, type World } from './transfers-world.ts'

const NAME = 'jerry_photos_20260508'
const NEXT = 'jerry_photos_20260509'

async function world(...given: Parameters<typeof transfersWorld>): Promise<World> {
  const it = await transfersWorld(...given)
  onTestFinished(() => it.transfers.close())
  await it.addArchive(NAME)
  await it.addArchive(NEXT)
  return it
}

const order = (destinationId: number, archive = NAME) =>
  ({ archive, destinationId, trigger: 'manual' }) as const

describe('a transfer', () => {
  test('is sent, and the copy is on record', async () => {
    const it = await world()
    const tom = await it.addPeer('tom')
    it.transfers.open()
    const { id } = await it.transfers.send(order(tom.id), 'admin')
    await it.transfers.idle()
    expect(await it.row(id)).toMatchObject({
      status: 'success',
      chosen: 'http',
      attempt: 1,
      bytesDone: 1000,
      bytesTotal: 1000,
      bytesSent: 1000,
      errorCode: null,
    })
    expect(it.sent).toEqual([`tom ${NAME}`])
    expect(await getCopy(it.deps.db, NAME, tom.id)).toMatchObject({
      state: 'present',
      sha256: 'a'.repeat(64),
    })
    const noted = (await listActivity(it.deps.db, { limit: 10 })).map((one) => one.action)
    expect(noted).toEqual(['transfer.end', 'transfer.send'])
  })

  test('is queued once, however often it is asked for', async () => {
    const it = await world()
    const tom = await it.addPeer('tom')
    const first = await it.transfers.send(order(tom.id), 'admin')
    expect(await it.transfers.send(order(tom.id), 'admin')).toEqual(first)
  })

  test('keeps its archive from being deleted meanwhile', async () => {
    const it = await world()
    const tom = await it.addPeer('tom')
    let held: ReadonlySet<string> = new Set()
    it.carriers.send = async () => {
      held = await heldNames(it.deps.db, it.deps.clock.now())
    }
    it.transfers.open()
    await it.transfers.send(order(tom.id), 'admin')
    await it.transfers.idle()
    expect([...held]).toEqual([NAME])
    expect((await heldNames(it.deps.db, it.deps.clock.now())).size).toBe(0)
  })

  test('of an archive whose hash nobody knows hashes it first', async () => {
    const it = await world({
      'archive.verify': () => ({
        sha256: 'b'.repeat(64),
        sizeBytes: 1000,
        members: 1,
        damage: '',
        innerSha256: null,
      }),
    })
    await it.addArchive('by_hand', { sha256: null, state: 'unverified' })
    const tom = await it.addPeer('tom')
    it.transfers.open()
    await it.transfers.send(order(tom.id, 'by_hand'), 'admin')
    await it.transfers.idle()
    expect(await getCopy(it.deps.db, 'by_hand', tom.id)).toMatchObject({ sha256: 'b'.repeat(64) })
  })

  test.each([
    ['archive_not_found', { archive: 'nothing' }],
    ['destination_not_found', { destinationId: 99 }],
    ['transfer_mode_unavailable', { mode: 'rsync' }],
  ] as const)('is refused with %s', async (code, change) => {
    const it = await world()
    const tom = await it.addPeer('tom')
    await expect(it.transfers.send({ ...order(tom.id), ...change }, 'admin')).rejects.toMatchObject({ code })
  })

  test('of a damaged archive, or to a destination that is switched off, is refused', async () => {
    const it = await world()
    const tom = await it.addPeer('tom')
    await setState(it.deps.db, NAME, { state: 'corrupted', detail: 'bad' })
    await expect(it.transfers.send(order(tom.id), 'admin')).rejects.toMatchObject({
      code: 'archive_corrupted',
    })
    await it.transfers.changeDestination(tom.id, { ...tom, enabled: false }, 'admin')
    await expect(it.transfers.send(order(tom.id, NEXT), 'admin')).rejects.toMatchObject({
      code: 'destination_disabled',
    })
  })
})

describe('lanes', () => {
  test('a peer that hangs keeps nobody else waiting', async () => {
    const it = await world()
    const dead = await it.addPeer('dead')
    const tom = await it.addPeer('tom')
    it.carriers.send = (given, io) =>
      given.target.url.includes('dead') ? hangs(given, io) : Promise.resolve()
    it.transfers.open()
    const stuck = await it.transfers.send(order(dead.id), 'admin')
    const behind = await it.transfers.send(order(dead.id, NEXT), 'admin')
    const good = await it.transfers.send(order(tom.id), 'admin')
    expect((await it.transfers.wait(good.id)).status).toBe('success')
    expect((await it.row(stuck.id)).status).toBe('running')
    expect((await it.row(behind.id)).status).toBe('queued')
  })

  test('what fails makes room for what comes after it', async () => {
    const it = await world()
    const tom = await it.addPeer('tom')
    it.carriers.send = failing(1, unreachable)
    it.transfers.open()
    const first = await it.transfers.send(order(tom.id), 'admin')
    const second = await it.transfers.send(order(tom.id, NEXT), 'admin')
    expect((await it.transfers.wait(second.id)).status).toBe('success')
    expect((await it.row(first.id)).status).toBe('waiting')
  })
})

describe('a failure', () => {
  test('is tried again later and later, until it works', async () => {
    const it = await world()
    const tom = await it.addPeer('tom')
    it.carriers.send = failing(2, unreachable)
    it.transfers.open()
    const { id } = await it.transfers.send(order(tom.id), 'admin')
    await it.transfers.idle()
    const start = it.deps.clock.now()
    expect(await it.row(id)).toMatchObject({
      status: 'waiting',
      errorCode: 'peer_unreachable',
      notBefore: start + 30_000,
    })
    await it.transfers.idle()
    expect((await it.row(id)).attempt).toBe(1)
    it.setNow(start + 30_000)
    await it.transfers.idle()
    expect(await it.row(id)).toMatchObject({
      status: 'waiting',
      attempt: 2,
      notBefore: start + 30_000 + 60_000,
    })
    it.setNow(start + 90_000)
    await it.transfers.idle()
    expect(await it.row(id)).toMatchObject({ status: 'success', attempt: 3, errorCode: null })
  })

  test('ends after a week, and can be tried again by hand', async () => {
    const it = await world()
    const tom = await it.addPeer('tom')
    it.carriers.send = failing(2, unreachable)
    it.transfers.open()
    const { id } = await it.transfers.send(order(tom.id), 'admin')
    await it.transfers.idle()
    it.setNow(it.deps.clock.now() + 7 * 86_400_000)
    await it.transfers.idle()
    expect(await it.row(id)).toMatchObject({ status: 'error', errorCode: 'peer_unreachable' })
    await it.transfers.resume(id, 'admin')
    await it.transfers.idle()
    expect((await it.row(id)).status).toBe('success')
  })

  test('that somebody has to solve is the end at once', async () => {
    const it = await world()
    const tom = await it.addPeer('tom')
    it.carriers.send = failing(1, () => new Problem('archive_exists', { archive: NAME }))
    it.transfers.open()
    const { id } = await it.transfers.send(order(tom.id), 'admin')
    await it.transfers.idle()
    expect(await it.row(id)).toMatchObject({ status: 'error', errorCode: 'archive_exists' })
  })

  test.each([
    ['damaged', 'the tar ends early', 'error', 'archive_corrupted'],
    ['good', '', 'waiting', 'upload_checksum_mismatch'],
  ])('to arrive whole has the archive here proven: %s', async (_, damage, status, errorCode) => {
    const sha256 = 'a'.repeat(64)
    const it = await world({
      'archive.verify': () => ({ sha256, sizeBytes: 1000, members: 1, damage, innerSha256: null }),
    })
    const tom = await it.addPeer('tom')
    it.carriers.send = failing(1, () => new Problem('upload_checksum_mismatch'))
    it.transfers.open()
    const { id } = await it.transfers.send(order(tom.id), 'admin')
    await it.transfers.idle()
    expect(await it.row(id)).toMatchObject({ status, errorCode })
  })

  test('because the archive is being deleted is tried again', async () => {
    const it = await world()
    const tom = await it.addPeer('tom')
    await acquireHold(it.deps.db, NAME, 'somebody', 'delete', it.deps.clock.now(), 60_000)
    it.transfers.open()
    const { id } = await it.transfers.send(order(tom.id), 'admin')
    await it.transfers.idle()
    expect(await it.row(id)).toMatchObject({ status: 'waiting', errorCode: 'archive_in_use' })
  })
})

describe('pause, resume, cancel', () => {
  async function underWay() {
    const it = await world()
    const tom = await it.addPeer('tom')
    it.carriers.send = hangs
    it.transfers.open()
    const { id } = await it.transfers.send(order(tom.id), 'admin')
    await it.becomes(id, 'running')
    return { it, id, tom }
  }

  test('a running one is paused, and goes on when it is resumed', async () => {
    const { it, id } = await underWay()
    await it.transfers.pause(id, 'admin')
    await it.transfers.idle()
    expect(await it.row(id)).toMatchObject({ status: 'paused', wanted: null })
    it.carriers.send = () => Promise.resolve()
    await it.transfers.resume(id, 'admin')
    await it.transfers.idle()
    expect((await it.row(id)).status).toBe('success')
  })

  test('a running one is cancelled', async () => {
    const { it, id } = await underWay()
    await it.transfers.cancel(id, 'admin')
    expect((await it.transfers.wait(id)).status).toBe('cancelled')
    await expect(it.transfers.pause(id, 'admin')).rejects.toMatchObject({ code: 'transfer_finished' })
    await expect(it.transfers.resume(id, 'admin')).rejects.toMatchObject({ code: 'transfer_finished' })
    await expect(it.transfers.cancel(99, 'admin')).rejects.toMatchObject({ code: 'transfer_not_found' })
  })

  test('another process asks for it through the row', async () => {
    const { it, id } = await underWay()
    await wantOfTransfer(it.deps.db, id, 'pause', 'admin')
    await it.transfers.pump()
    await it.transfers.idle()
    expect((await it.row(id)).status).toBe('paused')
    const other = it.other()
    await other.cancel(id, 'admin')
    expect((await it.row(id)).status).toBe('cancelled')
  })

  test('one that waits for another try is paused, cancelled, or tried at once', async () => {
    const it = await world()
    const tom = await it.addPeer('tom')
    it.carriers.send = failing(2, unreachable)
    it.transfers.open()
    const { id } = await it.transfers.send(order(tom.id), 'admin')
    const second = await it.transfers.send(order(tom.id, NEXT), 'admin')
    await it.transfers.idle()
    await it.transfers.pause(id, 'admin')
    expect((await it.row(id)).status).toBe('paused')
    await it.transfers.cancel(second.id, 'admin')
    expect((await it.row(second.id)).status).toBe('cancelled')
    await it.transfers.resume(id, 'admin')
    await it.transfers.idle()
    expect((await it.row(id)).status).toBe('success')
  })

  test('a failed one that has a successor gives way to it', async () => {
    const it = await world()
    const tom = await it.addPeer('tom')
    it.carriers.send = failing(1, () => new Problem('peer_forbids', { scope: 'upload' }))
    it.transfers.open()
    const failed = await it.transfers.send(order(tom.id), 'admin')
    await it.transfers.idle()
    it.carriers.send = hangs
    const next = await it.transfers.send(order(tom.id), 'admin')
    await it.becomes(next.id, 'running')
    expect((await it.transfers.resume(failed.id, 'admin')).id).toBe(next.id)
    expect((await it.row(failed.id)).status).toBe('error')
  })
})

describe('the end of the program', () => {
  test('parks what is under way, and the next start goes on with it', async () => {
    const it = await world()
    const tom = await it.addPeer('tom')
    it.carriers.send = hangs
    it.transfers.open()
    const { id } = await it.transfers.send(order(tom.id), 'admin')
    await it.becomes(id, 'running')
    await it.transfers.close()
    expect(await it.row(id)).toMatchObject({ status: 'queued', attempt: 1, errorCode: null })
    it.carriers.send = () => Promise.resolve()
    const next = it.other()
    await next.recover()
    next.open()
    await next.idle()
    expect(await it.row(id)).toMatchObject({ status: 'success', attempt: 2 })
    await next.close()
  })

  test('after a crash what was running is queued, or gets what was wanted of it', async () => {
    const it = await world()
    const tom = await it.addPeer('tom')
    const first = await it.transfers.send(order(tom.id), 'admin')
    const second = await it.transfers.send(order(tom.id, NEXT), 'admin')
    for (const { id } of [first, second]) await claimTransfer(it.deps.db, id, it.deps.clock.now())
    await wantOfTransfer(it.deps.db, second.id, 'cancel', 'admin')
    await it.transfers.recover()
    expect((await it.row(first.id)).status).toBe('queued')
    expect((await it.row(second.id)).status).toBe('cancelled')
  })
})

describe('hours', () => {
  test('outside them it waits; they can be changed; a running one stops at their end', async () => {
    const it = await world()
    it.setNow('2026-05-08T12:00:00+02:00')
    const tom = await it.addPeer('tom')
    const night = { fromMinute: 22 * 60, toMinute: 6 * 60 }
    await it.transfers.changeDestination(tom.id, { ...tom, window: night }, 'admin')
    it.carriers.send = hangs
    it.transfers.open()
    const { id } = await it.transfers.send(order(tom.id), 'admin')
    await it.transfers.idle()
    const evening = Date.parse('2026-05-08T22:00:00+02:00')
    expect(await it.row(id)).toMatchObject({ status: 'waiting', notBefore: evening, errorCode: null })
    const noon = { fromMinute: 12 * 60, toMinute: 13 * 60 }
    await it.transfers.changeDestination(tom.id, { ...tom, window: noon }, 'admin')
    await it.becomes(id, 'running')
    it.setNow('2026-05-08T13:00:00+02:00')
    await it.transfers.idle()
    expect(await it.row(id)).toMatchObject({
      status: 'waiting',
      notBefore: Date.parse('2026-05-09T12:00:00+02:00'),
    })
  })

  test.each([
    [{ bandwidthKib: 0 }, 'bandwidth'],
    [{ bandwidthKib: 1.5 }, 'bandwidth'],
    [{ window: { fromMinute: -1, toMinute: 5 } }, 'hours'],
    [{ window: { fromMinute: 0, toMinute: 1440 } }, 'hours'],
  ])('a destination is not changed to %o', async (change, field) => {
    const it = await world()
    const tom = await it.addPeer('tom')
    await expect(
      it.transfers.changeDestination(tom.id, { ...tom, ...change }, 'admin'),
    ).rejects.toMatchObject({
      code: 'validation_failed',
      errors: [{ field }],
    })
  })
})

test('with one transfer chosen, no other begins', async () => {
  const it = await world()
  const tom = await it.addPeer('tom')
  const first = await it.transfers.send(order(tom.id), 'admin')
  const second = await it.transfers.send(order(tom.id, NEXT), 'admin')
  it.transfers.open(second.id)
  await it.transfers.idle()
  expect((await getTransfer(it.deps.db, first.id))?.status).toBe('queued')
  expect((await it.row(second.id)).status).toBe('success')
})

test('whoever watches is told, and the pace is known while it goes', async () => {
  const it = await world()
  const tom = await it.addPeer('tom')
  const { id } = await it.transfers.send(order(tom.id), 'admin')
  let told = 0
  it.transfers.watch(id, () => (told += 1))
  let pace: ReturnType<typeof it.transfers.pace> = null
  it.carriers.send = async (_, io) => {
    await io.throttle(500)
    await new Promise((resolve) => setTimeout(resolve, 5))
    pace = it.transfers.pace(id)
  }
  it.transfers.open()
  await it.transfers.idle()
  expect(told).toBeGreaterThan(1)
  expect(pace).toMatchObject({ bytesPerSecond: expect.any(Number), secondsLeft: expect.any(Number) })
  expect(it.transfers.pace(id)).toBeNull()
})
