// Symbolic links that have several names: each of them is stored as the link that it is, never as a hard link to another.
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { pathTable } from '../../archive/path-table.ts'
import { surveyArchive } from '../../archive/survey.ts'
import type { TarMember } from '../../archive/tar-scanner.ts'
import { verifyArchive } from '../../archive/verify.ts'
import { run, type Run } from '../../sys/process.ts'
import { fill, makeWorld, needRoot, treeOf, unpack, type World } from './custom-dir-world.ts'
import { expectMembers } from './expected-members.ts'

let world: World
beforeEach(async () => {
  needRoot()
  world = await makeWorld()
})
afterEach(() => world.dispose())

const inTree = (name: string): string => join(world.tree, name)
const archive = (): string => join(world.places.archivesDir, 'made.tar')

/** Members below the directory: their names, types and targets. */
async function members(): Promise<[name: string, type: string, target: string][]> {
  const top = `data/custom${world.tree}/`
  const found: [string, string, string][] = []
  const survey = await surveyArchive(world.places.archivesDir, 'made', {
    strict: true,
    onMember: ({ type, linkName }, name) => {
      if (name.startsWith(top))
        found.push([name.slice(top.length), type, linkName.toString().replace(top, '')])
    },
  })
  expect(survey).toMatchObject({ damage: '', unsafe: null })
  return found
}

/** A `run` that does one thing before tar is started for the first time, and another before the second time. */
function beforeEachTar(...acts: (() => void)[]): Run {
  const left = [...acts]
  return (file, args, options) => {
    if (args.includes('--create')) left.shift()?.()
    return run(file, args, options)
  }
}

/** Two names of a link, in two directories, among other things. */
function twoNames(target = 'nowhere'): void {
  for (const name of ['d', 'e']) mkdirSync(inTree(name))
  symlinkSync(target, inTree('d/link'))
  linkSync(inTree('d/link'), inTree('e/other'))
  writeFileSync(inTree('e/file'), 'x')
  linkSync(inTree('e/file'), inTree('hard'))
}

describe('a symbolic link with several names', () => {
  test('is as many symbolic links, behind all the rest; hard links between files stay what they are', async () => {
    twoNames()
    symlinkSync('nowhere', inTree('single'))
    const made = await world.produce()
    expect(made).toMatchObject({ warnings: [], exitCodes: { tar: 0 }, targets: [{ status: 'success' }] })
    expect(await members()).toEqual([
      ['d', '5', ''],
      ['e', '5', ''],
      ['e/file', '0', ''],
      ['hard', '1', 'e/file'],
      ['single', '2', 'nowhere'],
      ['d/link', '2', 'nowhere'],
      ['e/other', '2', 'nowhere'],
    ])
    expect(world.archives().toSorted()).toEqual(['made.info.json', 'made.tar'])
    const { damage, innerSha256, sha256 } = await verifyArchive(world.places.archivesDir, 'made')
    expect([damage, sha256]).toEqual(['', made.sha256])
    expect(innerSha256?.expected).toBe(innerSha256?.found)
  })

  test('comes back with its owner, times and attributes, whatever its names and its target are', async () => {
    twoNames('t'.repeat(1000))
    const odd = Buffer.concat([Buffer.from(`${world.tree}/-\n\\134\xff`, 'latin1'), Buffer.alloc(200, 0xe9)])
    linkSync(inTree('d/link'), odd)
    linkSync(inTree('d/link'), join(world.folder, 'outside'))
    lutimesSync(inTree('d/link'), 1e9, 1e9)
    execFileSync('sh', [
      '-euc',
      `cd '${world.tree}'; chown -h 12345:54321 d/link; setfattr -h -n trusted.link -v 1 d/link; touch -h -d '1999-12-31 23:59:59.123456789 UTC' d/link
       touch -d @5 d e .`,
    ])
    const before = treeOf(world.tree)
    await world.produce()
    const part = unpack(archive(), join(world.folder, 'out'), 'tar')
    expect(treeOf(join(part, world.tree))).toEqual(before)
    expect(Object.values(before).filter((entry) => entry['uid'] === 12_345)).toHaveLength(3)
  })

  test('never leads the program that YunoHost unpacks with to a file outside', async () => {
    const secret = join(world.folder, 'secret')
    writeFileSync(secret, 'x')
    chmodSync(secret, 0o600)
    twoNames(secret)
    await world.produce()
    const before = statSync(secret, { bigint: true })
    const part = unpack(archive(), join(world.folder, 'out'), 'python')
    expect(statSync(secret, { bigint: true })).toMatchObject({ mode: before.mode, mtimeNs: before.mtimeNs })
    expect(treeOf(join(part, world.tree))[Buffer.from('e/other').toString('hex')]).toMatchObject({
      target: Buffer.from(secret).toString('hex'),
    })
  })

  test('is left out where the excludes say so', async () => {
    twoNames()
    await world.produce({ excludes: ['/d/'] })
    expect((await members()).map(([name]) => name)).toEqual(['e', 'e/file', 'hard', 'e/other'])
  })

  test('is counted once and announced by the progress', async () => {
    twoNames()
    const progress: [number, number | null][] = []
    await world.produce({}, { progress: (done, total) => void progress.push([done, total]) })
    const [done, total] = progress.at(-1) ?? []
    expect(done).toBe(total)
    expect(progress.every(([now, all]) => all === total && now <= (total ?? 0))).toBe(true)
  })
})

