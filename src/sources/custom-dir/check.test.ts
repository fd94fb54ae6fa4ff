import { execFileSync } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { watchedIo } from '../contract.ts'
import { makeWorld, type World } from './custom-dir-world.ts'
import { customDir } from './index.ts'

let world: World
beforeEach(async () => {
  world = await makeWorld()
  writeFileSync(join(world.tree, 'file'), 'x')
})
afterEach(() => world.dispose())

async function errors(settings: Readonly<Record<string, unknown>>): Promise<string[]> {
  const found = await customDir.check(customDir.settings.parse(settings), watchedIo(world.places))
  return found.map((error) => `${error.field} ${error.code}`)
}

describe('a source path', () => {
  test('that exists is good, whatever its name and however it is written', async () => {
    expect(await errors({ source_path: world.tree })).toEqual([])
    expect(await errors({ source_path: `/${world.tree}//./` })).toEqual([])
    const odd = join(world.folder, "é 'x' [y]*")
    mkdirSync(odd)
    expect(await errors({ source_path: odd })).toEqual([])
  })

  test.each([
    ['relative/path', 'path_not_absolute'],
    ['./x', 'path_not_absolute'],
    ['~/x', 'path_not_absolute'],
    ['/tmp/../etc', 'path_not_absolute'],
    ['/no/such/directory', 'path_missing'],
    [`/${'n'.repeat(300)}`, 'path_missing'],
    ['/etc/passwd', 'path_not_directory'],
    ['/etc/passwd/x', 'path_not_directory'],
    ['/tmp\n', 'control_characters'],
    ['/tmp\u0000', 'control_characters'],
    ['/tmp\u007f', 'control_characters'],
  ])('%j is refused: %s', async (path, code) => {
    expect(await errors({ source_path: path })).toEqual([`config.source_path ${code}`])
  })

  test('that contains the archives or the data, is them or is inside them is refused', async () => {
    const { archivesDir, dataDir } = world.places
    for (const path of [archivesDir, dataDir]) mkdirSync(join(path, 'inside'))
    expect(await errors({ source_path: '/' })).toEqual(['config.source_path path_contains_archives'])
    expect(await errors({ source_path: world.folder })).toEqual(['config.source_path path_contains_archives'])
    expect(await errors({ source_path: archivesDir })).toEqual(['config.source_path path_contains_archives'])
    expect(await errors({ source_path: `${archivesDir}/inside` })).toEqual([
      'config.source_path path_inside_archives',
    ])
    expect(await errors({ source_path: dataDir })).toEqual(['config.source_path path_contains_data'])
    expect(await errors({ source_path: `${dataDir}/inside` })).toEqual([
      'config.source_path path_inside_data',
    ])
  })

  test('is compared with the archives by where it really is, through links on either side', async () => {
    symlinkSync(world.folder, join(world.tree, 'up'))
    expect(await errors({ source_path: join(world.tree, 'up') })).toEqual([
      'config.source_path path_contains_archives',
    ])
    const moved = join(world.tree, 'real archives')
    mkdirSync(moved)
    const link = join(world.folder, 'link')
    symlinkSync(moved, link)
    const io = watchedIo({ ...world.places, archivesDir: link })
    const settings = customDir.settings.parse({ source_path: world.tree })
    expect(await customDir.check(settings, io)).toMatchObject([{ code: 'path_contains_archives' }])
    const neighbour = `${world.places.archivesDir}-old`
    mkdirSync(neighbour)
    expect(await errors({ source_path: neighbour })).toEqual([])
  })
})

describe('excludes', () => {
  test('that cannot be used are named by their place', async () => {
    const excludes = ['good', '', '!negated', 'a/../b', 'con\ntrol', '[open', 'trailing\\', '[é]', '/']
    expect(await errors({ source_path: world.tree, excludes })).toEqual([
      'config.excludes.1 exclude_invalid',
      'config.excludes.2 exclude_invalid',
      'config.excludes.3 exclude_invalid',
      'config.excludes.4 control_characters',
      'config.excludes.5 exclude_invalid',
      'config.excludes.6 exclude_invalid',
      'config.excludes.7 exclude_invalid',
      'config.excludes.8 exclude_invalid',
    ])
  })

  test('that leave nothing but directories are refused', async () => {
    mkdirSync(join(world.tree, 'a/b'), { recursive: true })
    writeFileSync(join(world.tree, 'a/b/c'), 'x')
    for (const excludes of [['*'], ['**'], ['file', 'a'], ['file', 'c'], ['file', '/a/**'], ['?', 'f*']]) {
      expect(await errors({ source_path: world.tree, excludes })).toEqual([
        'config.excludes excludes_everything',
      ])
    }
    expect(await errors({ source_path: world.tree, excludes: ['a'] })).toEqual([])
  })

  test('may match nothing, also in a directory without files', async () => {
    execFileSync('rm', [join(world.tree, 'file')])
    mkdirSync(join(world.tree, 'empty'))
    expect(await errors({ source_path: world.tree, excludes: ['*.log'] })).toEqual([])
  })
})

describe('settings', () => {
  const good = { source_path: '/srv' }
  test('have defaults that are safe', () => {
    expect(customDir.settings.parse(good)).toEqual({
      source_path: '/srv',
      excludes: [],
      one_file_system: true,
    })
  })

  test.each([
    [{}],
    [{ source_path: '' }],
    [{ source_path: 1 }],
    [{ ...good, exclude: [] }],
    [{ ...good, excludes: 'x' }],
    [{ ...good, excludes: Array.from({ length: 201 }, () => 'x') }],
    [{ ...good, one_file_system: 'yes' }],
    [{ ...good, restore: { system_user: { name: 'root; rm' } } }],
    [{ ...good, restore: { system_user: { name: 'demo', uid: 0 } } }],
    [{ ...good, restore: { systemd_service: { name: '../x' } } }],
    [{ ...good, restore: { permissions: { mode: '999' } } }],
    [{ ...good, restore: { firewall_ports: [0] } }],
    [{ ...good, restore: { firewall_ports: [65_536] } }],
    [{ ...good, restore: { post_restore_commands: [''] } }],
  ])('refuse %j', (settings) => {
    expect(customDir.settings.safeParse(settings).success).toBe(false)
  })

  test('name the mode with a code of their own', () => {
    const parsed = customDir.settings.safeParse({ ...good, restore: { permissions: { mode: 'rwx' } } })
    expect(parsed.error?.issues[0]?.message).toBe('mode_invalid')
  })
})
