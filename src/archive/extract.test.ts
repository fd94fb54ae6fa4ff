import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { eventually } from '../../test/support/eventually.ts'
import { temporaryFolder } from '../../test/support/temp.ts'
import { contentsWorld, described, oddTar, type World } from './contents-world.ts'
import { extractArchive } from './extract.ts'
import { recoverStaging, staleStagings } from './staging.ts'

interface Asked {
  readonly to?: string
  readonly paths?: readonly string[]
  readonly devices?: boolean
}

async function extract(
  world: World,
  name: string,
  asked: Asked = {},
): Promise<{ files: number; bytes: number }> {
  const tar = await world.open(name)
  const paths = (asked.paths ?? []).map((path) => Buffer.from(path).toString('latin1'))
  try {
    const to = asked.to ?? join(world.folder, 'out')
    return await extractArchive(tar, name, { to, paths, devices: asked.devices ?? false }, world.io)
  } finally {
    await tar.close()
  }
}

/** One that the machine has, such as /dev/mqueue, or one that is mounted for the test. */
function emptyMountPoint(world: World): string {
  const points = readFileSync('/proc/self/mountinfo', 'latin1')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
  const found = points.find((point) => point.startsWith('/dev/') && isEmptyDirectory(point))
  if (found !== undefined) return found
  const made = join(world.folder, 'mounted')
  mkdirSync(made)
  execFileSync('mount', ['-t', 'tmpfs', 'none', made])
  onTestFinished(() => void execFileSync('umount', [made]))
  return made
}

function isEmptyDirectory(path: string): boolean {
  try {
    return readdirSync(path).length === 0
  } catch {
    return false
  }
}

/** Nothing but the tree, the places and what a test says itself. */
function leftIn(world: World): string[] {
  const hidden = readdirSync(world.archivesDir).filter((name) => name.startsWith('.'))
  return [
    ...readdirSync(world.folder).filter((name) => !['tree', 'archives', 'data'].includes(name)),
    ...hidden,
  ]
}

describe.each([false, true])('compressed: %s', (gzip) => {
  test('everything comes out as it was saved', async () => {
    const world = await contentsWorld()
    world.archive('a', { gzip })
    const { files, bytes } = await extract(world, 'a')
    expect(described(join(world.folder, 'out', 'tree'))).toBe(described(world.tree))
    expect(files).toBe(10)
    expect(bytes).toBeGreaterThan(3_000_000)
    expect((await stat(join(world.folder, 'out', 'tree', 'sparse'))).blocks).toBeLessThan(1000)
    expect(world.progress.at(-1)).toBeGreaterThan(0)
    expect(leftIn(world)).toEqual(['out'])
  })

  test('only chosen paths come out, with their folders’ modes and the files behind their links', async () => {
    const world = await contentsWorld()
    chmodSync(join(world.tree, 'dir'), 0o710)
    world.archive('a', { gzip })
    const found = await extract(world, 'a', { paths: ['tree/dir/deep', 'tree/soft'] })
    expect(found.files).toBe(3)
    const out = join(world.folder, 'out')
    expect((await readdir(join(out, 'tree'))).toSorted()).toEqual(['dir', 'soft'])
    expect(await readdir(join(out, 'tree/dir'))).toEqual(['deep'])
    expect((await stat(join(out, 'tree/dir'))).mode & 0o777).toBe(0o710)
    expect(await readFile(join(out, 'tree/dir/deep/also tied'), 'utf8')).toBe('some content')
  })
})

test('an empty folder is taken as it is', async () => {
  const world = await contentsWorld()
  world.archive('a')
  mkdirSync(join(world.folder, 'out'), { mode: 0o750 })
  await extract(world, 'a')
  expect((await stat(join(world.folder, 'out'))).mode & 0o777).toBe(0o750)
  expect(await readdir(join(world.folder, 'out'))).toEqual(['tree'])
})

test('of several members of one name the last comes out', async () => {
  const world = await contentsWorld()
  world.put(
    'a',
    oddTar([
      { name: 'x', data: Buffer.from('old') },
      { name: 'x', data: Buffer.from('new') },
    ]),
  )
  await extract(world, 'a')
  expect(await readFile(join(world.folder, 'out', 'x'), 'utf8')).toBe('new')
})

describe('a place where nothing may go is refused before anything is written', () => {
  test.each<[string, (world: World) => string]>([
    ['path_not_absolute', () => 'out'],
    ['path_not_absolute', (world) => `${world.folder}/a/../out`],
    ['control_characters', (world) => `${world.folder}/o\nut`],
    ['path_parent_missing', (world) => `${world.folder}/missing/out`],
    ['path_parent_missing', (world) => `${world.tree}/dir/file/out`],
    ['path_inside_archives', (world) => `${world.archivesDir}/out`],
    ['path_inside_archives', (world) => world.archivesDir],
    ['path_inside_data', (world) => `${world.dataDir}/out`],
    ['path_not_directory', (world) => `${world.tree}/dir/file`],
    ['path_not_empty', (world) => world.tree],
    ['path_is_mount_point', emptyMountPoint],
    [
      'path_is_link',
      (world) => {
        symlinkSync(world.tree, join(world.folder, 'link'))
        return join(world.folder, 'link')
      },
    ],
    [
      'path_inside_archives',
      (world) => {
        symlinkSync(world.archivesDir, join(world.folder, 'way'))
        return join(world.folder, 'way', 'out')
      },
    ],
  ])('%s', async (code, place) => {
    const world = await contentsWorld()
    world.archive('a')
    const to = place(world)
    const before = leftIn(world)
    await expect(extract(world, 'a', { to })).rejects.toMatchObject({
      code: 'validation_failed',
      errors: [{ field: 'to', code }],
    })
    expect(leftIn(world)).toEqual(before)
  })
})

