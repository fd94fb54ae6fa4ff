import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { diskGuard } from './disk-guard.ts'

const gib = 1024 ** 3

test('keeps 1 GiB of a large disk free, and 5 % of a small one', () => {
  const disk = { neededBytes: 0, freeBytes: 50 * gib, reserveBytes: null }
  expect(diskGuard({ ...disk, totalBytes: 100 * gib })).toEqual({ ok: true, reserveBytes: gib })
  expect(diskGuard({ ...disk, totalBytes: 10 * gib })).toEqual({ ok: true, reserveBytes: gib / 2 })
})

test('asks for a tenth more than the estimate, and says what is missing', () => {
  const disk = { totalBytes: 10_000, reserveBytes: 500, neededBytes: 1000 }
  expect(diskGuard({ ...disk, freeBytes: 1600 })).toEqual({ ok: true, reserveBytes: 500 })
  expect(diskGuard({ ...disk, freeBytes: 1599 })).toEqual({
    ok: false,
    neededBytes: 1100,
    freeBytes: 1599,
    reserveBytes: 500,
    shortBytes: 1,
  })
})

test('without an estimate only the reserve counts', () => {
  const disk = { totalBytes: 10_000, reserveBytes: 500, neededBytes: null }
  expect(diskGuard({ ...disk, freeBytes: 500 })).toMatchObject({ ok: true })
  expect(diskGuard({ ...disk, freeBytes: 499 })).toMatchObject({
    ok: false,
    neededBytes: null,
    shortBytes: 1,
  })
})

test('an admin may set the reserve to nothing', () => {
  expect(diskGuard({ totalBytes: 10, freeBytes: 0, neededBytes: 0, reserveBytes: 0 })).toMatchObject({
    ok: true,
  })
})

test('a backup as large as estimated never reaches into the reserve', () => {
  const size = fc.integer({ min: 0, max: 2 ** 45 })
  fc.assert(
    fc.property(size, size, size, fc.option(size), (neededBytes, freeBytes, totalBytes, reserveBytes) => {
      const verdict = diskGuard({ neededBytes, freeBytes, totalBytes, reserveBytes })
      fc.pre(verdict.ok)
      expect(freeBytes - neededBytes).toBeGreaterThanOrEqual(verdict.reserveBytes)
    }),
  )
})

test('with what was missing added, the same backup may start', () => {
  const size = fc.integer({ min: 0, max: 2 ** 45 })
  fc.assert(
    fc.property(size, size, size, fc.option(size), (neededBytes, freeBytes, totalBytes, reserveBytes) => {
      const verdict = diskGuard({ neededBytes, freeBytes, totalBytes, reserveBytes })
      const missing = verdict.ok ? 0 : verdict.shortBytes
      const more = { neededBytes, freeBytes: freeBytes + missing, totalBytes, reserveBytes }
      expect(diskGuard(more).ok).toBe(true)
    }),
  )
})
