import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import BetterSqlite3 from 'better-sqlite3'
import { describe, expect, test } from 'vitest'
import { temporaryFolder } from '../../test/support/temp.ts'
import { buildContents, type IndexedMember } from './contents-build.ts'
import { listQuery, openContents, type ContentsIndex, type ReadyPage } from './contents-index.ts'

type Told = Partial<Omit<IndexedMember, 'name' | 'link'>> & { readonly name: string; readonly link?: string }

function member({ name, link = '', ...rest }: Told): IndexedMember {
  return {
    kind: 'file',
    size: 1,
    modifiedAt: 1000,
    mode: 0o644,
    owner: 'alice',
    group: 'users',
    offset: 512,
    ...rest,
    name: Buffer.from(name, 'latin1'),
    link: Buffer.from(link, 'latin1'),
  }
}

const directory = (name: string): Told => ({ name, kind: 'directory', mode: 0o755 })

async function built(members: Iterable<Told>): Promise<{ file: string; index: ContentsIndex }> {
  const file = join(await temporaryFolder(), 'index.db')
  const build = buildContents(file)
  for (const one of members) build.add(member(one))
  await build.finish(new AbortController().signal)
  const index = openContents(file)
  if (!index) throw new Error('the index cannot be opened')
  return { file, index }
}

function bytes(path: string): Buffer {
  return Buffer.from(path, 'utf8')
}

function names(page: ReadyPage): string[] {
  return page.entries.map((one) => one.name)
}

describe('a directory', () => {
  test('shows directories first, then everything else, by the bytes of their names', async () => {
    const { index } = await built([
      { name: 'b' },
      directory('z'),
      { name: 'B' },
      { name: 'a.txt' },
      { name: '\xff odd' },
      directory('a'),
      { name: 'link', kind: 'link', link: 'a/b' },
    ])
    const page = index.list(bytes(''), { limit: 100 })
    expect(names(page)).toEqual(['a', 'z', 'B', 'a.txt', 'b', 'link', '\ufffd odd'])
    expect(page).toMatchObject({ state: 'ready', next: null, total: 7 })
  })

  test('that no member stands for is there, without facts of its own', async () => {
    const { index } = await built([{ name: 'a/b/c', size: 5 }])
    expect(index.list(bytes(''), { limit: 9 }).entries).toEqual([
      {
        key: bytes('a').toString('base64url'),
        path: 'a',
        name: 'a',
        kind: 'directory',
        sizeBytes: 5,
        files: 1,
        modifiedAt: null,
        mode: null,
        owner: null,
        group: null,
        linkTarget: null,
      },
    ])
    expect(index.list(bytes('a/b'), { limit: 9 }).entries).toMatchObject([
      {
        path: 'a/b/c',
        name: 'c',
        kind: 'file',
        sizeBytes: 5,
        files: 1,
        modifiedAt: 1000,
        mode: '0644',
        owner: 'alice',
        group: 'users',
      },
    ])
  })

  test('adds up what is below it, whatever the order of the members', async () => {
    const { index } = await built([
      { name: 'x/y/1', size: 10 },
      { name: 'top', size: 1000 },
      { name: 'x/2', size: 200 },
      { name: 'x/y/z/3', size: 3 },
      directory('x'),
      { name: 'x/y/4', size: 4 },
      directory('empty'),
    ])
    const sums = Object.fromEntries(
      ['', 'x', 'x/y', 'x/y/z', 'empty'].map((path) => {
        const entry = index.entry(bytes(path))
        return [path, [entry?.files, entry?.sizeBytes]]
      }),
    )
    expect(sums).toEqual({ '': [5, 1217], x: [4, 217], 'x/y': [3, 17], 'x/y/z': [1, 3], empty: [0, 0] })
  })

  test('sums beyond what an integer holds are still sums', async () => {
    const huge = Array.from({ length: 2000 }, (_, n) => ({ name: `d/${n}`, size: 2 ** 53 }))
    const { index } = await built(huge)
    expect(index.entry(bytes('d'))?.sizeBytes).toBeCloseTo(2000 * 2 ** 53, -10)
  })

  test('comes in pages, each entry once', async () => {
    const all = Array.from({ length: 57 }, (_, n) => (n % 5 === 0 ? directory(`d/${n}`) : { name: `d/${n}` }))
    const { index } = await built(all)
    const seen: string[] = []
    let after: string | undefined
    do {
      const page = index.list(bytes('d'), { after, limit: 10 })
      expect(page.total).toBe(57)
      seen.push(...names(page))
      after = page.next ?? undefined
    } while (after !== undefined)
    expect(seen).toEqual(names(index.list(bytes('d'), { limit: 1000 })))
    expect(new Set(seen).size).toBe(57)
  })

  test('is not a file, nothing, or outside', async () => {
    const { index } = await built([{ name: 'a/b' }])
    for (const path of ['a/b', 'nothing', 'a/b/c', '..', '/', 'a//b']) {
      expect(() => index.list(bytes(path), { limit: 9 }), path).toThrow(
        expect.objectContaining({ code: 'member_not_found' }),
      )
    }
    expect(() => index.list(bytes(''), { limit: 9, after: 'nonsense' })).toThrow(
      expect.objectContaining({ code: 'validation_failed' }),
    )
  })

  test('is found by an index, without sorting', async () => {
    const { file } = await built(Array.from({ length: 2000 }, (_, n) => ({ name: `d${n % 7}/${n}` })))
    const db = new BetterSqlite3(file, { readonly: true })
    const plan = db.prepare(`EXPLAIN QUERY PLAN ${listQuery}`).all(2, 1, Buffer.from('5'), 10) as {
      detail: string
    }[]
    db.close()
    expect(plan.map((step) => step.detail)).toEqual([
      expect.stringMatching(/^SEARCH node USING INDEX node_place \(parent=\? AND \(rank,name\)>\(\?,\?\)\)$/),
    ])
  })
})

