// Archives that are damaged, dangerous, new, old or compressed: what a plan says of them, and what is restored.
import { execFileSync } from 'node:child_process'
import { readFileSync, readlinkSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { treeOf } from '../custom-dir-world.ts'
import { customDir } from '../index.ts'
import { eachInCraftedWorld, type Member } from './crafted-archive-world.ts'
import type { RestoreWorld } from './restore-world.ts'

let world: RestoreWorld
const { refused, craft, below } = eachInCraftedWorld((fresh) => (world = fresh))
const tar = (): string => join(world.places.archivesDir, 'made.tar')

describe('an archive', () => {
  test('that is cut off, flipped, or no tar at all', async () => {
    await world.save()
    const whole = readFileSync(tar())
    writeFileSync(tar(), whole.subarray(0, whole.length / 2))
    expect(await refused()).toEqual(['archive archive_damaged'])
    const flipped = Buffer.from(whole)
    const at = whole.indexOf(`data/custom${world.tree}/file`)
    flipped[at] = (flipped[at] ?? 0) ^ 0x40
    writeFileSync(tar(), flipped)
    expect(await refused()).toEqual(['archive archive_damaged'])
    writeFileSync(tar(), 'not a tar')
    expect(await refused()).toEqual(['archive archive_damaged'])
    truncateSync(tar(), 0)
    expect(await refused()).toEqual(['archive archive_damaged'])
    rmSync(tar())
    writeFileSync(`${tar()}.gz`, gzipSync(whole).subarray(0, 500))
    expect(await refused()).toEqual(['archive archive_damaged'])
  })

  test('that is not there', async () => {
    await expect(world.plan({}, 'nothing')).rejects.toMatchObject({ code: 'archive_not_found' })
  })

  test('of a newer version', async () => {
    craft([], { format: '3\n' })
    expect(await refused()).toEqual(['archive archive_newer'])
    craft([], { format: 'next\n' })
    expect(await refused()).toEqual(['archive archive_newer'])
  })

  test('of something else than a directory', async () => {
    craft([], { source: '/somewhere/else\n' })
    expect(await refused()).toEqual(['archive archive_damaged'])
  })

  test.each<[string, (w: RestoreWorld) => Member[]]>([
    ['is absolute', () => [{ n: '/etc/evil', d: 'x' }]],
    ['climbs out', () => [{ n: '../evil', d: 'x' }]],
    ['climbs out in the middle', () => [{ n: below('../../evil'), d: 'x' }]],
    [
      'passes through a link',
      () => [
        { n: below('way'), t: '2', l: '/etc' },
        { n: below('way/evil'), d: 'x' },
      ],
    ],
    ['is a hard link that leads out', () => [{ n: below('hard'), t: '1', l: '/etc/passwd' }]],
    [
      'is a hard link to another part',
      () => [
        { n: 'other', d: 'x' },
        { n: below('hard'), t: '1', l: 'other' },
      ],
    ],
    [
      'is a hard link through a link',
      () => [
        { n: below('way'), t: '2', l: '/etc' },
        { n: below('hard'), t: '1', l: below('way/passwd') },
      ],
    ],
  ])('with a member that %s', async (_, members) => {
    craft(members(world))
    expect(await refused()).toEqual(['archive archive_unsafe'])
  })

  test('with a member that nobody knows how to make', async () => {
    craft([{ n: below('odd'), t: 'Q' }])
    expect(await refused()).toEqual(['archive archive_unsafe'])
  })

  test('with a member that says it is larger than any disk', async () => {
    craft([{ n: below('large'), d: 'x' }])
    const data = readFileSync(tar())
    const at = data.indexOf(below('large'))
    const header = data.subarray(at, at + 512)
    header.write('77777777777\0', 124, 'latin1')
    header.write('        ', 148, 'latin1')
    header.write(
      `${header
        .reduce((sum, byte) => sum + byte, 0)
        .toString(8)
        .padStart(6, '0')}\0 `,
      148,
      'latin1',
    )
    writeFileSync(tar(), data)
    expect(await refused()).toEqual(['archive archive_damaged'])
  })

  test('with device nodes, unless they are wanted', async () => {
    execFileSync('mknod', [join(world.tree, 'null'), 'c', '1', '3'])
    await world.save()
    expect(await refused()).toEqual(['devices device_in_archive'])
    expect(await refused({ devices: false })).toEqual(['devices device_in_archive'])
    expect((await world.plan({ devices: true })).warnings).toEqual([
      { code: 'devices', facts: { number: 1 } },
    ])
    expect(await refused({ paths: ['folder'] })).toEqual([])
  })

  test.each([
    ['user', 'root; rm -rf /:x:1:1::/:/bin/sh\n'],
    ['user', 'a:x:1\n'],
    ['user', 'a:x:one:1::/:/bin/sh\n'],
    ['user', 'a:x:1:1:\u001b:/:/bin/sh\n'],
    ['user', 'a:x:1:1::relative:/bin/sh\n'],
    ['service', '../../evil.service\n'],
    ['service', 'no-suffix\n'],
    ['unit-path', '/etc/passwd\n'],
    ['owner', 'a b\n'],
    ['owner', '-x\n--reference=/\n'],
    ['mode', '9999\n'],
    ['ports', '70000\n'],
    ['ports', 'ssh\n'],
    ['group', 'a b:x:1:\n'],
    ['groups', '-x\n'],
  ])('with a recipe whose %s is %j', async (name, value) => {
    const good = {
      user: 'a:x:1:1::/home/a:/bin/sh\n',
      service: 'a.service\n',
      'unit-path': '/etc/systemd/system/a.service\n',
    }
    craft([], { ...good, [name]: value })
    expect(await refused()).toEqual(['archive archive_damaged'])
    // Without the recipe the files can be had.
    expect(await refused({ recipe: false })).toEqual([])
  })
})

test('a refused plan is not carried out', async () => {
  craft([
    { n: below('way'), t: '2', l: '/etc' },
    { n: below('way/evil'), d: 'x' },
  ])
  await expect(world.restore()).rejects.toThrow('archive_unsafe')
})

test.each([
  ['plain', 'restore_failed'],
  ['compressed', 'archive_unsafe'],
])(
  'a %s archive that is exchanged after the plan is found out, and everything put back',
  async (kind, code) => {
    await world.save()
    const gzip = (): unknown => kind === 'compressed' && execFileSync('gzip', ['-f', tar()])
    gzip()
    const before = treeOf(world.tree)
    const exchange = (): void => {
      craft([
        { n: below('way'), t: '2', l: '/etc' },
        { n: below('way/evil'), d: 'x' },
      ])
      gzip()
    }
    const done = await world.restore(
      {},
      {
        change: (tx) => ({
          ...tx,
          will: async (change) => {
            await tx.will(change)
            if (change.kind === 'staging') exchange()
          },
        }),
      },
    )
    expect(done).toMatchObject({ status: 'rolled_back', problem: { code } })
    expect(treeOf(world.tree)).toEqual(before)
    expect(world.beside()).toEqual(['tree'])
  },
)

test('an archive with a hard link to a symbolic link, as GNU tar writes them, is restored: both are that link, and what it leads to stays as it is', async () => {
  const outside = join(world.folder, 'outside')
  writeFileSync(outside, 'x', { mode: 0o600 })
  const before = statSync(outside, { bigint: true })
  craft([
    { n: below('way'), t: '2', l: outside },
    { n: below('folder/other'), t: '1', l: below('way') },
  ])
  expect(await refused()).toEqual([])
  expect((await world.restore()).status).toBe('success')
  for (const name of ['way', 'folder/other']) expect(readlinkSync(join(world.tree, name))).toBe(outside)
  const { mode, mtimeNs } = before
  expect(statSync(outside, { bigint: true })).toMatchObject({ mode, mtimeNs })
})

test('an archive of format 1, which has its recipe only in its description, is restored', async () => {
  const made = await world.save({
    restore: {
      permissions: { mode: '0711' },
      systemd_service: { name: 'old', service_file: join(world.tree, 'old.service') },
    },
  })
  const info = { ...made.backupInfo, format: undefined, sha256_bytes: undefined }
  execFileSync(
    'sh',
    [
      '-euc',
      `mkdir x; tar -C x -xpf archives/made.tar; rm -r x/hooks x/data/custom/.backupmanager
     printf '[Unit]\\n' >"x/data/custom${world.tree}/old.service"
     cat >x/backup_info.json; tar -C x -cf archives/made.tar info.json backup.csv data backup_info.json`,
    ],
    { cwd: world.folder, input: JSON.stringify(info) },
  )
  world.write('file', 'since')
  const plan = await world.plan()
  expect(plan.refusals).toEqual([])
  expect((await world.restore()).status).toBe('success')
  expect(world.text('file')).toBe('saved')
  expect(world.lines('etc/systemd/system/old.service')).toEqual(['[Unit]'])
  expect(world.unitState('old.service')).toBe('active')
})

test('a compressed archive is restored, also when the job has another directory by now', async () => {
  await world.save()
  execFileSync('gzip', [tar()])
  world.write('file', 'since')
  const request = { ...world.request(), settings: customDir.settings.parse({ source_path: '/elsewhere' }) }
  expect((await customDir.restore.plan(request, world.io())).target).toBe(world.tree)
  expect((await world.restore()).status).toBe('success')
  expect(world.text('file')).toBe('saved')
})
