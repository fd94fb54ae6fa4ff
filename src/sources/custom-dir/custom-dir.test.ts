import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { describeSource, watchedIo } from '../contract.ts'
import { hashFile } from '../../archive/hash.ts'
import { readArchives } from '../../archive/read.ts'
import { scanArchives } from '../../archive/scan.ts'
import { verifyArchive } from '../../archive/verify.ts'
import { run, type Run } from '../../sys/process.ts'
import { fill, makeWorld, waiting, whileTarWrites, type World } from './custom-dir-world.ts'
import { customDir } from './index.ts'

let slowed: ((run: Run) => Run) | null = null
/** tar is found by the PATH, not by the places that the suite can change: its absence is shown further down. */
const contracted = {
  ...customDir,
  tools: [],
  produce: ((settings, order, io) =>
    customDir.produce(
      settings,
      order,
      slowed ? { ...io, run: slowed(io.run) } : io,
    )) satisfies typeof customDir.produce,
}

describeSource(contracted, async () => {
  const world = await makeWorld()
  fill(join(world.tree, 'file'), 6)
  return {
    settings: { source_path: world.tree, excludes: ['*.log'] },
    places: world.places,
    withoutTool: null,
    slowDown: () => {
      const wait = waiting(world.folder)
      slowed = (inner) => whileTarWrites(inner, wait.command)
      return Promise.resolve({ reached: () => Promise.resolve(wait.reached()) })
    },
    dispose: () => {
      slowed = null
      return world.dispose()
    },
  }
})

let world: World
beforeEach(async () => {
  world = await makeWorld()
  mkdirSync(join(world.tree, 'cache'))
  for (const name of ['a.txt', 'b.log', 'cache/x', 'empty']) {
    writeFileSync(join(world.tree, name), name === 'empty' ? '' : name)
  }
})
afterEach(() => world.dispose())

describe('an archive', () => {
  test('holds info.json like its sidecar, backup.csv, and our description that vouches for all before it', async () => {
    const made = await world.produce({ excludes: ['*.log'] })
    const tar = join(world.places.archivesDir, 'made.tar')
    const member = (name: string): string => execFileSync('tar', ['-xOf', tar, name]).toString()
    expect(member('info.json')).toBe(readFileSync(join(world.places.archivesDir, 'made.info.json'), 'utf8'))
    expect(JSON.parse(member('info.json'))).toEqual(made.info)
    expect(Object.keys(made.info)).toEqual([
      'description',
      'created_at',
      'size',
      'size_details',
      'apps',
      'system',
      'from_yunohost_version',
    ])
    expect(member('backup.csv')).toBe(`"${world.tree}","data/custom${world.tree}"\r\n`)
    const described = JSON.parse(member('backup_info.json')) as Record<string, unknown>
    expect(described).toEqual(made.backupInfo)
    expect(described).toMatchObject({
      type: 'custom_dir',
      created_at: '2026-05-08T05:00:00.000+02:00',
      yunohost_version: null,
      source_path: world.tree,
      excludes: ['*.log'],
    })
    const head = execFileSync('sh', [
      '-c',
      `head -c ${String(described['sha256_bytes'])} '${tar}' | sha256sum`,
    ]).toString()
    expect(head.slice(0, 64)).toBe(described['sha256'])
    expect(made.sha256).toBe((await hashFile(tar)).sha256)
    expect(statSync(tar).size % 10_240).toBe(0)
    expect(statSync(tar).mode & 0o777).toBe(0o640)
  })

  test('is what the catalogue, the reader and verify take for a whole one', async () => {
    const made = await world.produce()
    const { archivesDir } = world.places
    expect(await scanArchives(archivesDir)).toEqual({
      archives: [
        { name: 'made', file: 'made.tar', sizeBytes: made.sizeBytes, fingerprint: made.fingerprint },
      ],
      unfinished: [],
    })
    expect(await readArchives(archivesDir, ['made'])).toEqual([
      { name: 'made', info: made.info, backupInfo: made.backupInfo, error: null },
    ])
    const verified = await verifyArchive(archivesDir, 'made')
    expect(verified).toMatchObject({ sha256: made.sha256, sizeBytes: made.sizeBytes, damage: '' })
    expect(verified.innerSha256?.found).toBe(verified.innerSha256?.expected)
  })

  test('tells the unpacked size: hard links once, holes not at all', async () => {
    const before = await world.produce({}, {}, 'before')
    fill(join(world.tree, 'big'), 2)
    execFileSync('sh', ['-c', 'ln big hard; truncate -s 1G holes'], { cwd: world.tree })
    const after = await world.produce({}, {}, 'after')
    const more = Number(after.info['size']) - Number(before.info['size'])
    expect(more).toBeGreaterThanOrEqual(2 * 1024 * 1024)
    expect(more).toBeLessThan(2 * 1024 * 1024 + 100_000)
  })

  test('takes the version that YunoHost tells, and one that was proven where it cannot tell', async () => {
    const yunohost = join(world.folder, 'yunohost')
    const tells = (script: string): void => writeFileSync(yunohost, `#!/bin/sh\n${script}\n`, { mode: 0o755 })
    const io = { places: { ...world.places, yunohost: [yunohost] } }
    tells(`echo '{"yunohost":{"version":"12.9.1"}}'`)
    const good = await world.produce({}, io, 'good')
    expect([good.info['from_yunohost_version'], good.backupInfo['yunohost_version']]).toEqual([
      '12.9.1',
      '12.9.1',
    ])
    tells('exit 1')
    const bad = await world.produce({}, io, 'bad')
    expect([bad.info['from_yunohost_version'], bad.backupInfo['yunohost_version']]).toEqual(['12.1.25', null])
  })

  test('carries the recipe for the restore', async () => {
    const restore = {
      system_user: { name: 'demo', home: '/opt/demo' },
      permissions: { mode: '750' },
      firewall_ports: [8080],
    }
    expect((await world.produce({ restore })).backupInfo['restore']).toEqual(restore)
  })

  test('of the same tree has the same payload each time', async () => {
    const payload = async (name: string): Promise<Buffer> => {
      const { backupInfo } = await world.produce({}, {}, name)
      const tar = readFileSync(join(world.places.archivesDir, `${name}.tar`)).subarray(
        0,
        Number(backupInfo['sha256_bytes']),
      )
      // Its parents' times are nobody's: other programs make files beside it.
      return tar.subarray(tar.indexOf(`data/custom${world.tree}/`))
    }
    const [one, two] = [await payload('one'), await payload('two')]
    expect(one.length).toBeGreaterThan(2048)
    expect(two.equals(one)).toBe(true)
  })
})