describe('of several members of one name', () => {
  test('the last counts', async () => {
    const { index } = await built([
      { name: 'x', size: 5, offset: 1 },
      { name: 'd/y', size: 7 },
      { name: 'x', size: 9, offset: 2, kind: 'link', link: 'd' },
      directory('d'),
      { ...directory('d'), mode: 0o700 },
    ])
    expect(index.entry(bytes('x'))).toMatchObject({ kind: 'link', sizeBytes: 9, offset: 2, linkTarget: 'd' })
    expect(index.entry(bytes('d'))).toMatchObject({ mode: '0700', files: 1 })
    expect(index.entry(bytes(''))).toMatchObject({ files: 2, sizeBytes: 16 })
  })

  test('what holds something stays a directory, an empty one gives way', async () => {
    const { index } = await built([
      directory('full'),
      { name: 'full/x' },
      { name: 'full' },
      directory('empty'),
      { name: 'empty' },
      { name: 'file' },
      { name: 'file/below' },
      { name: 'was a file' },
      directory('was a file'),
    ])
    const kinds = index.list(bytes(''), { limit: 9 }).entries.map((one) => `${one.name}: ${one.kind}`)
    expect(kinds).toEqual(['file: directory', 'full: directory', 'was a file: directory', 'empty: file'])
    expect(index.entry(bytes(''))).toMatchObject({ files: 3 })
  })
})

