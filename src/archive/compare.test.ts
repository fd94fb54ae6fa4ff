import {
  chmodSync,
  chownSync,
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Comparison } from '../domain/contents.ts'
import { walk } from '../sources/custom-dir/walk.ts'
import { compareArchive } from './compare.ts'
import { contentsWorld, oddTar, type World } from './contents-world.ts'

async function compare(
  world: World,
  name: string,
  options: { readonly thorough?: boolean; readonly payload?: string; readonly against?: string } = {},
): Promise<Omit<Comparison, 'against'>> {
  const tar = await world.open(name)
  const root = options.against ?? world.tree
  try {
    return await compareArchive(
      tar,
      name,
      {
        payload: options.payload ?? 'tree',
        live: { root },
        thorough: options.thorough ?? false,
        walk: (onEntry) =>
          walk({
            root,
            excludes: () => false,
            oneFileSystem: false,
            never: new Set(),
            signal: world.io.signal,
            onEntry: (path) => onEntry(path),
          }),
      },
      world.io,
    )
  } finally {
    await tar.close()
  }
}

/** `path: what` of every change, with a sign. */
function told(found: Omit<Comparison, 'against'>): string[] {
  const signs = { added: '+', removed: '-', changed: '~' }
  return found.changes.map(
    ({ path, change, what }) => `${signs[change]}${path}${what.length > 0 ? ` ${what.join(' ')}` : ''}`,
  )
}

describe.each([
  ['posix', false],
  ['posix', true],
  ['gnu', false],
] as const)('%s, compressed: %s', (format, gzip) => {
  test('nothing is different right after the backup', async () => {
    const world = await contentsWorld()
    world.archive('a', { gzip, format })
    for (const thorough of [false, true]) {
      const found = await compare(world, 'a', { thorough })
      expect(found).toEqual({ same: 14, added: 0, removed: 0, changed: 0, changes: [] })
    }
  })

  test('what was added, removed or changed is named, and how', async () => {
    const world = await contentsWorld()
    world.archive('a', { gzip, format })
    const at = (path: string): string => join(world.tree, path)
    writeFileSync(at('new'), '')
    mkdirSync(at('dir/new'))
    writeFileSync(at('dir/new/inside'), '')
    rmSync(at('fifo'))
    rmSync(at('dir/deep'), { recursive: true })
    chmodSync(at('empty'), 0o711)
    unlinkSync(at('soft'))
    symlinkSync('elsewhere', at('soft'))
    unlinkSync(at('away'))
    mkdirSync(at('away'))
    chownSync(at('sparse'), 12_345, 12_345)
    writeFileSync(at('dir/file'), 'other content')
    const found = await compare(world, 'a')
    // A link's owner and mode are those of its file; which of the names is the file and which the links, tar chose.
    expect(told(found)).toEqual([
      '~away kind',
      '-dir/deep',
      '-dir/deep/also tied',
      '-dir/deep/Été à la mer.txt',
      expect.stringMatching(/^~dir\/file (?:size )?mtime/),
      '+dir/new',
      '+dir/new/inside',
      '~empty mode',
      '-fifo',
      '+new',
      '~soft link',
      '~sparse owner',
      expect.stringMatching(/^~tied (?:size )?mtime/),
    ])
    expect(found).toMatchObject({ added: 3, removed: 4, changed: 6, same: 4 })
  })
})

test('contents that differ under the same size and time are found when they are read', async () => {
  const world = await contentsWorld()
  world.archive('a')
  const change = (path: string, offset: number): void => {
    const { atime, mtime } = statSync(path)
    const fd = openSync(path, 'r+')
    writeSync(fd, '!', offset)
    closeSync(fd)
    utimesSync(path, atime, mtime)
  }
  // Their times lose what `utimes` has no room for, so they count as changed; only reading tells that the contents did.
  change(join(world.tree, 'sparse'), 2_000_000)
  change(join(world.tree, 'dir/deep/Été à la mer.txt'), 69_999)
  const quick = told(await compare(world, 'a'))
  expect(quick.filter((line) => line.includes('content'))).toEqual([])
  const found = told(await compare(world, 'a', { thorough: true }))
  expect(found).toEqual([
    expect.stringMatching(/^~dir\/deep\/Été à la mer.txt content/),
    expect.stringMatching(/^~sparse content/),
  ])
})

test('a hard link that became a file of its own is a change', async () => {
  const world = await contentsWorld()
  world.archive('a')
  for (const name of ['tied', 'dir/file']) {
    const path = join(world.tree, name)
    linkSync(path, `${path}.kept`)
    unlinkSync(path)
    writeFileSync(path, 'some content')
    utimesSync(path, 1_700_000_000.25, 1_700_000_000.25)
    unlinkSync(`${path}.kept`)
  }
  expect(told(await compare(world, 'a'))).toEqual(expect.arrayContaining([expect.stringMatching(/ link$/)]))
})

test('of several members of one name the last one counts', async () => {
  const world = await contentsWorld()
  writeFileSync(join(world.folder, 'live'), 'new', { mode: 0o644 })
  utimesSync(join(world.folder, 'live'), 1, 1)
  mkdirSync(join(world.folder, 'root'))
  renameSync(join(world.folder, 'live'), join(world.folder, 'root', 'x'))
  world.put(
    'a',
    oddTar([
      { name: 'x', data: Buffer.from('old one') },
      { name: './x', data: Buffer.from('new') },
    ]),
  )
  const found = await compare(world, 'a', {
    payload: '',
    against: join(world.folder, 'root'),
    thorough: true,
  })
  expect(found).toMatchObject({ same: 1, changed: 0, removed: 0, added: 0 })
})

test('what is behind a link that took a directory’s place is gone, not what the link leads to', async () => {
  const world = await contentsWorld()
  world.archive('a')
  renameSync(join(world.tree, 'dir'), join(world.folder, 'moved'))
  symlinkSync(join(world.folder, 'moved'), join(world.tree, 'dir'))
  const found = told(await compare(world, 'a', { thorough: true }))
  expect(found).toContain('~dir kind')
  expect(found).toContain('-dir/deep')
  expect(found.some((line) => line.startsWith('-dir/deep/'))).toBe(true)
})

test('everything is told of as bytes: names that are no text, and directories that the archive does not have', async () => {
  const world = await contentsWorld()
  world.archive('a')
  rmSync(Buffer.concat([Buffer.from(join(world.tree, 'bytes ')), Buffer.from([0xff, 0x0a])]))
  expect(told(await compare(world, 'a'))).toEqual(['-bytes \ufffd\n'])
  await expect(compare(world, 'a', { payload: 'tree/other' })).rejects.toMatchObject({
    code: 'member_not_found',
  })
})

test('an unsafe or damaged archive is not compared', async () => {
  const world = await contentsWorld()
  world.put('unsafe', oddTar([{ name: 'tree/../../x' }]))
  await expect(compare(world, 'unsafe')).rejects.toMatchObject({ code: 'archive_unsafe' })
  const tar = world.archive('whole')
  world.put('cut', tar.subarray(0, 90_000))
  await expect(compare(world, 'cut')).rejects.toMatchObject({ code: 'archive_truncated' })
})
