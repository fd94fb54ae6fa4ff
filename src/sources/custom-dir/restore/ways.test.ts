// Where the files go: to another place, only some of them, into a mount point; and what is around them stays.
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { treeOf } from '../custom-dir-world.ts'
import { atEveryMoment } from './power-cut-world.ts'
import { afterUnpacking, beforeUnpacking, eachInRestoreWorld, type RestoreWorld } from './restore-world.ts'

let world: RestoreWorld
eachInRestoreWorld((fresh) => {
  world = fresh
  for (const name of ['file', 'folder/one', 'folder/deep/two', '-odd\nname']) write(name, 'saved')
  linkSync(inTree('folder/one'), inTree('zz linked'))
  execFileSync('setfacl', ['-m', 'u:4711:rx', inTree('folder')])
  execFileSync('touch', ['-d', '2001-02-03 04:05:06.123456789', inTree('folder/deep'), world.tree])
})

const inTree = (name: string): string => world.inTree(name)
const write = (name: string, data: string): void => world.write(name, data)
const text = (name: string): string => world.text(name)

/** Without the times of directories in which something was exchanged. */
function withoutFolderTimes(tree: ReturnType<typeof treeOf>): unknown {
  return Object.fromEntries(
    Object.entries(tree).map(([path, entry]) => [path, entry['same'] ? entry : { ...entry, mtime: null }]),
  )
}

describe('the place that was saved', () => {
  test('that is there is replaced as a whole, and its neighbours stay', async () => {
    const saved = treeOf(world.tree)
    await world.save()
    const neighbour = join(world.folder, 'srv/neighbour')
    mkdirSync(neighbour)
    writeFileSync(join(neighbour, 'theirs'), 'theirs')
    const theirs = treeOf(neighbour)
    write('file', 'since')
    write('newer', 'since')
    const plan = await world.plan()
    expect(plan).toMatchObject({ replaces: true, warnings: [] })
    expect(plan.steps.at(-1)).toEqual({ code: 'remove_former', facts: { path: world.tree } })
    expect((await world.restore()).status).toBe('success')
    expect(treeOf(world.tree)).toEqual(saved)
    expect(treeOf(neighbour)).toEqual(theirs)
    expect(world.beside()).toEqual(['neighbour', 'tree'])
  })

  test('that is empty needs no safety archive', async () => {
    await world.save()
    renameSync(world.tree, join(world.folder, 'gone'))
    mkdirSync(world.tree)
    expect(await world.plan()).toMatchObject({ replaces: false, safety: null })
    expect((await world.restore()).status).toBe('success')
    expect(text('file')).toBe('saved')
  })

  test('gets its missing parents back, with their owners and modes; a rollback takes them away again', async () => {
    const srv = join(world.folder, 'srv')
    chmodSync(srv, 0o2751)
    chownSync(srv, 4321, 4322)
    await world.save()
    await world.save({ restore: { post_restore_commands: ['exit 1'] } }, 'bad')
    renameSync(srv, join(world.folder, 'gone'))
    const here = readdirSync(world.folder)
    expect((await world.restore({}, { archive: 'bad' })).status).toBe('rolled_back')
    expect(readdirSync(world.folder)).toEqual(here)
    expect((await world.restore()).status).toBe('success')
    expect(statSync(srv)).toMatchObject({ uid: 4321, gid: 4322, mode: 0o042751 })
    expect(text('file')).toBe('saved')
  })

  test('may be reached through a link to its parent', async () => {
    symlinkSync('srv', join(world.folder, 'way'))
    const source = join(world.folder, 'way/tree')
    await world.save({ source_path: source })
    write('file', 'since')
    const done = await world.restore()
    expect(done.status).toBe('success')
    expect(text('file')).toBe('saved')
    expect(world.beside()).toEqual(['tree'])
  })
})

describe('another place', () => {
  test('gets the files under its own name, and nothing of the recipe', async () => {
    const saved = treeOf(world.tree)
    await world.save({ restore: { post_restore_commands: ['exit 1'], permissions: { mode: '0700' } } })
    const target_path = join(world.folder, 'srv/copy of it')
    const plan = await world.plan({ target_path })
    expect(plan).toMatchObject({
      target: target_path,
      replaces: false,
      warnings: [{ code: 'nothing_to_replace' }, { code: 'recipe_skipped' }],
    })
    expect((await world.restore({ target_path })).status).toBe('success')
    expect(treeOf(target_path)).toEqual(saved)
    expect(treeOf(world.tree)).toEqual(saved)
  })

  test('gets the recipe too when that is asked for, with a word of warning', async () => {
    await world.save({ restore: { permissions: { owner: '77:78', mode: '0711' } } })
    const target_path = join(world.folder, 'copy')
    const plan = await world.plan({ target_path, recipe: true })
    expect(plan.warnings).toContainEqual({ code: 'recipe_other_target', facts: { path: world.tree } })
    expect((await world.restore({ target_path, recipe: true })).status).toBe('success')
    expect(statSync(target_path)).toMatchObject({ uid: 77, gid: 78, mode: 0o040711 })
    expect(statSync(join(target_path, 'folder/one'))).toMatchObject({ uid: 77, gid: 78 })
  })

  test('written in another way is the place that was saved', async () => {
    await world.save({ restore: { permissions: { mode: '0700' } } })
    const plan = await world.plan({ target_path: `/${world.tree}//./` })
    expect(plan.target).toBe(world.tree)
    expect(plan.steps.map(({ code }) => code)).toContain('apply_permissions')
  })
})

