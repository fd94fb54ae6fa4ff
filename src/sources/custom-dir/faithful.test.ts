// What goes in comes out: every kind of file, name, owner, time and attribute.
import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { awkwardTree } from './awkward-tree-world.ts'
import { fill, makeWorld, needRoot, treeOf, unpack, type World } from './custom-dir-world.ts'

let world: World
beforeEach(async () => {
  needRoot()
  world = await makeWorld()
})
afterEach(() => world.dispose())

/** Python's tarfile knows neither attributes nor the times of links, and counts seconds in floating point. */
function asPython(tree: ReturnType<typeof treeOf>): unknown {
  return Object.fromEntries(
    Object.entries(tree).map(([path, entry]) => {
      const { attributes: _, mtime, ...rest } = entry
      const microseconds = Math.round(Number(BigInt(String(mtime)) / 10_000n) / 100)
      return [path, rest['target'] === undefined ? { ...rest, microseconds } : rest]
    }),
  )
}

describe('an awkward tree', () => {
  test('comes back byte by byte with GNU tar: kinds, names, owners, modes, times, links, holes and attributes', async () => {
    awkwardTree(world.tree)
    const before = treeOf(world.tree)
    const made = await world.produce()
    expect(made).toMatchObject({ warnings: [], exitCodes: { tar: 0 }, targets: [{ status: 'success' }] })
    const part = unpack(join(world.places.archivesDir, made.file), join(world.folder, 'out'), 'tar')
    expect(treeOf(join(part, world.tree))).toEqual(before)
    expect(Object.keys(before).length).toBeGreaterThan(45)
    expect(treeOf(world.tree)).toEqual(before)
  })

  test('comes back with Python, which is what YunoHost uses', async () => {
    awkwardTree(world.tree)
    const before = treeOf(world.tree)
    const made = await world.produce()
    const part = unpack(join(world.places.archivesDir, made.file), join(world.folder, 'out'), 'python')
    expect(asPython(treeOf(join(part, world.tree)))).toEqual(asPython(before))
  })

  test('has names that no restore can trip over, and a member for every directory', async () => {
    awkwardTree(world.tree)
    const made = await world.produce()
    const script = `
import tarfile, sys, json
print(json.dumps([[m.name, m.type.decode()] for m in tarfile.open(sys.argv[1])]))`
    const output = execFileSync('python3', [
      '-c',
      script,
      join(world.places.archivesDir, made.file),
    ]).toString()
    const members = JSON.parse(output) as [string, string][]
    const names = members.map(([name]) => name)
    expect(names.slice(0, 10)).toEqual([
      'info.json',
      'backup.csv',
      'hooks',
      'hooks/restore',
      'hooks/restore/95-data_custom',
      'data',
      'data/custom',
      'data/custom/.backupmanager',
      'data/custom/.backupmanager/format',
      'data/custom/.backupmanager/source',
    ])
    expect(names.at(-1)).toBe('backup_info.json')
    expect(new Set(names).size).toBe(names.length)
    const folders = new Set<string>()
    for (const [name, type] of members) {
      expect(name.split('/').some((step) => step === '' || step === '.' || step === '..')).toBe(false)
      const parent = name.split('/').slice(0, -1).join('/')
      expect(parent === '' || folders.has(parent), `${name} comes after its folder`).toBe(true)
      if (type === '5') folders.add(name)
    }
  })
})

