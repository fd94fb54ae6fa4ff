import {
  chmodSync,
  linkSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { archivePaths } from './format.ts'
import { infoBytes } from './info-json.ts'
import { bench, now, tar, type Bench } from './receive-world.ts'
import type { UploadOrder } from './receive.ts'
import { cleanPartials, recoverArchive } from './recover.ts'
import { scanArchives } from './scan.ts'
import { goodInfo } from './testing-archives.ts'

/** What stands where when the power is cut, in the order of what is done. Each is made from an upload in its place. */
const cuts: readonly [string, far: boolean, (it: Bench, order: UploadOrder) => void][] = (() => {
  const paths = (it: Bench) => archivePaths(it.archivesDir, 'a')
  const linked = (it: Bench, { part }: UploadOrder) => linkSync(part, paths(it).received)
  const sidecar = (it: Bench) => writeFileSync(paths(it).sidecar, infoBytes(goodInfo))
  const described = (it: Bench) => writeFileSync(paths(it).backupInfo, '{}')
  const taken = ({ part }: UploadOrder) => chmodSync(part, 0o640)
  return [
    ['after its second name', false, linked],
    [
      'in the sidecar',
      false,
      (it, order) => {
        linked(it, order)
        writeFileSync(join(it.archivesDir, '.a.info.json.0123456789ab.partial'), '{')
      },
    ],
    [
      'after the sidecar',
      false,
      (it, order) => {
        linked(it, order)
        sidecar(it)
      },
    ],
    [
      'after both descriptions',
      false,
      (it, order) => {
        linked(it, order)
        sidecar(it)
        described(it)
        taken(order)
      },
    ],
    [
      'after the last name',
      false,
      (it, order) => {
        linked(it, order)
        sidecar(it)
        linkSync(order.part, paths(it).tar)
      },
    ],
    [
      'after the file in progress has gone',
      false,
      (it, order) => {
        sidecar(it)
        linkSync(order.part, paths(it).tar)
      },
    ],
    [
      'at the very end',
      false,
      (it, order) => {
        sidecar(it)
        renameSync(order.part, paths(it).tar)
      },
    ],
    ['in the copy', true, (it) => writeFileSync(paths(it).received, tar.subarray(0, 5000))],
    ['after the copy', true, (it) => writeFileSync(paths(it).received, tar)],
    [
      'after the copy’s sidecar',
      true,
      (it) => {
        writeFileSync(paths(it).received, tar)
        sidecar(it)
      },
    ],
    [
      'when only the name is reserved',
      true,
      (it) => {
        writeFileSync(paths(it).received, tar)
        sidecar(it)
        writeFileSync(paths(it).tar, '')
      },
    ],
    [
      'after the copy has its name',
      true,
      (it) => {
        writeFileSync(paths(it).tar, tar)
        sidecar(it)
      },
    ],
  ]
})()

describe.each(cuts)('when the power is cut %s', (_, far, cut) => {
  test('doing it again finishes it', async () => {
    const it = await bench({ far })
    const order = it.upload(tar)
    cut(it, order)
    expect(await it.publish(order)).toMatchObject({ file: 'a.tar', sizeBytes: tar.length })
    expect(it.files().filter((file) => !file.startsWith('.a.info.json'))).toEqual(['a.info.json', 'a.tar'])
    expect(readFileSync(join(it.archivesDir, 'a.tar')).equals(tar)).toBe(true)
    expect(statSync(join(it.archivesDir, 'a.tar')).nlink).toBe(1)
    expect(readdirSync(it.uploads)).toEqual([])
  })

  test('clearing up first loses nothing either', async () => {
    const it = await bench({ far })
    const order = it.upload(tar)
    cut(it, order)
    const whole = it.files().includes('a.info.json') && statSync(join(it.archivesDir, 'a.info.json')).size > 0
    await recoverArchive(it.archivesDir, 'a')
    const left = it.files()
    expect(left.length === 0 || (whole && left.join() === 'a.info.json,a.tar')).toBe(true)
    await it.publish(order)
    expect(it.files()).toEqual(['a.info.json', 'a.tar'])
    expect(readFileSync(join(it.archivesDir, 'a.tar')).equals(tar)).toBe(true)
  })

  test('nobody takes half of it for an archive, and what is stale goes', async () => {
    const it = await bench({ far })
    const order = it.upload(tar)
    cut(it, order)
    const { archives } = await scanArchives(it.archivesDir)
    for (const { sizeBytes } of archives) expect([0, tar.length]).toContain(sizeBytes)
    for (const file of it.files()) utimesSync(join(it.archivesDir, file), 1, 1)
    await cleanPartials(it.archivesDir, now, new Set())
    expect(it.files().filter((file) => file.startsWith('.'))).toEqual([])
  })
})
