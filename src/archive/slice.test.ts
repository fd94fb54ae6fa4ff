import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, statSync, lstatSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { contentsWorld, described, gathered, oddMember, oddTar, type World } from './contents-world.ts'
import { paxRecord } from './pax.ts'
import { below, sliceTar, type Wanted } from './slice.ts'
import { tarScanner, type TarMember } from './tar-scanner.ts'

async function slice(world: World, name: string, wanted: Wanted): Promise<Buffer> {
  const tar = await world.open(name)
  try {
    return await gathered(sliceTar(tar, name, wanted))
  } finally {
    await tar.close()
  }
}

function membersIn(tar: Buffer): TarMember[] {
  const members: TarMember[] = []
  const scanner = tarScanner((member) => void members.push(member))
  scanner.push(tar)
  expect(scanner.end().damage).toBe('')
  expect(tar.length % 10_240).toBe(0)
  return members
}

function unpacked(world: World, tar: Buffer): string {
  const to = join(world.folder, 'unpacked')
  mkdirSync(to)
  execFileSync('tar', ['-xpf', '-', '-C', to], { input: tar })
  return to
}

/** Without the number of links, which are fewer when not all are there; old formats know whole seconds only. */
function comparable(text: string, format: string): string {
  const plain = text.replaceAll(/\|\d+$/gm, '')
  return format === 'posix' ? plain : plain.replaceAll(/\.\d{10}$/gm, '')
}

describe.each([
  ['posix', false],
  ['posix', true],
  ['gnu', false],
  ['oldgnu', false],
] as const)('%s, compressed: %s', (format, gzip) => {
  test('everything is the same archive', async () => {
    const world = await contentsWorld()
    const tar = world.archive('a', { gzip, format })
    const all = await slice(world, 'a', () => true)
    expect(all.subarray(0, tar.length).equals(tar) || tar.subarray(0, all.length).equals(all)).toBe(true)
  })

  test('a directory unpacks to what it was, links to files outside of it included', async () => {
    const world = await contentsWorld()
    world.archive('a', { gzip, format })
    // GNU tar meets the files in the order of the directory: one of the three names is the file, two are links to it.
    const to = unpacked(world, await slice(world, 'a', below('tree/dir/deep')))
    const deep = join(to, 'tree/dir/deep')
    const before = described(join(world.tree, 'dir', 'deep'))
    expect(comparable(described(deep), format)).toBe(comparable(before, format))
    expect(readFileSync(join(deep, 'also tied'), 'utf8')).toBe('some content')
  })

  test('links to one file outside stay links to each other', async () => {
    const world = await contentsWorld()
    const tar = world.archive('a', { gzip, format })
    const [file] = membersIn(tar).filter(({ size }) => size === 12)
    const wanted = (name: string): boolean => name !== file?.name.toString('latin1')
    const to = unpacked(world, await slice(world, 'a', wanted))
    const names = ['tree/dir/file', 'tree/tied', 'tree/dir/deep/also tied'].filter(wanted)
    const [one, other] = names.map((name) => lstatSync(join(to, name)))
    expect(names.length).toBe(2)
    const mtimeMs = format === 'posix' ? 1_700_000_000_250 : 1_700_000_000_000
    expect(one).toMatchObject({ ino: other?.ino, size: 12, nlink: 2, mtimeMs })
  })

  test('a sparse file keeps its holes', async () => {
    const world = await contentsWorld()
    world.archive('a', { gzip, format })
    const tar = await slice(world, 'a', below('tree/sparse'))
    expect(tar.length).toBeLessThan(100_000)
    const to = unpacked(world, tar)
    expect(readFileSync(join(to, 'tree/sparse')).equals(readFileSync(join(world.tree, 'sparse')))).toBe(true)
    expect(statSync(join(to, 'tree/sparse')).blocks).toBeLessThan(1000)
  })
})

test('what a global header says holds for the members behind it, wherever it stood', async () => {
  const world = await contentsWorld()
  const data = paxRecord('mtime', '1234567890.5')
  world.put(
    'a',
    oddTar([
      { name: 'left/out' },
      { name: 'global', type: 'g', data },
      { name: 'left/too' },
      { name: 'kept' },
    ]),
  )
  expect(membersIn(await slice(world, 'a', below('kept')))).toMatchObject([
    { mtimeNs: 1_234_567_890_500_000_000n },
  ])
})

test('a link to a link to a file outside becomes the file, whatever the names', async () => {
  const world = await contentsWorld()
  const long = `d/${'n'.repeat(95)}`
  const members = [
    oddMember({ name: 'x', type: 'x', data: paxRecord('path', Buffer.from('out/\xe9 file', 'latin1')) }),
    oddMember({ name: 'short', data: Buffer.from('content'), mode: 0o640 }),
    oddMember({ name: 'x', type: 'x', data: paxRecord('linkpath', Buffer.from('out/\xe9 file', 'latin1')) }),
    oddMember({ name: 'out/link', type: '1', linkName: 'short' }),
    oddMember({ name: long, type: '1', linkName: './out//link' }),
    oddMember({ name: 'd/again', type: '1', linkName: 'out/link' }),
    oddMember({ name: 'd/dangling', type: '1', linkName: 'nowhere' }),
  ]
  world.put('a', Buffer.concat([...members, Buffer.alloc(10_240)]))
  const found = membersIn(await slice(world, 'a', below('d')))
  expect(
    found.map(({ name, type, linkName, size, mode }) => [
      name.toString(),
      type,
      linkName.toString(),
      size,
      mode,
    ]),
  ).toEqual([
    [long, '0', '', 7, 0o640],
    ['d/again', '1', long, 0, 0o644],
    ['d/dangling', '1', 'nowhere', 0, 0o644],
  ])
})

test('an archive that is cut off gives no part that looks whole', async () => {
  const world = await contentsWorld()
  const tar = world.archive('whole')
  world.put('a', tar.subarray(0, tar.length - 15_000))
  await expect(slice(world, 'a', below('tree'))).rejects.toMatchObject({ code: 'archive_truncated' })
})
