import { describe, expect, test } from 'vitest'
import { oddTar, type Odd } from './contents-world.ts'
import { cleanName, pathGuard, type GuardOptions } from './path-guard.ts'
import { paxRecord } from './pax.ts'
import { tarScanner } from './tar-scanner.ts'

function guard(members: readonly Odd[], options?: GuardOptions): string | null {
  const look = pathGuard(options)
  let found: string | null = null
  const scanner = tarScanner((member) => {
    found ??= look(member, cleanName(member.name))?.why ?? null
  })
  scanner.push(oddTar(members))
  expect(scanner.end().damage).toBe('')
  return found
}

const link = (name: string, linkName: string): Odd => ({ name, type: '2', linkName })
const hard = (name: string, linkName: string): Odd => ({ name, type: '1', linkName })
const pax = (...records: readonly [string, string][]): Odd => ({
  name: 'PaxHeaders/x',
  type: 'x',
  data: Buffer.concat(records.map(([key, value]) => paxRecord(key, value))),
})

describe('what lands or leads outside is refused', () => {
  test.each<[why: string, members: Odd[]]>([
    ['absolute', [{ name: '/etc/passwd' }]],
    ['absolute', [{ name: '//etc/passwd' }]],
    ['climbs', [{ name: '../x' }]],
    ['climbs', [{ name: 'a/../../x' }]],
    ['climbs', [{ name: './..' }]],
    ['climbs', [{ name: 'a/..', type: '5' }]],
    ['name', [{ name: '' }]],
    ['name', [{ name: './' }]],
    ['name', [pax(['path', 'a\0b']), { name: 'x' }]],
    ['name', [pax(['path', 'd/'.repeat(5000)]), { name: 'x' }]],
    ['behind_link', [link('l', '/etc'), { name: 'l/passwd' }]],
    ['behind_link', [link('a/l', '..'), { name: 'a//l/./x' }]],
    ['behind_link', [link('./a/./l', '..'), { name: 'a/l/x/y' }]],
    ['behind_link', [link('l/', '/etc'), { name: './l/x', type: '5' }]],
    ['behind_link', [{ name: 'd', type: '5' }, link('d', '/etc'), { name: 'd/x' }]],
    ['behind_link', [link('l', '/etc'), hard('h', 'l'), { name: 'h/x' }]],
    ['behind_link', [link('l', '/etc'), hard('h', './/l'), { name: 'h/x' }]],
    ['link_leads_out', [hard('h', '/etc/passwd')]],
    ['link_leads_out', [hard('h', '../x')]],
    ['link_leads_out', [hard('h', '.')]],
    ['link_leads_out', [link('l', '/etc'), hard('h', 'l/passwd')]],
    ['link_leads_out', [link('l', '/etc'), pax(['linkpath', 'l\0x']), hard('h', 'y')]],
    ['odd_type', [{ name: 'x', type: 'D' }]],
    ['odd_type', [{ name: 'x', type: 'M' }]],
    ['odd_type', [{ name: 'x', type: 'V' }]],
    // One reader goes by the first name, another by the last.
    ['climbs', [pax(['GNU.sparse.name', 'good'], ['path', '../bad']), { name: 'x' }]],
    ['absolute', [pax(['GNU.sparse.name', '/bad'], ['path', 'good']), { name: 'x' }]],
  ])('%s: %j', (why, members) => {
    expect(guard(members)).toBe(why)
    expect(guard(members, { strict: true })).not.toBeNull()
  })

  test('a prefix where some readers look for one counts as a part of the name', () => {
    const tar = oddTar([{ name: 'x' }])
    tar.write('ustar  \0', 257, 'latin1')
    tar.write('../up', 345, 'latin1')
    tar.fill(0x20, 148, 156)
    const sum = tar.subarray(0, 512).reduce((all, byte) => all + byte, 0)
    tar.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
    const look = pathGuard()
    const found: unknown[] = []
    tarScanner((member) => found.push(look(member, cleanName(member.name)))).push(tar)
    expect(found).toMatchObject([{ why: 'climbs' }])
  })
})

describe('what stays inside is not', () => {
  test.each<[Odd[]]>([
    [[{ name: './', type: '5' }, { name: './a' }, { name: 'b//c' }, { name: 'd/./e' }]],
    [[link('l', '/etc/passwd'), link('d/up', '../../..'), { name: 'lx' }, { name: 'd/upper' }]],
    [[{ name: 'a' }, hard('b', 'a'), hard('./c/d', './a')]],
    [[link('l', '/etc'), { name: 'l', type: '5' }, { name: 'l/x' }]],
    [[link('l', 'a'), hard('m', 'l')]],
    [[{ name: '..a/b..' }, { name: '...' }]],
    [
      [
        { name: 'fifo', type: '6' },
        { name: 'device', type: '3' },
        { name: 'contiguous', type: '7' },
      ],
    ],
  ])('%j', (members) => {
    expect(guard(members)).toBeNull()
  })
})

describe('for programs that follow links where they should not', () => {
  test.each<[why: string, members: Odd[]]>([
    ['link_of_link', [link('l', '/etc/passwd'), hard('h', 'l')]],
    ['behind_link', [link('l', '/etc/passwd'), { name: 'l' }]],
    ['behind_link', [link('l', '/etc'), { name: 'l', type: '5' }]],
    ['doubtful', [pax(['path', '../bad']), pax(['path', 'good']), { name: 'x' }]],
    [
      'doubtful',
      [{ name: 'L', type: 'L', data: Buffer.from('../bad\0') }, pax(['path', 'good']), { name: 'x' }],
    ],
    ['doubtful', [pax(['size', '0'], ['GNU.sparse.realsize', '512']), { name: 'x' }]],
  ])('%s: %j', (why, members) => {
    expect(guard(members, { strict: true })).toBe(why)
    expect(guard(members)).toBeNull()
  })
})

test.each([
  ['./a/b/', 'a/b'],
  ['a//b/./c', 'a/b/c'],
  ['/etc/x', 'etc/x'],
  ['.', ''],
  ['./', ''],
  ['.a/..b/c.', '.a/..b/c.'],
  ['a/../b', 'a/../b'],
])('the name %s means %s', (name, clean) => {
  expect(cleanName(Buffer.from(name))).toBe(clean)
})
