import { lstatSync, mkdirSync, renameSync, rmdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../../../test/support/temp.ts'
import { entered } from './entered.ts'

const signal = new AbortController().signal

test('finds the one directory of thousands that was exchanged, and none before', async () => {
  const folder = await temporaryFolder()
  const names: string[] = []
  const directories = entered()
  for (let i = 0; i < 2500; i += 1) {
    const path = join(folder, `d${i}`)
    mkdirSync(path)
    // Files stand between them in the list.
    names.push(`.${path}`, `.${path}/file`)
    directories.add(names.length - 1, lstatSync(path, { bigint: true }))
  }
  expect(await directories.exchanged(names, signal)).toBeNull()
  renameSync(join(folder, 'd2400'), join(folder, 'old'))
  expect(await directories.exchanged(names, signal)).toBeNull()
  symlinkSync('old', join(folder, 'd2400'))
  expect(await directories.exchanged(names, signal)).toBe(`.${folder}/d2400`)
  for (const path of ['d7', 'd8']) rmdirSync(join(folder, path))
  renameSync(join(folder, 'd9'), join(folder, 'd7'))
  expect(await directories.exchanged(names, signal)).toBe(`.${folder}/d7`)
  await expect(directories.exchanged(names.slice(20), AbortSignal.abort())).resolves.not.toBeNull()
})
