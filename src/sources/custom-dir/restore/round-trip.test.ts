// Backup, wipe, restore: what comes back is what was there, by the word of another program.
import { execFileSync } from 'node:child_process'
import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { awkwardTree } from '../awkward-tree-world.ts'
import { fill, treeOf } from '../custom-dir-world.ts'
import { eachInRestoreWorld, type RestoreWorld } from './restore-world.ts'

let world: RestoreWorld
eachInRestoreWorld((fresh) => (world = fresh))

/** Also many files, and one that is far larger than what it takes. */
function tortureTree(): void {
  const { tree } = world
  mkdirSync(join(tree, 'many'))
  for (let i = 0; i < 12_000; i += 1) {
    if (i % 1000 === 0) mkdirSync(join(tree, 'many', String(i / 1000)))
    writeFileSync(join(tree, 'many', String(Math.floor(i / 1000)), `${i}`), `${i}`)
  }
  writeFileSync(join(tree, 'gibibyte'), 'begin')
  truncateSync(join(tree, 'gibibyte'), 1024 ** 3)
  execFileSync('sh', ['-c', 'printf end >>gibibyte'], { cwd: tree })
  awkwardTree(tree)
}

test('an awkward tree comes back as it was, after it was wiped out', { timeout: 120_000 }, async () => {
  tortureTree()
  const before = treeOf(world.tree)
  expect(Object.keys(before).length).toBeGreaterThan(12_050)
  await world.save()
  renameSync(world.tree, join(world.folder, 'wiped'))
  const done = await world.restore({ devices: true })
  expect(done).toMatchObject({ status: 'success', problem: null, remarks: [] })
  expect(treeOf(world.tree)).toEqual(before)
  expect(statSync(join(world.tree, 'gibibyte')).blocks * 512).toBeLessThan(1024 ** 2)
  expect(world.beside()).toEqual(['tree'])
  expect(world.archivesLeft()).toEqual(['made.info.json', 'made.tar'])
})

test.each(["-T *[x]\\1;s,^,evil,'é ", '\\134 back\\slash', '--help', '🐙', 'a'.repeat(200)])(
  'a directory named %j comes back',
  async (name) => {
    const source = join(world.folder, name)
    mkdirSync(source)
    writeFileSync(join(source, '--help'), 'x')
    // Its name begins like the other's.
    mkdirSync(`${source}2`)
    await world.save({ source_path: source })
    const before = treeOf(source)
    renameSync(source, join(world.folder, 'wiped'))
    expect((await world.restore()).status).toBe('success')
    expect(treeOf(source)).toEqual(before)
  },
)

test.each(['plain', 'compressed'])('the progress of a %s archive grows up to its total', async (kind) => {
  fill(join(world.tree, 'big'), 40)
  await world.save()
  if (kind === 'compressed') execFileSync('gzip', ['-1', join(world.places.archivesDir, 'made.tar')])
  const seen: [number, number | null][] = []
  const io = {
    ...world.io(),
    progress: (done: number, total: number | null) => void seen.push([done, total]),
  }
  expect((await world.restore({}, { io })).status).toBe('success')
  const done = seen.map(([now]) => now)
  expect(done.length).toBeGreaterThan(1)
  expect(done).toEqual(done.toSorted((a, b) => a - b))
  expect(seen.every(([now, total]) => total === seen[0]?.[1] && now <= (total ?? 0))).toBe(true)
})

test('a file that is kept open while it is replaced goes on as it was, and the new one stands in its place', async () => {
  world.write('log', 'saved')
  await world.save()
  world.write('log', 'former')
  const fd = openSync(join(world.tree, 'log'), 'r')
  expect((await world.restore()).status).toBe('success')
  expect(readFileSync(fd, 'utf8')).toBe('former')
  closeSync(fd)
  expect(world.text('log')).toBe('saved')
})