describe('a search', () => {
  const some: Told[] = [
    { name: 'docs/Report.pdf' },
    { name: 'docs/old/report 2.PDF' },
    directory('reports'),
    { name: 'reports/ete.txt' },
    { name: bytes('reports/ÉTÉ.txt').toString('latin1') },
    // The same in letters and separate accents, as other systems write it.
    { name: bytes('reports/E\u0301te\u0301 2.txt').toString('latin1') },
    { name: '100%_\xff' },
  ]

  test.each<[text: string, found: string[]]>([
    ['report', ['reports', 'docs/Report.pdf', 'docs/old/report 2.PDF']],
    ['REPORT', ['reports', 'docs/Report.pdf', 'docs/old/report 2.PDF']],
    ['.pdf', ['docs/Report.pdf', 'docs/old/report 2.PDF']],
    ['été', ['reports/E\u0301te\u0301 2.txt', 'reports/ÉTÉ.txt']],
    ['E\u0301TE\u0301', ['reports/E\u0301te\u0301 2.txt', 'reports/ÉTÉ.txt']],
    ['%_', ['100%_\ufffd']],
    // Only the last part of a path is a name.
    ['docs/', []],
    ['old', ['docs/old']],
    ['', []],
  ])('for “%s”', async (text, found) => {
    const { index } = await built(some)
    const page = await index.search(text, { limit: 100 })
    expect(page.entries.map((one) => one.path)).toEqual(found)
    expect(page).toMatchObject({ total: found.length, next: null })
  })

  test('of many comes in pages, each entry once, with the number of all', async () => {
    const many = Array.from({ length: 60_000 }, (_, n) => ({
      name: `d${n % 300}/${n % 7 === 0 ? 'hit' : 'miss'}`,
    }))
    const { index } = await built(many)
    const seen: string[] = []
    let after: string | undefined
    do {
      const page = await index.search('HIT', { after, limit: 90 })
      expect(page.total).toBe(300)
      seen.push(...page.entries.map((one) => one.path))
      after = page.next ?? undefined
    } while (after !== undefined)
    expect(new Set(seen).size).toBe(300)
    expect(seen.length).toBe(300)
  })

  test('lets others do something meanwhile, and can be ended', async () => {
    const { index } = await built(Array.from({ length: 60_000 }, (_, n) => ({ name: String(n) })))
    let turns = 0
    const over = new AbortController()
    const counting = (async () => {
      while (!over.signal.aborted) {
        await nextTurn()
        turns += 1
      }
    })()
    await index.search('nothing', { limit: 10 })
    over.abort()
    await counting
    expect(turns).toBeGreaterThan(1)
    const stop = new AbortController()
    stop.abort()
    await expect(index.search('1', { limit: 10 }, stop.signal)).rejects.toMatchObject({ name: 'AbortError' })
  })
})

describe('the file', () => {
  test('is for its owner alone', async () => {
    const { file } = await built([])
    expect(statSync(file).mode & 0o777).toBe(0o600)
  })

  test('is nothing before it is whole, nor when it is something else', async () => {
    const folder = await temporaryFolder()
    const file = join(folder, 'half.db')
    const build = buildContents(file)
    build.add(member({ name: 'x' }))
    build.close()
    expect(openContents(file)).toBeNull()
    writeFileSync(join(folder, 'text.db'), 'no database')
    expect(openContents(join(folder, 'text.db'))).toBeNull()
    expect(openContents(join(folder, 'missing.db'))).toBeNull()
  })

  test('that turns out to be damaged is removed, so that it is made again', async () => {
    const { file, index } = await built(Array.from({ length: 5000 }, (_, n) => ({ name: `d/${n}` })))
    index.close()
    const damaged = readFileSync(file)
    damaged.fill(0x55, 8192 * 3)
    writeFileSync(file, damaged)
    const again = openContents(file)
    await expect(again?.search('4999', { limit: 10 })).rejects.toMatchObject({ code: 'internal' })
    again?.close()
    expect(existsSync(file)).toBe(false)
  })

  test('is left unfinished when its making is stopped', async () => {
    const file = join(await temporaryFolder(), 'index.db')
    const build = buildContents(file)
    for (let n = 0; n < 10_000; n += 1) build.add(member({ name: String(n) }))
    const stop = new AbortController()
    stop.abort()
    await expect(build.finish(stop.signal)).rejects.toMatchObject({ name: 'AbortError' })
    build.close()
    expect(openContents(file)).toBeNull()
  })
})

test('paths of thousands of steps are no harm', async () => {
  const { index } = await built([{ name: `${'d/'.repeat(4000)}file` }])
  const page = await index.search('file', { limit: 1 })
  expect(page.entries[0]?.path.length).toBe(8004)
  expect(index.entry(bytes(''))).toMatchObject({ files: 1 })
})