describe('while the archive is made, a symbolic link', () => {
  test('that vanishes is named, and the archive is whole', async () => {
    twoNames()
    const made = await world.produce({}, { run: beforeEachTar(() => rmSync(inTree('e/other'))) })
    expect(made.warnings).toEqual([{ code: 'file_vanished', path: inTree('e/other') }])
    expect(made).toMatchObject({ warningCount: 1, targets: [{ status: 'warning' }], exitCodes: { tar: 2 } })
    expect((await members()).map(([name]) => name)).not.toContain('e/other')
  })

  test('gets its second name too late to be stored apart: nothing stays', async () => {
    symlinkSync('nowhere', inTree('a'))
    symlinkSync('nowhere', inTree('b'))
    const late = (): void => {
      rmSync(inTree('b'))
      linkSync(inTree('a'), inTree('b'))
    }
    await expect(world.produce({}, { run: beforeEachTar(late) })).rejects.toMatchObject({
      code: 'source_unreadable',
      facts: { path: `data/custom${inTree('b')}`, detail: 'a hard link to a symbolic link' },
    })
    expect(world.archives()).toEqual([])
  })

  test('stands for a moment where its directory was: nothing stays', async () => {
    const elsewhere = join(world.folder, 'elsewhere')
    mkdirSync(elsewhere)
    mkdirSync(inTree('d'))
    symlinkSync('nowhere', inTree('d/link'))
    linkSync(inTree('d/link'), join(world.folder, 'outside'))
    const away = (): void => {
      renameSync(inTree('d'), join(world.folder, 'd'))
      symlinkSync(elsewhere, inTree('d'))
    }
    const back = (): void => {
      rmSync(inTree('d'))
      renameSync(join(world.folder, 'd'), inTree('d'))
    }
    await expect(world.produce({}, { run: beforeEachTar(away, back) })).rejects.toMatchObject({
      code: 'source_unreadable',
      facts: { detail: 'a member behind a symbolic link' },
    })
    expect(world.archives()).toEqual([])
  })

  test('is about to be stored when all is cancelled: nothing stays', async () => {
    twoNames()
    fill(inTree('big'), 3)
    const stop = new AbortController()
    const seen: string[][] = []
    const second = (): void => {
      seen.push(world.archives().toSorted())
      stop.abort()
    }
    const work = world.produce({}, { signal: stop.signal, run: beforeEachTar(() => undefined, second) })
    await expect(work).rejects.toMatchObject({ code: 'cancelled' })
    expect(seen).toEqual([['.made.links.partial', '.made.tar.partial']])
    expect(world.archives()).toEqual([])
  })
})

test('a hard link to a symbolic link is found out whatever its mode and the order say', () => {
  const names = ['./t/.', './t/a', './t/b', './t/c'].values() as Iterator<string, undefined>
  const expected = expectMembers(names, 'data/custom', './t/.', pathTable())
  const member = (name: string, type: string, linkName = ''): TarMember => ({
    name: Buffer.from(`data/custom/t${name}`),
    otherNames: [],
    doubtful: false,
    type,
    linkName: Buffer.from(linkName),
    size: 0,
    realSize: 0,
    sparse: false,
    mode: 0o4755,
    uid: 0,
    gid: 0,
    owner: '',
    group: '',
    mtimeNs: 0n,
    offset: 0,
    dataOffset: 512,
  })
  expect(expected.member(member('/', '5'))).toBeNull()
  expect(expected.member(member('/a', '2', '/etc/passwd'))).toBeNull()
  expect(expected.member(member('/b', '0'))).toBeNull()
  expect(expected.member(member('/c', '1', 'data/custom/t/a'))).toBe('a hard link to a symbolic link')
})