describe('chosen paths', () => {
  const paths = ['folder/deep', '-odd\nname', 'zz linked']

  test('come back, and everything else stays as it is', async () => {
    const saved = treeOf(world.tree)
    await world.save()
    write('file', 'since')
    write('folder/one', 'since')
    write('folder/deep/three', 'since')
    rmSync(inTree('-odd\nname'))
    const plan = await world.plan({ paths: [...paths, 'folder/deep/two'] })
    expect(plan).toMatchObject({
      replaces: true,
      files: 4,
      warnings: [{ code: 'paths_only', facts: { number: 3 } }],
    })
    expect(plan.safety?.settings).toMatchObject({ source_path: world.tree })
    expect((await world.restore({ paths })).status).toBe('success')
    expect(text('file')).toBe('since')
    expect(text('folder/one')).toBe('since')
    expect(text('-odd\nname')).toBe('saved')
    // A hard link to a file that was not chosen has the contents, and is alone with them.
    expect(text('zz linked')).toBe('saved')
    expect(statSync(inTree('zz linked')).nlink).toBe(1)
    expect(treeOf(inTree('folder/deep'))).toEqual(
      Object.fromEntries(
        Object.entries(saved)
          .map(([path, entry]) => [Buffer.from(path, 'hex').toString(), entry] as const)
          .filter(([path]) => path.startsWith('folder/deep'))
          .map(([path, entry]) => {
            const name = Buffer.from(path.slice('folder/deep/'.length) || '.').toString('hex')
            return [name, entry['same'] ? { ...entry, same: [name] } : entry]
          }),
      ),
    )
    expect(world.beside()).toEqual(['tree'])
  })

  test('get the directories above them that are missing, also the saved one itself', async () => {
    await world.save()
    chownSync(inTree('folder'), 55, 56)
    await world.save({}, 'owned')
    renameSync(world.tree, join(world.folder, 'gone'))
    expect((await world.restore({ paths: ['folder/deep/two'] }, { archive: 'owned' })).status).toBe('success')
    expect(text('folder/deep/two')).toBe('saved')
    expect(readdirSync(inTree('folder'))).toEqual(['deep'])
    expect(statSync(inTree('folder'))).toMatchObject({ uid: 55, gid: 56 })
  })

  test('of which one is a file where the archive has a directory are exchanged all the same', async () => {
    await world.save()
    rmSync(inTree('folder'), { recursive: true })
    write('folder', 'a file now')
    expect((await world.restore({ paths: ['folder'] })).status).toBe('success')
    expect(text('folder/deep/two')).toBe('saved')
  })

  test('are all back in their former state, whenever the machine dies', async () => {
    await world.save()
    write('folder/deep/two', 'since')
    write('zz linked', 'since')
    rmSync(inTree('-odd\nname'))
    rmSync(inTree('folder/one'))
    const before = withoutFolderTimes(treeOf(world.tree))
    const changes = await atEveryMoment(
      world,
      { paths: [...paths, 'folder/one'] },
      {
        former: (moment) => {
          expect(world.beside(), moment).toEqual(['tree'])
          expect(withoutFolderTimes(treeOf(world.tree)), moment).toEqual(before)
        },
        restored: () => {
          expect(world.beside()).toEqual(['tree'])
          expect(text('folder/deep/two')).toBe('saved')
        },
      },
    )
    expect(changes).toBe(2)
  })
})

