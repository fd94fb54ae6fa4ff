import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { contentsWorld, type World } from './contents-world.ts'
import { memberContents } from './member-contents.ts'
import { surveyArchive } from './survey.ts'

async function offsets(world: World, name: string): Promise<Map<string, number>> {
  const found = new Map<string, number>()
  await surveyArchive(world.archivesDir, name, {
    onMember: (member, path) => void found.set(path, member.offset),
  })
  return found
}

async function read(world: World, name: string, path: string, offset: number): Promise<Buffer> {
  const tar = await world.open(name)
  const pieces: Buffer[] = []
  try {
    await memberContents(tar, name, { path, offset }, world.io, (piece) => {
      pieces.push(Buffer.from(piece))
      return Promise.resolve()
    })
    return Buffer.concat(pieces)
  } finally {
    await tar.close()
  }
}

describe.each([
  ['posix', '0.0', false],
  ['posix', '0.1', false],
  ['posix', '1.0', false],
  ['posix', '1.0', true],
  ['gnu', '', false],
  ['oldgnu', '', true],
])('%s %s, compressed: %s', (format, version, gzip) => {
  test('a file is as it was saved, also a sparse one', async () => {
    const world = await contentsWorld()
    const args = ['--sparse', ...(version === '' ? [] : [`--sparse-version=${version}`])]
    world.archive('a', { gzip, format, args })
    const where = await offsets(world, 'a')
    for (const file of ['sparse', 'dir/deep/Été à la mer.txt']) {
      const path = Buffer.from(`tree/${file}`).toString('latin1')
      const found = await read(world, 'a', path, where.get(path) ?? -1)
      expect(found.equals(readFileSync(join(world.tree, file))), file).toBe(true)
    }
  })
})

test('what does not begin there, is another file, or none, is not found', async () => {
  const world = await contentsWorld()
  world.archive('a')
  const where = await offsets(world, 'a')
  const sparse = where.get('tree/sparse') ?? -1
  for (const [path, offset] of [
    ['tree/other', sparse],
    ['tree/sparse', sparse + 512],
    ['tree/sparse', 10_000_000],
    ['tree/dir', where.get('tree/dir') ?? -1],
    ['tree/soft', where.get('tree/soft') ?? -1],
  ] as const) {
    await expect(read(world, 'a', path, offset), path).rejects.toMatchObject({ code: 'member_not_found' })
  }
})

test('a file that is cut off is an error, not a short file', async () => {
  const world = await contentsWorld()
  const tar = world.archive('whole')
  const path = Buffer.from('tree/dir/deep/Été à la mer.txt').toString('latin1')
  const where = await offsets(world, 'whole')
  world.put('a', tar.subarray(0, tar.indexOf('xxxxxxxxxx') + 5000))
  await expect(read(world, 'a', path, where.get(path) ?? -1)).rejects.toMatchObject({
    code: 'archive_truncated',
  })
  const sparse = where.get('tree/sparse') ?? -1
  world.put('b', tar.subarray(0, sparse + 6000))
  await expect(read(world, 'b', 'tree/sparse', sparse)).rejects.toMatchObject({ code: 'archive_truncated' })
})
