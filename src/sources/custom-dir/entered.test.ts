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
  const renewed: string[] = []
  const look = () => directories.exchanged(names, signal, (name) => renewed.push(name))
  expect(await look()).toBeNull()
  renameSync(join(folder, 'd2400'), join(folder, 'old'))
  expect(await look()).toBeNull()
  expect(renewed).toEqual([])
  for (const path of ['d7', 'd8']) rmdirSync(join(folder, path))
  renameSync(join(folder, 'd9'), join(folder, 'd7'))
  expect(await look()).toBeNull()
  expect(renewed).toEqual([`.${folder}/d7`])
  symlinkSync('old', join(folder, 'd2400'))
  expect(await look()).toBe(`.${folder}/d2400`)
  await expect(directories.exchanged(names, AbortSignal.abort(), () => undefined)).rejects.toMatchObject({
    name: 'AbortError',
  })
})