describe('a mount point', () => {
  beforeEach(async () => {
    await world.save()
    world.mountAt(world.tree, 40)
    mkdirSync(inTree('lost+found'))
    mkdirSync(inTree('folder'))
    write('folder/one', 'since')
    write('only here', 'since')
  })

  test('keeps its file system, and its content is exchanged piece by piece', async () => {
    const gone = execFileSync('tar', [
      '-xO',
      '-f',
      join(world.places.archivesDir, 'made.tar'),
      '--wildcards',
      '*tree/file',
    ])
    expect(gone.toString()).toBe('saved')
    const plan = await world.plan()
    expect(plan.warnings).toEqual([
      { code: 'mount_point', facts: { path: world.tree } },
      { code: 'kept_as_found', facts: { path: inTree('lost+found') } },
    ])
    expect((await world.restore()).status).toBe('success')
    expect(readdirSync(world.tree).toSorted()).toEqual([
      '-odd\nname',
      'file',
      'folder',
      'lost+found',
      'zz linked',
    ])
    expect(text('folder/one')).toBe('saved')
    expect(execFileSync('stat', ['-c', '%y', world.tree]).toString()).toContain(
      '2001-02-03 04:05:06.123456789',
    )
    expect(execFileSync('stat', ['-f', '-c', '%T', world.tree]).toString().trim()).toBe('tmpfs')
  })

  test('has all of its former content, whenever the machine dies', async () => {
    execFileSync('touch', ['-d', '2010-01-01 00:00:00.5', world.tree])
    const before = treeOf(world.tree)
    const changes = await atEveryMoment(
      world,
      {},
      {
        former: (moment) => expect(treeOf(world.tree), moment).toEqual(before),
        restored: () => {
          expect(text('folder/one')).toBe('saved')
          expect(readdirSync(world.tree).filter((name) => name.startsWith('.bm-'))).toEqual([])
        },
      },
    )
    expect(changes).toBe(4)
  })

  test('with chosen paths is left otherwise as it is', async () => {
    expect((await world.restore({ paths: ['folder/one'] })).status).toBe('success')
    expect(text('folder/one')).toBe('saved')
    expect(text('only here')).toBe('since')
  })
})

test.each(['plain', 'compressed'])(
  'a cancel while tar unpacks a %s archive leaves everything as it was',
  async (kind) => {
    await world.save()
    if (kind === 'compressed') execFileSync('gzip', [join(world.places.archivesDir, 'made.tar')])
    write('file', 'since')
    const before = treeOf(world.tree)
    const stop = new AbortController()
    const io = world.io(stop.signal)
    const run: typeof io.run = (file, args, options) => {
      const done = io.run(file, args, options)
      if (args.includes('--extract')) stop.abort()
      return done
    }
    const done = await world.restore({}, { io: { ...io, run } })
    expect(done).toMatchObject({ status: 'rolled_back', problem: { code: 'cancelled' } })
    expect(treeOf(world.tree)).toEqual(before)
    expect(io.running()).toEqual([])
    expect(world.beside()).toEqual(['tree'])
  },
)

test('a plan is cancelled too', async () => {
  await world.save()
  const stop = new AbortController()
  stop.abort()
  await expect(world.restore({}, { io: world.io(stop.signal) })).rejects.toMatchObject({ code: 'cancelled' })
})

test('files that changed their owner keep setuid bits, and those that have it already their capabilities', async () => {
  write('tool', 'x')
  write('capable', 'x')
  chownSync(inTree('capable'), 50, 60)
  chmodSync(inTree('tool'), 0o4755)
  execFileSync('setcap', ['cap_net_bind_service=ep', inTree('capable')])
  await world.save({ restore: { permissions: { owner: '50:60' } } })
  expect((await world.restore()).status).toBe('success')
  expect(statSync(inTree('tool'))).toMatchObject({ uid: 50, gid: 60, mode: 0o104755 })
  expect(execFileSync('getcap', [inTree('capable')]).toString()).toContain('cap_net_bind_service=ep')
})

describe('what tar could not do', () => {
  test('is found by counting, and everything is put back', async () => {
    await world.save()
    write('file', 'since')
    const before = treeOf(world.tree)
    const io = world.io()
    const run = afterUnpacking(io.run, (tree) => rmSync(join(tree, 'file')))
    const done = await world.restore({}, { io: { ...io, run } })
    expect(done).toMatchObject({ status: 'rolled_back', problem: { code: 'restore_failed' } })
    expect(done.problem?.facts['detail']).toContain('4 files')
    expect(treeOf(world.tree)).toEqual(before)
  })

  test('because the disk became full is told as that', async () => {
    write('big', Buffer.alloc(3 * 1024 * 1024).toString())
    await world.save()
    const small = join(world.folder, 'small')
    mkdirSync(small)
    world.mountAt(small, 5)
    const io = world.io()
    const theirs = Buffer.alloc(3 * 1024 * 1024)
    const run = beforeUnpacking(io.run, () => writeFileSync(join(small, 'theirs'), theirs))
    const done = await world.restore({ target_path: join(small, 'new') }, { io: { ...io, run } })
    expect(done).toMatchObject({ status: 'rolled_back', problem: { code: 'disk_full' } })
    expect(readdirSync(small)).toEqual(['theirs'])
  })

  test('with attributes, on a file system that has none, is remarked', async () => {
    execFileSync('setfattr', ['-n', 'user.comment', '-v', 'x', inTree('file')])
    await world.save()
    const plain = join(world.folder, 'plain')
    mkdirSync(plain)
    execFileSync('mount', ['-t', 'ramfs', 'ramfs', plain])
    world.atEnd(() => execFileSync('umount', [plain]))
    const done = await world.restore({ target_path: join(plain, 'new') })
    expect(done).toMatchObject({ status: 'success', remarks: [{ code: 'attributes_lost' }] })
  })
})