describe('the directory itself', () => {
  test('and its parents come back with their own modes, owners and times', async () => {
    chmodSync(join(world.folder, 'srv'), 0o711)
    chownSync(join(world.folder, 'srv'), 4242, 4243)
    chmodSync(world.tree, 0o1770)
    utimesSync(world.tree, 12.5, 12.5)
    fill(join(world.tree, 'file'), 1)
    utimesSync(world.tree, 12.5, 12.5)
    utimesSync(join(world.folder, 'srv'), 11.5, 11.5)
    const made = await world.produce()
    const part = unpack(join(world.places.archivesDir, made.file), join(world.folder, 'out'), 'tar')
    expect(treeOf(join(part, world.folder, 'srv'))).toEqual(treeOf(join(world.folder, 'srv')))
  })

  test('is followed when it, or a parent, is a symbolic link, and stored as the directory it is', async () => {
    writeFileSync(join(world.tree, 'file'), 'x')
    chmodSync(world.tree, 0o700)
    symlinkSync('srv', join(world.folder, 'link'))
    symlinkSync('tree', join(world.folder, 'srv/self'))
    const source = join(world.folder, 'link/self')
    const made = await world.produce({ source_path: `${source}//` })
    const part = unpack(join(world.places.archivesDir, made.file), join(world.folder, 'out'), 'tar')
    expect(treeOf(join(part, source))).toEqual(treeOf(world.tree))
    expect(treeOf(join(part, world.folder, 'link'))['2e']).toMatchObject({ kind: 0o040000 })
    expect(made.targets).toEqual([{ kind: 'path', id: source, status: 'success' }])
  })

  test('may have a name like an option, a pattern or a transformation', async () => {
    const source = join(world.folder, "-T *[x]\\1;s,^,evil,'é ")
    mkdirSync(source)
    writeFileSync(join(source, '--help'), 'x')
    const made = await world.produce({ source_path: source })
    const part = unpack(join(world.places.archivesDir, made.file), join(world.folder, 'out'), 'tar')
    expect(treeOf(join(part, source))).toEqual(treeOf(source))
  })

  test('that is empty makes an archive that says so', async () => {
    const made = await world.produce()
    const part = unpack(join(world.places.archivesDir, made.file), join(world.folder, 'out'), 'tar')
    expect(treeOf(join(part, world.tree))).toEqual(treeOf(world.tree))
  })
})

test('sockets are skipped and counted', async () => {
  writeFileSync(join(world.tree, 'file'), 'x')
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(join(world.tree, 'socket'), resolve))
  onTestFinished(() => new Promise((resolve) => server.close(() => resolve())))
  const made = await world.produce()
  expect(made.warnings).toEqual([{ code: 'sockets_skipped', facts: { count: 1 } }])
  expect(made.targets[0]?.status).toBe('success')
})

describe('another file system below', () => {
  beforeEach(() => {
    const mounted = join(world.tree, 'mounted')
    mkdirSync(mounted)
    writeFileSync(join(world.tree, 'file'), 'x')
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', mounted])
    world.atEnd(() => execFileSync('umount', [mounted]))
    writeFileSync(join(mounted, 'inside'), 'x')
  })
  const names = (file: string): string =>
    execFileSync('tar', ['-tf', join(world.places.archivesDir, file)]).toString()

  test('is left out and named, its place stays', async () => {
    const made = await world.produce()
    const path = join(world.tree, 'mounted')
    expect(made.warnings).toEqual([{ code: 'mounts_skipped', path, facts: { count: 1 } }])
    expect(made.targets[0]?.status).toBe('success')
    expect(names(made.file)).toContain('/tree/mounted/\n')
    expect(names(made.file)).not.toContain('inside')
  })

  test('is taken along where the job says so', async () => {
    const made = await world.produce({ one_file_system: false })
    expect(made.warnings).toEqual([])
    expect(names(made.file)).toContain('/tree/mounted/inside\n')
  })

  test('is never the archives, whatever the job says and however they are mounted', async () => {
    const inside = join(world.tree, 'bound')
    mkdirSync(inside)
    writeFileSync(join(world.places.archivesDir, 'other.tar'), 'x')
    execFileSync('mount', ['--bind', world.places.archivesDir, inside])
    world.atEnd(() => execFileSync('umount', [inside]))
    const made = await world.produce({ one_file_system: false })
    expect(made.warnings).toMatchObject([{ code: 'mounts_skipped', path: inside }])
    expect(names(made.file)).not.toContain('other.tar')
  })
})
