import { execFileSync } from 'node:child_process'
import {
  linkSync,
  mkdirSync,
  readdirSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { appendFile, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { temporaryFolder } from '../../../../test/support/temp.ts'
import { tarEnd, tarFile } from '../../../archive/tar-header.ts'
import { watchedIo, type WatchedIo } from '../../contract.ts'
import { drill } from './drill.ts'

interface World {
  readonly io: WatchedIo
  readonly tar: string
  readonly archives: string
}

/** An archive `x` of a small tree with everything that a tree can have. */
async function aWorld(signal?: AbortSignal): Promise<World> {
  const folder = await temporaryFolder()
  const [archives, data, tree] = ['archives', 'data', 'tree'].map((name) => join(folder, name))
  if (archives === undefined || data === undefined || tree === undefined) throw new Error('no folders')
  for (const one of [archives, data, join(tree, 'apps/cloud/a dir')]) mkdirSync(one, { recursive: true })
  const inside = join(tree, 'apps/cloud')
  writeFileSync(join(inside, 'é\n-name'), 'text')
  writeFileSync(join(inside, 'empty'), '')
  writeFileSync(join(inside, 'large'), Buffer.alloc(3_000_001, 'abc'))
  writeFileSync(join(inside, 'holes'), 'x')
  truncateSync(join(inside, 'holes'), 1_000_000)
  linkSync(join(inside, 'large'), join(inside, 'large2'))
  symlinkSync('/nowhere/at all', join(inside, 'dangling'))
  execFileSync('mkfifo', [join(inside, 'fifo')])
  execFileSync('mknod', [join(inside, 'null'), 'c', '1', '3'])
  const tar = join(archives, 'x.tar')
  execFileSync('tar', ['-C', tree, '--sort=name', '--sparse', '--format=pax', '-cf', tar, 'apps'])
  const places = { archivesDir: archives, dataDir: data, yunohost: [], systemRoot: '' }
  return { io: watchedIo(places, signal), tar, archives }
}

/** The same world with a hand in it: what `change` does to the unpacked files before they are compared. */
function tampered(io: WatchedIo, change: (folder: string) => void): WatchedIo {
  return {
    ...io,
    run: async (file, args, options) => {
      const done = await io.run(file, args, options)
      const folder = args[args.indexOf('-C') + 1]
      if (file === 'tar' && folder !== undefined) change(join(folder, 'apps/cloud'))
      return done
    },
  }
}

async function expectNothingLeft({ io, archives }: World): Promise<void> {
  expect((await readdir(archives)).filter((name) => name.startsWith('.'))).toEqual([])
  expect(readdirSync(io.places.dataDir)).toEqual([])
  expect(io.running()).toEqual([])
}

describe('a drill that unpacks', () => {
  test.each(['x.tar', 'x.tar.gz'])('passes for a whole archive %s, and leaves nothing', async (file) => {
    const world = await aWorld()
    if (file.endsWith('.gz')) {
      writeFileSync(join(world.archives, file), gzipSync(await readFile(world.tar)))
      unlinkSync(world.tar)
    }
    const result = await drill('x', world.io)
    expect(result.verdict).toBe('passed')
    expect(result.findings).toMatchObject([{ code: 'files_compared', facts: { files: 7, number: 7 } }])
    await expectNothingLeft(world)
  })

  test.each<[string, (folder: string) => void, string[]]>([
    ['a missing file', (folder) => unlinkSync(join(folder, 'empty')), ['file_missing apps/cloud/empty']],
    [
      'other contents',
      (folder) => writeFileSync(join(folder, 'é\n-name'), 'texT'),
      ['file_differs apps/cloud/é\n-name'],
    ],
    [
      'another size',
      (folder) => truncateSync(join(folder, 'large2'), 3_000_000),
      ['file_differs apps/cloud/large'],
    ],
    [
      'another link',
      (folder) => {
        unlinkSync(join(folder, 'dangling'))
        symlinkSync('/elsewhere', join(folder, 'dangling'))
      },
      ['file_differs apps/cloud/dangling'],
    ],
    [
      'a file in a folder’s place',
      (folder) => execFileSync('sh', ['-c', 'rmdir "$1" && touch "$1"', 'sh', join(folder, 'a dir')]),
      ['file_differs apps/cloud/a dir'],
    ],
  ])('fails for %s, and names it', async (_what, change, told) => {
    const world = await aWorld()
    const result = await drill('x', tampered(world.io, change))
    expect(result.verdict).toBe('failed')
    const [, ...found] = result.findings
    expect(found.map(({ code, facts }) => `${code} ${facts['path'] ?? ''}`)).toEqual(told)
    await expectNothingLeft(world)
  })

  test('takes the last of several members of one name for the truth', async () => {
    const world = await aWorld()
    const members = Buffer.concat([
      tarFile('twice', Buffer.from('first'), 1),
      tarFile('twice', Buffer.from('other'), 1),
      tarFile('empty', Buffer.from('not yet'), 1),
      tarFile('empty', Buffer.alloc(0), 1),
    ])
    writeFileSync(world.tar, Buffer.concat([members, tarEnd(members.length)]))
    expect(await drill('x', world.io)).toMatchObject({ verdict: 'passed' })
  })

  test('fails for an archive that is cut, empty, climbs out, or whose gzip is damaged', async () => {
    const world = await aWorld()
    const whole = await readFile(world.tar)
    const climbing = tarFile('../out', Buffer.from('x'), 1)
    const packed = gzipSync(whole)
    packed[Math.floor(packed.length / 2)] = 255 - (packed[Math.floor(packed.length / 2)] ?? 0)
    for (const bad of [
      whole.subarray(0, whole.length / 2),
      Buffer.alloc(0),
      Buffer.concat([climbing, tarEnd(climbing.length)]),
      packed,
    ]) {
      await writeFile(world.tar, bad)
      expect(await drill('x', world.io)).toMatchObject({
        verdict: 'failed',
        findings: [{ code: 'damage' }],
      })
    }
    await expectNothingLeft(world)
  })

  test('tells nothing about the archive when there is no room, or no tar', async () => {
    const world = await aWorld()
    const huge = join(world.archives, 'huge')
    writeFileSync(huge, 'x')
    truncateSync(huge, 2 ** 43)
    execFileSync('tar', ['-C', world.archives, '--sparse', '-cf', world.tar, 'huge'])
    unlinkSync(huge)
    expect(await drill('x', world.io)).toMatchObject({
      verdict: 'inconclusive',
      findings: [{ code: 'no_space' }],
    })
    const small = await aWorld()
    const without: WatchedIo = {
      ...small.io,
      run: (file, args, options) => small.io.run(file === 'tar' ? '/nonexistent/tar' : file, args, options),
    }
    expect(await drill('x', without)).toMatchObject({
      verdict: 'inconclusive',
      findings: [{ code: 'tool_missing', facts: { tool: 'tar' } }],
    })
    await expectNothingLeft(small)
  })

  test('is ended by a cancel, and says when there is no archive', async () => {
    const stop = new AbortController()
    const world = await aWorld(stop.signal)
    await expect(drill('y', world.io)).rejects.toMatchObject({ code: 'archive_not_found' })
    const work = drill(
      'x',
      tampered(world.io, () => stop.abort()),
    )
    await expect(work).rejects.toMatchObject({ code: 'cancelled' })
    await expectNothingLeft(world)
  })

  test('looks at an archive that grows behind its end without failing', async () => {
    const world = await aWorld()
    await appendFile(world.tar, Buffer.alloc(10_240))
    expect((await drill('x', world.io)).verdict).toBe('passed')
  })
})
