// Targets, paths and machines that a plan refuses: the reason and the field, and nothing is touched.
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { CommandError, type Run } from '../../../sys/process.ts'
import { fill } from '../custom-dir-world.ts'
import { customDir } from '../index.ts'
import { eachInCraftedWorld } from './crafted-archive-world.ts'
import type { RestoreWorld } from './restore-world.ts'

let world: RestoreWorld
const { refused, craft, below } = eachInCraftedWorld((fresh) => (world = fresh))

describe('a target', () => {
  beforeEach(() => world.save())

  test.each<[string, (w: RestoreWorld) => string, string]>([
    ['is not absolute', () => 'relative', 'path_not_absolute'],
    ['climbs', (w) => `${w.folder}/a/../b`, 'path_not_absolute'],
    ['has control characters', () => '/tmp/a\nb', 'control_characters'],
    ['is everything', () => '/', 'path_contains_archives'],
    ['contains the archives', (w) => w.folder, 'path_contains_archives'],
    ['is the archives', (w) => w.places.archivesDir, 'path_contains_archives'],
    ['is inside the archives', (w) => `${w.places.archivesDir}/new`, 'path_inside_archives'],
    ['is the data', (w) => w.places.dataDir, 'path_contains_data'],
    ['is inside the data', (w) => `${w.places.dataDir}/new`, 'path_inside_data'],
    ['has no parent', (w) => `${w.folder}/no/such`, 'path_parent_missing'],
    ['has a file for a parent', (w) => `${w.tree}/file/x`, 'path_not_directory'],
    ['is a file', (w) => `${w.tree}/file`, 'path_not_directory'],
    ['the system needs', () => '/usr/bin', 'name_reserved'],
    ['the kernel makes', () => '/proc/sys', 'name_reserved'],
  ])('that %s', async (_, target, code) => {
    expect(await refused({ target_path: target(world) })).toEqual([`target_path ${code}`])
  })

  test('that is a link, or near the archives by a link', async () => {
    const link = join(world.folder, 'link')
    symlinkSync(world.tree, link)
    expect(await refused({ target_path: link })).toEqual(['target_path path_is_link'])
    symlinkSync(world.places.archivesDir, join(world.folder, 'way'))
    expect(await refused({ target_path: join(world.folder, 'way/new') })).toEqual([
      'target_path path_inside_archives',
    ])
  })

  test('that was saved and is a link or a file by now', async () => {
    renameSync(world.tree, join(world.folder, 'moved'))
    symlinkSync(join(world.folder, 'moved'), world.tree)
    expect(await refused()).toEqual(['archive path_is_link'])
    rmSync(world.tree)
    writeFileSync(world.tree, 'a file')
    expect(await refused()).toEqual(['archive path_not_directory'])
  })

  test('in which a disk is mounted: moving it away would take that along', async () => {
    const inside = join(world.tree, 'folder')
    world.mountAt(inside, 1)
    expect(await refused()).toEqual(['archive path_has_mounts'])
    expect(await refused({ paths: ['folder'] })).toEqual(['paths path_has_mounts'])
    expect(await refused({ paths: ['folder/inside'] })).toEqual(['paths path_has_mounts'])
    expect(await refused({ paths: ['file'] })).toEqual([])
  })

  test('on a disk without room', async () => {
    fill(join(world.tree, 'big'), 6)
    await world.save({}, 'big')
    const small = join(world.folder, 'small')
    mkdirSync(small)
    world.mountAt(small, 4)
    const plan = await world.plan({ target_path: join(small, 'new') }, 'big')
    expect(plan.refusals).toMatchObject([
      { field: 'target_path', code: 'no_space', facts: { free: 4 * 1024 * 1024 } },
    ])
    expect(await refused({ target_path: join(small, 'new') })).toEqual([])
  })
})

describe('chosen paths', () => {
  beforeEach(() => world.save())

  test.each(['nothing', 'file/x', '../file', '/file', 'folder//inside', 'folder/', '.', 'fil*', 'a\0b'])(
    '%j is not in the archive',
    async (path) => {
      expect(await refused({ paths: ['file', path] })).toEqual(['paths path_not_in_archive'])
    },
  )

  test('that lead through a link or a file which is there now', async () => {
    renameSync(join(world.tree, 'folder'), join(world.folder, 'moved'))
    symlinkSync(join(world.folder, 'moved'), join(world.tree, 'folder'))
    expect(await refused({ paths: ['folder/inside'] })).toEqual(['paths path_is_link'])
    rmSync(join(world.tree, 'folder'))
    world.write('folder', 'x')
    expect(await refused({ paths: ['folder/inside'] })).toEqual(['paths path_not_directory'])
  })
})

describe('this machine', () => {
  /** As {@link refused}, with a program that is missing or different. */
  async function without(change: (run: Run) => Run, options = {}): Promise<string[]> {
    const io = world.io()
    const plan = await customDir.restore.plan(world.request(options), { ...io, run: change(io.run) })
    return plan.refusals.map(({ field, code, facts }) => `${field} ${code} ${facts?.['tool']}`)
  }

  test('has no GNU tar', async () => {
    await world.save()
    const missing = await without((run) => (file, args, options) => {
      if (file === 'tar') return Promise.reject(new CommandError('tar', { how: 'not_found' }, ''))
      return run(file, args, options)
    })
    expect(missing).toEqual(['archive tool_missing GNU tar'])
    const other = await without(
      (run) => (file, args, options) => run(file === 'tar' ? 'echo' : file, args, options),
    )
    expect(other).toEqual(['archive tool_missing GNU tar'])
  })

  test('cannot create users, or has no systemd', async () => {
    world.unit('a.service', '[Unit]\n')
    await world.save({ restore: { system_user: { name: 'a' }, systemd_service: { name: 'a' } } })
    const found = await without((run) => (file, args, options) => {
      const missing = (file === 'which' && args[0] === 'useradd') || file === 'systemctl'
      return run(missing ? 'false' : file, args, options)
    })
    expect(found).toEqual(['recipe tool_missing useradd', 'recipe tool_missing systemctl'])
    expect(await refused({ recipe: false })).toEqual([])
  })

  test('does not have the owner that the recipe names', async () => {
    await world.save({ restore: { permissions: { owner: 'nobody-here:root' } } })
    expect(await refused()).toEqual(['config.restore.permissions.owner owner_unknown'])
    await world.produce({ restore: { permissions: { owner: 'root:no-group' } } }, {}, 'group')
    const plan = await world.plan({}, 'group')
    expect(plan.refusals).toMatchObject([{ code: 'owner_unknown', facts: { owner: 'no-group' } }])
    expect(await refused({ recipe: false }, 'group')).toEqual([])
  })

  test('does not know owners by their names: their files get numbers, and the plan says whose', async () => {
    craft([
      { n: below('one'), d: 'x', o: 'nobody-here' },
      { n: below('two'), d: 'x', o: 'root' },
    ])
    const plan = await world.plan()
    expect(plan).toMatchObject({
      refusals: [],
      warnings: [{ code: 'owner_by_number', facts: { owner: 'nobody-here' } }],
    })
  })
})
