import {
  chmodSync,
  chownSync,
  mkdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { temporaryFolder } from '../../../test/support/temp.ts'
import { heldIn, safeFolder, withDirectory } from './held.ts'

describe('a safe folder', () => {
  test('is the place itself where only root may write on the way to it', async () => {
    const folder = await temporaryFolder()
    mkdirSync(join(folder, 'a/b'), { recursive: true })
    expect(safeFolder(join(folder, 'a/b'))).toBe(join(folder, 'a/b'))
  })

  test.each([
    ['belongs to somebody else', (path: string) => chownSync(path, 65_534, 65_534)],
    ['is open to everybody', (path: string) => chmodSync(path, 0o777)],
    ['is open to a group', (path: string) => (chownSync(path, 0, 65_534), chmodSync(path, 0o775))],
  ])('is above a folder that %s', async (_, open) => {
    const folder = await temporaryFolder()
    mkdirSync(join(folder, 'home/alice/photos'), { recursive: true })
    open(join(folder, 'home/alice'))
    expect(safeFolder(join(folder, 'home/alice/photos'))).toBe(join(folder, 'home'))
  })

  test('may be open to everybody when only owners may move what is in it', async () => {
    const folder = await temporaryFolder()
    mkdirSync(join(folder, 'tmp'))
    chmodSync(join(folder, 'tmp'), 0o1777)
    expect(safeFolder(join(folder, 'tmp'))).toBe(join(folder, 'tmp'))
  })

  test('is none when the only one is on another file system', () => {
    expect(safeFolder('/proc/self')).not.toBe('/')
  })
})

describe('what is held', () => {
  test('stays the directory that it was, whatever is put in its place', async () => {
    const folder = await temporaryFolder()
    for (const name of ['theirs', 'elsewhere']) mkdirSync(join(folder, name))
    heldIn(join(folder, 'theirs/file'), (held) => {
      renameSync(join(folder, 'theirs'), join(folder, 'moved'))
      symlinkSync(join(folder, 'elsewhere'), join(folder, 'theirs'))
      writeFileSync(held, 'here')
    })
    expect(readFileSync(join(folder, 'moved/file'), 'utf8')).toBe('here')
  })

  test('is refused when a link leads there', async () => {
    const folder = await temporaryFolder()
    mkdirSync(join(folder, 'real/below'), { recursive: true })
    symlinkSync(join(folder, 'real'), join(folder, 'link'))
    expect(() => heldIn(join(folder, 'link/below/file'), () => undefined)).toThrow('symbolic link')
    expect(() => withDirectory(join(folder, 'link'), () => undefined)).toThrow('ENOTDIR')
  })
})
