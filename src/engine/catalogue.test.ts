import { describe, expect, test } from 'vitest'
import { engineBench } from '../../test/support/engine.ts'
import { Problem } from '../domain/problem.ts'
import type { CatalogueScan, ReadArchive, ScannedArchive } from '../domain/helper-protocol.ts'
import { archivesOfJob, getArchive, listArchives, setPinned } from '../store/archives.ts'
import { rescan } from './catalogue.ts'

function scanned(name: string, fingerprint = `1:${name}`): ScannedArchive {
  return { name, file: `${name}.tar`, sizeBytes: 1000, fingerprint }
}

function described(name: string): ReadArchive {
  return {
    name,
    info: { created_at: 1778202000, apps: { nocodb: {} }, system: {} },
    backupInfo: null,
    error: null,
  }
}

async function directory(initial: readonly ScannedArchive[]) {
  let archives = initial
  const bench = await engineBench({
    'catalogue.scan': (): CatalogueScan => ({ archives, unfinished: [] }),
    'catalogue.read': ({ names }) => ({ archives: names.map(described) }),
  })
  const read = () => bench.calls.filter((call) => call.verb === 'catalogue.read')
  return {
    ...bench,
    read,
    set: (now: readonly ScannedArchive[]) => {
      archives = now
    },
  }
}

describe('the catalogue', () => {
  test('takes up archives made by hand as foreign, and reads them once', async () => {
    const { deps, read } = await directory([scanned('by-hand')])
    await rescan(deps)
    await rescan(deps)
    expect(await getArchive(deps.db, 'by-hand')).toMatchObject({
      origin: 'foreign',
      app: 'nocodb',
      state: 'unverified',
    })
    expect(read()).toHaveLength(1)
  })

  test('reads 10,000 archives in bounded pieces', async () => {
    const { deps, read } = await directory(Array.from({ length: 10_000 }, (_, n) => scanned(`archive-${n}`)))
    await rescan(deps)
    expect(read()).toHaveLength(5)
    expect((await listArchives(deps.db, { limit: 1 })).items).toHaveLength(1)
  })

  test('asks for long descriptions in halves, and loses none', async () => {
    const names = Array.from({ length: 10 }, (_, n) => `archive-${n}`)
    const { deps } = await engineBench({
      'catalogue.scan': () => ({ archives: names.map((name) => scanned(name)), unfinished: [] }),
      'catalogue.read': (args) => {
        if (args.names.length > 3)
          throw new Problem('helper_unavailable', { detail: 'the answer is too long' })
        return { archives: args.names.map(described) }
      },
    })
    await rescan(deps)
    const { items } = await listArchives(deps.db, { limit: 100 })
    expect(items.map((one) => one.name).toSorted()).toEqual(names)
    expect(items.every((one) => one.app === 'nocodb')).toBe(true)
  })

  test('keeps what it knows of archives whose disk is away for a while', async () => {
    const { deps, set, addJob, addArchive } = await directory([])
    const job = await addJob()
    await addArchive('one', { jobId: job.id })
    await setPinned(deps.db, 'one', true)
    await rescan(deps)
    expect(await archivesOfJob(deps.db, job.id)).toEqual([])
    set([scanned('one')])
    await rescan(deps)
    expect(await archivesOfJob(deps.db, job.id)).toEqual([
      expect.objectContaining({ name: 'one', pinned: true, state: 'ok', sha256: 'a'.repeat(64) }),
    ])
  })

  test('wants a touched archive proven again, against the hash on record', async () => {
    const { deps, addArchive } = await directory([scanned('one', 'touched')])
    await addArchive('one', { createdAt: 1778202000_000 })
    await rescan(deps)
    expect(await getArchive(deps.db, 'one')).toMatchObject({ state: 'unverified', sha256: 'a'.repeat(64) })
  })
})
