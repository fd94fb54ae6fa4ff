// What goes in comes out: every kind of file, name, owner, time and attribute.
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { fill, makeWorld, needRoot, treeOf, unpack, type World } from './custom-dir-world.ts'

let world: World
beforeEach(async () => {
  needRoot()
  world = await makeWorld()
})
afterEach(() => world.dispose())

const sh = (script: string): Buffer => execFileSync('sh', ['-euc', script], { cwd: world.tree })
const inTree = (name: string): Buffer =>
  Buffer.concat([Buffer.from(`${world.tree}/`), Buffer.from(name, 'latin1')])

function awkwardTree(): void {
  const { tree } = world
  // Kinds
  writeFileSync(join(tree, 'file'), 'contents')
  symlinkSync('nowhere', join(tree, 'dangling'))
  symlinkSync('/etc/passwd', join(tree, 'absolute'))
  symlinkSync('./x/../file', join(tree, 'dotted'))
  mkdirSync(join(tree, 'empty'))
  mkdirSync(join(tree, 'far/away'), { recursive: true })
  linkSync(join(tree, 'file'), join(tree, 'far/away/hard'))
  linkSync(join(tree, 'dangling'), join(tree, 'hard soft link'))
  sh('mkfifo pipe; mknod character c 1 3; mknod block b 7 200')
  // Names
  const names = [
    'a b',
    'new\nline',
    'tab\t',
    '-rf',
    '--checkpoint=1',
    'back\\slash',
    'back\\n',
    'qu"o\'te',
    '$(x)`y`',
    ' ',
    '*?[a]',
    'a:b',
    '@',
    '\xff\xfe',
    'latin\xe9',
    'd\xc3\xa9j\xc3\xa0',
    'n'.repeat(255),
    '\xe2\x98'.repeat(80),
  ]
  for (const name of names) writeFileSync(inTree(name), name)
  mkdirSync(inTree('dir\n\xff'))
  writeFileSync(inTree('dir\n\xff/\\134'), 'inside')
  const deep = join(tree, ...Array.from({ length: 5 }, (_, i) => String(i).repeat(100)))
  mkdirSync(deep, { recursive: true })
  writeFileSync(join(deep, 'bottom'), 'deep')
  // Modes, owners, times
  writeFileSync(join(tree, 'setuid'), 'x')
  chownSync(join(tree, 'setuid'), 12_345, 54_321)
  chmodSync(join(tree, 'setuid'), 0o6751)
  writeFileSync(join(tree, 'no rights'), 'x')
  chmodSync(join(tree, 'no rights'), 0)
  mkdirSync(join(tree, 'sticky'))
  chmodSync(join(tree, 'sticky'), 0o3777)
  mkdirSync(join(tree, 'read only'))
  writeFileSync(join(tree, 'read only/inside'), 'x')
  chownSync(join(tree, 'read only'), 4_000_000_000, 3_999_999_999)
  chmodSync(join(tree, 'read only'), 0o555)
  sh(
    'touch -d @0 "a b"; touch -d "1999-12-31 23:59:59.123456789 UTC" "-rf" 2>/dev/null || touch -d "1999-12-31 23:59:59.123456789 UTC" ./-rf; touch -d @8589934592 ./file; touch -d @-1.5 ./@',
  )
  lutimesSync(join(tree, 'absolute'), 1e9, 1e9)
  // Attributes
  sh(
    'setfattr -n user.comment -v "é\n" file; setfattr -n user.empty ./-rf; setfattr -n trusted.deep -v 0x00ff00 "a b"; setfattr -n user.dir -v 1 empty',
  )
  sh(
    'setfattr -h -n trusted.link -v 1 dangling; cp /bin/true capable; setcap cap_net_bind_service=ep capable',
  )
  sh(
    'setfacl -m u:12345:rwx,g:54321:r,m::rx ./setuid; setfacl -d -m u:12345:rw empty; setfacl -m u:1:r sticky; chmod u+s setuid',
  )
  // Sizes: the end of the payload must be found behind nothing but zeros
  truncateSync(fileWith('holes', ''), 200 * 1024 * 1024)
  sh('printf x | dd of=holes bs=1 seek=100000000 conv=notrunc status=none; printf e >>holes')
  truncateSync(fileWith('only a hole', ''), 3 * 1024 * 1024)
  writeFileSync(join(tree, 'zz zeros'), Buffer.alloc(1024 * 1024))
  writeFileSync(join(tree, 'zzz empty'), '')
  utimesSync(join(tree, 'far/away'), 1.25, 1.25)
  utimesSync(tree, 3.5, 3.5)
  chmodSync(tree, 0o2750)
}

function fileWith(name: string, contents: string): string {
  const path = join(world.tree, name)
  writeFileSync(path, contents)
  return path
}

/** Python's tarfile knows neither attributes nor the times of links, and counts seconds in floating point. */
function asPython(tree: ReturnType<typeof treeOf>): unknown {
  return Object.fromEntries(
    Object.entries(tree).map(([path, entry]) => {
      const { attributes: _, mtime, ...rest } = entry
      const microseconds = Math.round(Number(BigInt(String(mtime)) / 10_000n) / 100)
      return [path, rest['target'] === undefined ? { ...rest, microseconds } : { ...rest, same: null }]
    }),
  )
}

describe('an awkward tree', () => {
  test('comes back byte by byte with GNU tar: kinds, names, owners, modes, times, links, holes and attributes', async () => {
    awkwardTree()
    const before = treeOf(world.tree)
    const made = await world.produce()
    expect(made).toMatchObject({ warnings: [], exitCodes: { tar: 0 }, targets: [{ status: 'success' }] })
    const part = unpack(join(world.places.archivesDir, made.file), join(world.folder, 'out'), 'tar')
    expect(treeOf(join(part, world.tree))).toEqual(before)
    expect(Object.keys(before).length).toBeGreaterThan(45)
    expect(treeOf(world.tree)).toEqual(before)
  })

  test('comes back with Python, which is what YunoHost uses', async () => {
    awkwardTree()
    const before = treeOf(world.tree)
    const made = await world.produce()
    const part = unpack(join(world.places.archivesDir, made.file), join(world.folder, 'out'), 'python')
    expect(asPython(treeOf(join(part, world.tree)))).toEqual(asPython(before))
  })

  test('has names that no restore can trip over, and a member for every directory', async () => {
    awkwardTree()
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
    expect(names.slice(0, 4)).toEqual(['info.json', 'backup.csv', 'data', 'data/custom'])
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