describe('an archive that cannot be unpacked wholly leaves nothing', () => {
  test.each<[code: string, put: (world: World) => void, asked?: Asked]>([
    ['archive_unsafe', (world) => world.put('a', oddTar([{ name: 'good' }, { name: '../bad' }]))],
    [
      'archive_truncated',
      (world) =>
        world.put(
          'a',
          oddTar([{ name: 'good' }, { name: 'cut', data: Buffer.alloc(5000) }]).subarray(0, 3000),
        ),
    ],
    ['archive_truncated', (world) => world.put('a', Buffer.from('this is no tar at all'))],
    ['member_not_found', (world) => world.archive('a'), { paths: ['tree/dir', 'tree/nothing'] }],
    ['validation_failed', (world) => world.put('a', oddTar([{ name: 'device', type: '3' }]))],
    // A file where a directory must be.
    ['command_failed', (world) => world.put('a', oddTar([{ name: 'x' }, { name: 'x/y' }]))],
    ['command_failed', (world) => world.put('a', oddTar([{ name: 'x', type: '1', linkName: 'nowhere' }]))],
  ])('%s', async (code, put, asked) => {
    const world = await contentsWorld()
    put(world)
    const error = await extract(world, 'a', asked).catch((thrown: unknown) => thrown)
    const { asProblem } = await import('../sys/failure.ts')
    expect(asProblem(error)).toMatchObject({ code })
    expect(leftIn(world)).toEqual([])
  })

  test('more than the disk can hold', async () => {
    const world = await contentsWorld()
    const size = 8 * 1024 ** 4
    const fd = openSync(join(world.archivesDir, 'a.tar'), 'w')
    writeSync(fd, oddTar([{ name: 'huge', size }], false))
    ftruncateSync(fd, 512 + size + 10_240)
    closeSync(fd)
    await expect(extract(world, 'a')).rejects.toMatchObject({
      code: 'insufficient_storage',
      facts: { needed: size },
    })
    expect(leftIn(world)).toEqual([])
  })

  test('a cancel in the middle', async () => {
    const world = await contentsWorld()
    const members = Array.from({ length: 300 }, (_, n) => ({
      name: `file ${n}`,
      data: Buffer.alloc(100_000),
    }))
    world.put('a', oddTar(members))
    const done = extract(world, 'a').catch((error: unknown) => error)
    await eventually(() => leftIn(world).some((name) => name.startsWith('.extract-')))
    world.stop.abort()
    expect(await done).toBeInstanceOf(Error)
    expect(leftIn(world)).toEqual([])
  })

  test('somebody else’s file that came in between is not replaced', async () => {
    const world = await contentsWorld()
    world.archive('a')
    const out = join(world.folder, 'out')
    mkdirSync(out)
    const tar = await world.open('a')
    const io = {
      ...world.io,
      progress: () => writeFileSync(join(out, 'mine'), 'mine'),
    }
    const done = extractArchive(tar, 'a', { to: out, paths: [], devices: false }, io)
    await expect(done).rejects.toMatchObject({
      code: 'validation_failed',
      errors: [{ code: 'path_not_empty' }],
    })
    await tar.close()
    expect(await readdir(out)).toEqual(['mine'])
    expect(leftIn(world)).toEqual(['out'])
  })
})

test('device nodes come out when they are asked for, or are not among the chosen', async () => {
  const world = await contentsWorld()
  const folder = await temporaryFolder()
  execFileSync('mknod', [join(folder, 'null'), 'c', '1', '3'])
  writeFileSync(join(folder, 'file'), 'plain')
  world.put('a', execFileSync('tar', ['-C', folder, '-cf', '-', 'null', 'file']))
  await extract(world, 'a', { paths: ['file'] })
  await extract(world, 'a', { to: join(world.folder, 'all'), devices: true })
  expect((await stat(join(world.folder, 'all', 'null'))).isCharacterDevice()).toBe(true)
})

test('what a crash leaves is found by its note, and nothing else is removed', async () => {
  const world = await contentsWorld()
  const operation = '6f1c2d3e-0000-4000-8000-000000000001'
  const other = '6f1c2d3e-0000-4000-8000-000000000002'
  const lying = '6f1c2d3e-0000-4000-8000-000000000003'
  const staging = join(world.folder, `.out.${operation}.partial`)
  mkdirSync(join(staging, 'half'), { recursive: true })
  const note = (id: string, folder: string): void =>
    writeFileSync(join(world.archivesDir, `.extract-${id}.note`), JSON.stringify({ version: 1, folder }))
  note(operation, staging)
  note(other, world.tree)
  note(lying, world.tree)
  expect(await staleStagings(world.archivesDir, Date.now(), 60_000)).toEqual([])
  expect((await staleStagings(world.archivesDir, Date.now() + 120_000, 60_000)).toSorted()).toEqual([
    operation,
    other,
    lying,
  ])
  expect(await recoverStaging(world.archivesDir, (id) => id !== other)).toEqual([staging])
  expect(leftIn(world)).toEqual([`.extract-${other}.note`])
  expect(readdirSync(world.tree).length).toBeGreaterThan(5)
})