test('excludes are left out of the archive, the rest is not', async () => {
  await world.produce({ excludes: ['cache/', '*.log', '/empty'] })
  const names = execFileSync('tar', ['-tf', join(world.places.archivesDir, 'made.tar')])
    .toString()
    .trimEnd()
    .split('\n')
  expect(
    names.filter((name) => name.includes('/tree/')).map((name) => name.replace(/.*\/tree\//, '')),
  ).toEqual(['', 'a.txt'])
})

test('the estimate is near the truth, the progress ends at its total', async () => {
  fill(join(world.tree, 'big'), 3)
  const settings = customDir.settings.parse({ source_path: world.tree })
  const estimate = await customDir.estimate(settings, watchedIo(world.places), false)
  const progress: [number, number | null][] = []
  const made = await world.produce({}, { progress: (done, total) => void progress.push([done, total]) })
  expect(estimate.files).toBe(5)
  expect(estimate.bytes).toBeGreaterThanOrEqual(made.sizeBytes - 20_480)
  expect(estimate.bytes).toBeLessThan(made.sizeBytes + 100_000)
  const [done, total] = progress.at(-1) ?? []
  expect(done).toBe(total)
  expect(progress.every(([now, all]) => all === total && now <= (total ?? 0))).toBe(true)
})

test.each([
  ['is missing', 'exit 127', 'tool_missing'],
  ['is another program', 'echo busybox 1.35', 'tool_missing'],
])('a tar that %s is told', async (_, script, code) => {
  const bin = join(world.folder, 'bin')
  mkdirSync(bin)
  if (script !== 'exit 127') writeFileSync(join(bin, 'tar'), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
  const elsewhere: Run = (file, args, options) => run(file === 'tar' ? join(bin, 'tar') : file, args, options)
  await expect(world.produce({}, { run: elsewhere })).rejects.toMatchObject({ code })
  expect(world.archives()).toEqual([])
})

test('settings that are wrong by now make a problem, not an archive', async () => {
  await expect(world.produce({ source_path: '/no/such/place' })).rejects.toMatchObject({
    code: 'source_missing',
  })
  await expect(world.produce({ source_path: world.folder })).rejects.toMatchObject({
    code: 'validation_failed',
    errors: [{ field: 'config.source_path', code: 'path_contains_archives' }],
  })
  expect(world.archives()).toEqual([])
})
