// Transfers and destinations on the command line, in this process, as beside a running server.
import { Readable, Writable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { seedArchives } from '../../test/support/archives.ts'
import { fakeEngine } from '../../test/support/fake-engine.ts'
import { testWeb } from '../../test/support/web.ts'
import { transferSchema } from '../domain/api/archives.ts'
import { sources } from '../sources/registry.ts'
import { insertJob } from '../store/jobs.ts'
import { recordCopy } from '../store/copies.ts'
import { destinationsOfJob, getDestination } from '../store/destinations.ts'
import { claimTransfer, finishTransfer, getTransfer, parkTransfer } from '../store/transfers.ts'
import type { CliContext, Instance } from './context.ts'
import { runCli } from './program.ts'

const NAME = 'jerry_photos_20260508'

async function commandLine() {
  const web = await testWeb()
  const { db, clock, config } = web.deps
  const { engine } = await fakeEngine({ db, clock, sources, dataDir: config.dataDir })
  await db.insertInto('destinations').values({ kind: 'peer', name: 'tom', created_at: 0 }).execute()
  await seedArchives(db, { name: NAME, size_bytes: 1000 })
  const instance: Instance = {
    config,
    db,
    engine,
    sources,
    lock: () => null,
    serve: () => Promise.reject(new Error('not here')),
    close: () => Promise.resolve(),
  }
  let latest = collector()
  const cli = async (...args: readonly string[]) => {
    const [out, err] = [collector(), collector()]
    latest = err
    const context: CliContext = {
      stdin: Readable.from([]),
      stdout: out.stream,
      stderr: err.stream,
      version: '0.0.0-test',
      config: () => config,
      open: () => Promise.resolve(instance),
      onSignal: () => () => undefined,
      now: () => clock.now(),
    }
    return { code: await runCli(args, context), out: out.text(), err: err.text() }
  }
  /** What the latest command has told so far. */
  const told = () => latest.text()
  return { db, clock, cli, told }
}

function collector() {
  let written = ''
  const stream = new Writable({
    write(chunk, _encoding, done) {
      written += String(chunk)
      done()
    },
  })
  return { stream, text: () => written }
}

describe('transfers', () => {
  test('a copy is queued, shown, paused, resumed and cancelled', async () => {
    const { db, clock, cli } = await commandLine()
    const queued = await cli('archive', 'send', NAME, '--to', 'TOM', '--json')
    expect(queued.code).toBe(0)
    expect(transferSchema.parse(JSON.parse(queued.out))).toMatchObject({ transfer_id: 1, status: 'queued' })
    expect((await cli('transfer', 'list')).out).toMatch(
      /1 +jerry_photos_20260508 +to tom +queued +0 B of 1000 B/,
    )
    expect((await cli('transfer', 'pause', '1')).out).toContain(': paused')
    expect((await cli('transfer', 'resume', '1')).out).toContain(': queued')
    await claimTransfer(db, 1, clock.now())
    // Whoever carries it out does it.
    expect((await cli('transfer', 'pause', '1')).out).toContain(': running')
    expect((await getTransfer(db, 1))?.wanted).toBe('pause')
    const end = {
      status: 'error',
      finishedAt: 1,
      error: { code: 'peer_forbids', facts: { scope: 'upload' } },
    } as const
    await finishTransfer(db, 1, end)
    const failed = await cli('transfer', 'show', '1')
    expect(failed.out).toContain(': error')
    expect(failed.out).toContain('upload')
    await cli('transfer', 'resume', '1')
    expect((await cli('transfer', 'cancel', '1')).out).toContain(': cancelled')
    const late = await cli('transfer', 'cancel', '1')
    expect([late.code, late.err]).toEqual([1, expect.stringContaining('transfer_finished')])
  })

  test('with --wait the exit code tells how it ended', async () => {
    const { db, clock, cli } = await commandLine()
    const waiting = cli('archive', 'send', NAME, '--to', 'tom', '--wait')
    await expect.poll(async () => (await getTransfer(db, 1))?.status).toBe('queued')
    await finishTransfer(db, 1, { status: 'success', finishedAt: clock.now(), error: null, bytesTotal: 1000 })
    expect(await waiting).toMatchObject({ code: 0, out: expect.stringContaining('1000 B of 1000 B') })
    const cancelled = cli('archive', 'send', NAME, '--to', 'tom', '--wait')
    await expect.poll(async () => (await getTransfer(db, 2))?.status).toBe('queued')
    await cli('transfer', 'pause', '2')
    expect(await cancelled).toMatchObject({ code: 1, out: expect.stringContaining(': paused') })
  })

  test('with --wait it says why the transfer waits and until when, and goes on waiting', async () => {
    const { db, clock, cli, told } = await commandLine()
    const ended = cli('archive', 'send', NAME, '--to', 'tom', '--wait', '--json')
    await expect.poll(async () => (await getTransfer(db, 1))?.status).toBe('queued')
    const error = { code: 'quota_exceeded', facts: { failures: 1, failingSince: 0 } } as const
    await claimTransfer(db, 1, clock.now())
    await parkTransfer(db, 1, { status: 'waiting', notBefore: Date.UTC(2026, 4, 8, 12), error })
    await expect.poll(told).toMatch(/next try: 2026-05-08T/)
    const end = { status: 'success', finishedAt: clock.now(), error: null, bytesTotal: 1000 } as const
    await finishTransfer(db, 1, end)
    const { code, out, err } = await ended
    expect([code, transferSchema.parse(JSON.parse(out)).status]).toEqual([0, 'success'])
    expect(err).toContain('transfer 1 waits: ')
    expect(err.match(/next try/g)).toHaveLength(1)
  })

  test.each([
    [['archive', 'send', 'nothing', '--to', 'tom'], 66, 'archive_not_found'],
    [['archive', 'send', NAME, '--to', 'nobody'], 66, 'destination_not_found'],
    [['archive', 'send', NAME, '--to', 'tom', '--mode', 'pigeon'], 64, 'mode'],
    [['archive', 'send', NAME, '--to', 'tom', '--mode', 'rsync'], 1, 'transfer_mode_unavailable'],
    [['archive', 'fetch', NAME, '--from', 'nobody'], 66, 'destination_not_found'],
    [['transfer', 'show', '7'], 66, 'transfer_not_found'],
    [['transfer', 'show', 'x'], 66, 'transfer_not_found'],
    [['destination', 'set', 'tom', '--hours', '25:00-1:00'], 64, 'hours'],
    [['destination', 'set', 'tom', '--bandwidth', '0'], 64, 'bandwidth'],
    [['destination', 'set', 'tom', '--enable', '--disable'], 64, 'enable'],
  ])('%j ends with %i', async (args, code, word) => {
    const { cli } = await commandLine()
    expect(await cli(...args)).toMatchObject({ code, err: expect.stringContaining(word) })
  })
})

describe('destinations', () => {
  test('are changed in what is given, and stay as they are else', async () => {
    const { db, cli } = await commandLine()
    await cli('destination', 'set', 'tom', '--hours', '22:00-06:00', '--bandwidth', '512', '--mode', 'http')
    await cli('destination', 'set', 'tom', '--disable')
    expect(await getDestination(db, 1)).toMatchObject({
      enabled: false,
      mode: 'http',
      bandwidthKib: 512,
      window: { fromMinute: 1320, toMinute: 360 },
    })
    expect((await cli('destination', 'list')).out).toMatch(
      /1 +tom +peer +no +http +512 +22:00-06:00 +as the job/,
    )
    await cli('destination', 'set', 'tom', '--retention', 'gfs:7,4,3')
    await cli('destination', 'set', 'tom', '--mode', 'auto')
    expect((await cli('destination', 'show', 'tom')).out).toContain('gfs:7,4,3')
    await cli('destination', 'set', 'tom', '--retention', 'job')
    expect((await getDestination(db, 1))?.retention).toBeNull()
    expect((await cli('destination', 'set', 'tom', '--retention', 'some')).code).not.toBe(0)
    const shown = await cli(
      'destination',
      'set',
      'tom',
      '--hours',
      'none',
      '--bandwidth',
      'none',
      '--enable',
      '--json',
    )
    expect(JSON.parse(shown.out)).toMatchObject({ enabled: true, hours: null, bandwidth_kib: null })
  })

  test('a job sends its archives to those that are named, or to none', async () => {
    const { db, cli } = await commandLine()
    const job = await insertJob(db, jobOf('photos'))
    expect((await cli('job', 'set-copies', 'photos', 'tom')).code).toBe(0)
    expect((await destinationsOfJob(db, job.id)).map((one) => one.name)).toEqual(['tom'])
    expect((await cli('job', 'set-copies', 'photos', 'nobody')).code).toBe(66)
    expect(await destinationsOfJob(db, job.id)).toHaveLength(1)
    await cli('job', 'set-copies', 'photos')
    expect(await destinationsOfJob(db, job.id)).toEqual([])
  })
})

test('an archive tells where its copies are', async () => {
  const { db, clock, cli } = await commandLine()
  const copy = { archiveName: NAME, destinationId: 1, sizeBytes: 1000, sha256: 'ab'.repeat(32), archiveAt: 1 }
  await recordCopy(db, copy, clock.now())
  expect((await cli('archive', 'info', NAME)).out).toContain('copy at tom: present')
  const { copies } = JSON.parse((await cli('archive', 'info', NAME, '--json')).out)
  expect(copies).toMatchObject([{ destination: 'tom', state: 'present', size_bytes: 1000 }])
})

function jobOf(name: string): Parameters<typeof insertJob>[1] {
  return {
    uid: 'b7f4c6de-6d39-4f4c-9f0e-2f5f2b3f7a11',
    name,
    type: 'custom_dir',
    config: { source_path: '/srv/photos', excludes: [] },
    cronExpr: '0 3 * * *',
    retention: { mode: 'count', count: 2 },
    enabled: true,
    coreOnly: false,
    hooks: { timeoutS: 300 },
    timeoutS: null,
    createdAt: 1,
    updatedAt: 1,
    nextRunAt: null,
    drill: null,
    nextDrillAt: null,
    retentionHold: null,
  }
}
