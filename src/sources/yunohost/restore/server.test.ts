import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../../../../test/support/temp.ts'
import { lookAt } from './server.ts'

test('a data folder is looked at: whether it is filled, and where a disk is mounted', async () => {
  const root = await temporaryFolder()
  const data = join(root, 'home/yunohost.app')
  mkdirSync(join(data, 'cloud/films'), { recursive: true })
  mkdirSync(join(data, 'empty'))
  writeFileSync(join(data, 'file'), '')
  symlinkSync('cloud', join(data, 'link'))
  const io = { places: { archivesDir: '', dataDir: '', yunohost: [], systemRoot: root } }
  const mounts = join(root, 'mountinfo')
  const at = (...points: string[]): void =>
    writeFileSync(
      mounts,
      ['/', ...points].map((point) => `36 35 8:1 / ${point} rw - ext4 /dev/sda1 rw\n`).join(''),
    )
  const look = (name: string) => lookAt(`/home/yunohost.app/${name}`, io, mounts)

  at()
  expect(await look('cloud')).toEqual({ filled: true, mount: null })
  expect(await look('empty')).toEqual({ filled: false, mount: null })
  expect(await look('file')).toEqual({ filled: true, mount: null })
  expect(await look('none')).toEqual({ filled: false, mount: null })
  expect(await look('file/below')).toEqual({ filled: false, mount: null })
  at(join(data, 'cloud2'), join(data, 'cloud/films'))
  expect(await look('cloud')).toEqual({ filled: true, mount: join(data, 'cloud/films') })
  expect(await look('link')).toEqual({ filled: true, mount: join(data, 'cloud/films') })
  expect(await look('empty')).toEqual({ filled: false, mount: null })
  at(join(data, 'empty'))
  expect(await look('empty')).toEqual({ filled: false, mount: join(data, 'empty') })
})
