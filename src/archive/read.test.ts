import { execFileSync } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { readFile, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { temporaryFolder } from '../../test/support/temp.ts'
import { openRegular } from './open-regular.ts'
import { readArchives } from './read.ts'
import { tarEnd, tarFile } from './tar-header.ts'
import { writeForeign, writeOwn } from './testing-archives.ts'

async function readOne(folder: string, name: string): ReturnType<typeof readArchives> {
  return readArchives(folder, [name])
}

describe('our description', () => {
  test.each([0, 511, 512, 9000, 30_000, 200_000])(
    'is found at the end of our own tar behind %i bytes',
    async (size) => {
      const folder = await temporaryFolder()
      await writeOwn(folder, 'own', Buffer.alloc(size, 1), { app: 'files' })
      const [read] = await readOne(folder, 'own')
      expect(read).toMatchObject({
        name: 'own',
        info: { created_at: 1 },
        backupInfo: { app: 'files' },
        error: null,
      })
    },
  )

  test.each([100, 512 * 46, 100_000, 1_000_000, 1_900_000])(
    'is found when it is %i bytes long itself',
    async (length) => {
      const folder = await temporaryFolder()
      await writeOwn(folder, 'own', Buffer.from('x'), { filler: 'y'.repeat(length) })
      const [read] = await readOne(folder, 'own')
      expect(read?.backupInfo?.['filler']).toHaveLength(length)
    },
  )

  test('is not taken from one of our tars that is inside another tar', async () => {
    const folder = await temporaryFolder()
    await writeOwn(folder, 'own')
    const inner = await readFile(join(folder, 'own.tar'))
    for (const [name, body] of [
      ['whole', tarFile('own.tar', inner, 1)],
      ['cut', tarFile('own.tar', inner.subarray(0, inner.length - 8192), 1)],
    ] as const) {
      await writeFile(join(folder, `${name}.tar`), Buffer.concat([body, tarEnd(body.length)]))
      await writeFile(join(folder, `${name}.info.json`), '{}')
      expect(await readOne(folder, name)).toMatchObject([{ backupInfo: null, error: null }])
    }
  })

  test('is not taken from a tar whose beginning is missing, or that was cut', async () => {
    const folder = await temporaryFolder()
    await writeOwn(folder, 'own', Buffer.alloc(5000, 1))
    const tar = await readFile(join(folder, 'own.tar'))
    await writeFile(join(folder, 'own.tar'), tar.subarray(512))
    expect(await readOne(folder, 'own')).toMatchObject([{ backupInfo: null }])
    await writeFile(join(folder, 'own.tar'), tar)
    await truncate(join(folder, 'own.tar'), 7000)
    expect(await readOne(folder, 'own')).toMatchObject([{ backupInfo: null }])
    await truncate(join(folder, 'own.tar'), 0)
    expect(await readOne(folder, 'own')).toMatchObject([{ backupInfo: null }])
  })

  test('is found where GNU tar appended it to an archive of YunoHost', async () => {
    const folder = await temporaryFolder()
    await writeForeign(folder, 'appended')
    writeFileSync(join(folder, 'backup_info.json'), '{"app":"nextcloud"}')
    execFileSync('tar', ['--append', '-f', join(folder, 'appended.tar'), '-C', folder, 'backup_info.json'])
    expect(await readOne(folder, 'appended')).toMatchObject([{ backupInfo: { app: 'nextcloud' } }])
  })

  test('beside the tar goes first; without either there is none', async () => {
    const folder = await temporaryFolder()
    await writeForeign(folder, 'foreign')
    expect(await readOne(folder, 'foreign')).toMatchObject([{ info: {}, backupInfo: null, error: null }])
    await writeFile(join(folder, 'foreign.backup_info.json'), '{"app":"x"}')
    expect(await readOne(folder, 'foreign')).toMatchObject([{ backupInfo: { app: 'x' } }])
  })

  test('is read without reading the payload', async () => {
    const folder = await temporaryFolder()
    await writeOwn(folder, 'own', Buffer.alloc(1000, 1))
    const path = join(folder, 'own.tar')
    const tar = await readFile(path)
    const { size } = await stat(path)
    // A hole of a terabyte in front: reading it would take minutes.
    await writeFile(path, '')
    await truncate(path, 2 ** 40)
    const info = tarFile('backup_info.json', Buffer.from(JSON.stringify({ sha256_bytes: 2 ** 40 })), 1)
    await writeFile(path, Buffer.concat([info, tarEnd(2 ** 40 + info.length)]), { flag: 'a' })
    expect(size).toBe(tar.length)
    expect(await readOne(folder, 'own')).toMatchObject([{ backupInfo: { sha256_bytes: 2 ** 40 } }])
  })
})

describe('a link', () => {
  test('in the place of a description is refused, whatever it leads to', async () => {
    const folder = await temporaryFolder()
    const secrets = join(await temporaryFolder(), 'secrets.json')
    writeFileSync(secrets, '{"password":"secret"}')
    await writeForeign(folder, 'trap', null)
    for (const file of ['trap.info.json', 'trap.backup_info.json']) symlinkSync(secrets, join(folder, file))
    expect(await readOne(folder, 'trap')).toEqual([
      { name: 'trap', info: null, backupInfo: null, error: 'trap.info.json: a symbolic link' },
    ])
  })

  test('to the tar on another disk is followed for the description at its end', async () => {
    const folder = await temporaryFolder()
    const other = await temporaryFolder()
    await writeOwn(other, 'away', Buffer.from('x'), { app: 'files' })
    symlinkSync(join(other, 'away.tar'), join(folder, 'away.tar'))
    expect(await readOne(folder, 'away')).toMatchObject([{ backupInfo: { app: 'files' } }])
  })

  test('that is put in the place of a file after that was looked at is not followed, nor another file read', async () => {
    const folder = await temporaryFolder()
    for (const file of ['a', 'b']) writeFileSync(join(folder, file), file)
    symlinkSync('b', join(folder, 'link'))
    const known = await stat(join(folder, 'a'), { bigint: true })
    await expect(openRegular(join(folder, 'link'))).rejects.toMatchObject({ code: 'ELOOP' })
    await expect(openRegular(join(folder, 'link'), known)).rejects.toMatchObject({ code: 'internal' })
    await (await openRegular(join(folder, 'a'), known)).close()
  })
})

describe('a sidecar', () => {
  test.each([
    ['missing', null, 'ENOENT'],
    ['empty', '', 'not valid JSON'],
    ['a list', '[1]', 'not a JSON object'],
    ['null', 'null', 'not a JSON object'],
    ['somebody’s secrets', 'root:secret:19000', 'not valid JSON'],
  ])('that is %s is told as an error without its contents', async (_, text, error) => {
    const folder = await temporaryFolder()
    await writeForeign(folder, 'odd', text)
    expect(await readOne(folder, 'odd')).toEqual([
      { name: 'odd', info: null, backupInfo: null, error: `odd.info.json: ${error}` },
    ])
  })

  test('that is huge, a folder, a fifo or a link neither hangs nor fills the memory', async () => {
    const folder = await temporaryFolder()
    for (const name of ['huge', 'folder', 'fifo', 'link']) await writeForeign(folder, name, null)
    await writeFile(join(folder, 'huge.info.json'), '')
    await truncate(join(folder, 'huge.info.json'), 2 ** 33)
    mkdirSync(join(folder, 'folder.info.json'))
    execFileSync('mkfifo', [join(folder, 'fifo.info.json')])
    symlinkSync('/nowhere', join(folder, 'link.info.json'))
    const read = await readArchives(folder, ['huge', 'folder', 'fifo', 'link', 'none at all'])
    expect(read.map((one) => one.error?.replace(/.*: /, ''))).toEqual([
      'larger than 4194304 bytes',
      'not a regular file',
      'not a regular file',
      'a symbolic link',
      'ENOENT',
    ])
  })
})
