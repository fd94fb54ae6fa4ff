// Breaks archives in every way that an attacker, a bad disk or a bad program could think of. Tests only. The same seed
// gives the same archives.
import { execFileSync } from 'node:child_process'
import {
  closeSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { paxRecord } from './pax.ts'
import { checksum } from './tar-fields.ts'
import { tarDirectory, tarEnd, tarFile, tarHeader } from './tar-header.ts'
import { padded, tarScanner } from './tar-scanner.ts'

const block = 512

/** Numbers from 0 to 1, the same ones for a seed (mulberry32). */
export function randomOf(seed: number) {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (n: number): number => Math.floor(next() * n)
  return { next, below, pick: <T>(list: readonly T[]): T => list[below(list.length)] as T }
}
export type Random = ReturnType<typeof randomOf>

/** Good archives to begin with: all formats of GNU tar, links, sparse files in all their forms, attributes, and one of ours. */
export function goodArchives(folder: string): Buffer[] {
  const tree = join(folder, 'tree')
  mkdirSync(join(tree, 'dir', 'deep'), { recursive: true })
  writeFileSync(join(tree, 'dir', 'file'), 'some content')
  writeFileSync(join(tree, 'dir', 'deep', 'é ü'), 'x'.repeat(600))
  symlinkSync('dir', join(tree, 'link'))
  symlinkSync('dir/file', join(tree, 'soft'))
  linkSync(join(tree, 'dir', 'file'), join(tree, 'tied'))
  writeFileSync(join(tree, 'n'.repeat(120)), 'long')
  const fd = openSync(join(tree, 'sparse'), 'w')
  ftruncateSync(fd, 40_000)
  for (const at of [0, 12_288, 32_768]) writeSync(fd, Buffer.from('data'), 0, 4, at)
  closeSync(fd)
  const tar = (...args: string[]): Buffer => execFileSync('tar', ['-C', folder, '-cf', '-', ...args, 'tree'])
  const ours = Buffer.concat([
    tarFile('info.json', Buffer.from('{}'), 1),
    tarDirectory('data', 1),
    tarFile('data/a', Buffer.alloc(700, 'x'), 1),
  ])
  return [
    tar('--format=posix', '--xattrs'),
    tar('--format=gnu', '--sparse'),
    ...['0.0', '0.1', '1.0'].map((version) =>
      tar('--format=posix', '--sparse', `--sparse-version=${version}`),
    ),
    tar('--format=oldgnu', '--sparse'),
    tar('--format=posix', '--pax-option=globexthdr.name=global,comment=all'),
    execFileSync('tar', ['-C', folder, '--format=ustar', '-cf', '-', 'tree/dir', 'tree/link', 'tree/tied']),
    execFileSync('tar', ['-C', folder, '--format=v7', '-cf', '-', 'tree/dir', 'tree/soft']),
    Buffer.concat([ours, tarEnd(ours.length)]),
  ]
}

/** Bytes of the members of a good archive, each with the headers in front of it. */
export function membersOf(tar: Buffer): Buffer[] {
  const starts: number[] = []
  let end = 0
  const scanner = tarScanner((member) => {
    starts.push(member.offset)
    end = member.dataOffset + padded(member.size)
  })
  scanner.push(tar)
  return starts.map((start, i) => tar.subarray(start, starts[i + 1] ?? end))
}

export interface Breaker {
  readonly random: Random
  readonly archives: readonly Buffer[]
  /** Places that nobody may reach: a relative one from where it is unpacked, and absolute ones. */
  readonly bait: readonly string[]
}

/** One broken archive. */
export function broken({ random, archives, bait }: Breaker): Buffer {
  let members: Buffer[] = membersOf(random.pick(archives)).map((member) => Buffer.from(member))
  const times = 1 + random.below(3)
  for (let n = 0; n < times; n += 1) members = random.pick(ways)(members, { random, archives, bait })
  const body = Buffer.concat(members)
  const whole = Buffer.concat([body, tarEnd(body.length)])
  return random.below(5) === 0 ? random.pick([flipped, cut, blocksMoved])(whole, random) : whole
}

type Way = (members: Buffer[], breaker: Breaker) => Buffer[]

/** Any bits. */
function flipped(tar: Buffer, random: Random): Buffer {
  const copy = Buffer.from(tar)
  for (let n = random.below(8); n >= 0; n -= 1) {
    const at = random.below(copy.length)
    copy[at] = (copy[at] ?? 0) ^ (1 << random.below(8))
  }
  return copy
}

function cut(tar: Buffer, random: Random): Buffer {
  return tar.subarray(0, random.below(tar.length))
}

function blocksMoved(tar: Buffer, random: Random): Buffer {
  const at = random.below(tar.length / block) * block
  const from = random.below(tar.length / block) * block
  return Buffer.concat([
    tar.subarray(0, at),
    tar.subarray(from, from + block * (1 + random.below(4))),
    tar.subarray(at),
  ])
}

const fields: readonly (readonly [offset: number, length: number])[] = [
  [0, 100],
  [100, 8],
  [108, 8],
  [124, 12],
  [136, 12],
  [156, 1],
  [157, 100],
  [257, 8],
  [345, 155],
  [386, 96],
  [482, 1],
  [483, 12],
]

function nastyName({ random, bait }: Breaker): string {
  const target = random.pick(bait)
  return random.pick([
    target,
    `/${target}`,
    `../${target}`,
    `tree/../../${target}`,
    `./${target}`,
    `tree/./link/${target}`,
    `tree//link/x`,
    'tree/link/x',
    'tree/link',
    'tree/./link',
    'tree/link/',
    'tree/dir',
    '..',
    '.',
    '',
    './.',
    'tree/dir/..',
    'tree/dir\0/../../x',
    `${'d/'.repeat(1 + random.below(300))}x`,
    'x'.repeat(1 + random.below(300)),
  ])
}

function nastyNumber({ random }: Breaker): Buffer {
  const octal = (text: string): Buffer => Buffer.from(text.padStart(11, '0').padEnd(12, '\0'), 'latin1')
  const binary = Buffer.alloc(12, random.pick([0, 0xff, random.below(256)]))
  binary[0] = random.pick([0x80, 0xff, 0xc0])
  return random.pick([
    octal(random.below(5000).toString(8)),
    octal('77777777777'),
    octal('-1'),
    octal('8'),
    Buffer.from('            ', 'latin1'),
    Buffer.from('0x200      \0', 'latin1'),
    binary,
  ])
}

/** A field of a header is another one, and the checksum agrees. */
const headerChanged: Way = (members, breaker) => {
  const { random } = breaker
  const at = random.below(members.length)
  const copy = Buffer.from(members[at] ?? Buffer.alloc(block))
  const header = copy.subarray(
    random.below(3) === 0 ? random.below(copy.length / block) * block : lastHeader(copy),
  )
  if (header.length < block) return members
  const [offset, length] = random.pick(fields)
  const value =
    length >= 96
      ? Buffer.from(nastyName(breaker), 'utf8')
      : length === 12
        ? nastyNumber(breaker)
        : length === 1
          ? Buffer.from('01234567xgLKSDMNV\0AZ'.charAt(random.below(20)), 'latin1')
          : Buffer.from(Array.from({ length }, () => random.below(256)))
  header.fill(0, offset, offset + length)
  value.copy(header, offset, 0, length)
  summed(header)
  return members.with(at, copy)
}

/** Where the member's own header is, behind those that extend it. */
function lastHeader(member: Buffer): number {
  let found = 0
  const scanner = tarScanner((told) => (found = told.dataOffset - block))
  scanner.push(member)
  return found >= 0 && found + block <= member.length ? found : 0
}

function summed(header: Buffer): void {
  const sum = checksum(header.subarray(0, block))
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
}

/** Members of this and other archives in another order, twice, or left out. */
const spliced: Way = (members, { random, archives }) => {
  const other = membersOf(random.pick(archives))
  const all = [...members, ...other]
  return Array.from({ length: 1 + random.below(all.length) }, () => random.pick(all))
}

function plain(name: string, type: string, linkName = '', data = Buffer.alloc(0)): Buffer {
  const header = tarHeader({ name: 'x', type: 'file', mode: 0o755, mtime: 1, size: data.length })
  header.fill(0, 0, 100).write(name, 0, 100, 'latin1')
  header.write(type, 156, 'latin1')
  header.fill(0, 157, 257).write(linkName, 157, 100, 'latin1')
  summed(header)
  return Buffer.concat([header, data, Buffer.alloc(padded(data.length) - data.length)])
}

/** A link, and something that would go through it; or a name that leads out. */
const attacked: Way = (members, breaker) => {
  const { random, bait } = breaker
  const target = random.pick([...bait, '..', '../..', '/', '.', 'tree', 'tree/dir', 'tree/link'])
  const link = random.pick(['l', 'tree/l', './l', 'tree/./l', 'l/', 'tree/dir', 'tree'])
  const through = random.pick([
    `${link}/x`,
    `${link}//x`,
    `./${link}/./x`,
    `${link}/dir/x`,
    `${link}/../x`,
    link,
    `${link}/`,
  ])
  const pair = [
    plain(link, random.pick(['2', '2', '1']), target),
    ...(random.below(3) === 0
      ? [plain(random.pick(['h', 'tree/h']), '1', random.pick([link, `./${link}`, target]))]
      : []),
    plain(
      random.pick([through, through, 'h/x', nastyName(breaker)]),
      random.pick(['0', '0', '5', '2', '1', '6', '3']),
      target,
      random.pick([Buffer.alloc(0), Buffer.from('evil')]),
    ),
  ]
  const at = random.below(members.length + 1)
  return random.below(2) === 0
    ? [...members.slice(0, at), ...pair, ...members.slice(at)]
    : [...pair, ...members]
}

const paxKeys = [
  'path',
  'linkpath',
  'size',
  'mtime',
  'uid',
  'uname',
  'GNU.sparse.name',
  'GNU.sparse.size',
  'GNU.sparse.realsize',
  'GNU.sparse.major',
  'GNU.sparse.minor',
  'GNU.sparse.map',
  'GNU.sparse.numblocks',
  'GNU.sparse.offset',
  'GNU.sparse.numbytes',
  'hdrcharset',
  'SCHILY.xattr.user.x',
]

/** An extended header that says something else, well formed or not, in front of a member. */
const paxChanged: Way = (members, breaker) => {
  const { random } = breaker
  const records = Array.from({ length: 1 + random.below(4) }, () => {
    const value = random.pick([
      nastyName(breaker),
      String(random.below(5000)),
      '1',
      '0',
      '-1',
      '99999999999999999999',
      '1.0',
      '0,1,2,3',
      '',
    ])
    const record = paxRecord(random.pick(paxKeys), value)
    return random.below(8) === 0 ? flipped(record, random) : record
  })
  const data = Buffer.concat(records)
  const header = plain(
    'PaxHeaders/x',
    random.pick(['x', 'x', 'x', 'g', 'X', 'L', 'K']),
    '',
    random.below(6) === 0 ? Buffer.from(nastyName(breaker)) : data,
  )
  const at = random.below(members.length + 1)
  return [...members.slice(0, at), header, ...members.slice(at)]
}

/** The data of a member: maps of sparse files stand there. */
const dataChanged: Way = (members, { random }) => {
  const at = random.below(members.length)
  const copy = Buffer.from(members[at] ?? Buffer.alloc(block))
  if (copy.length < block) return members
  const from = Math.min(copy.length - 1, lastHeader(copy) + random.pick([386, block]))
  for (let n = 1 + random.below(6); n > 0; n -= 1) {
    const place = from + random.below(Math.min(200, copy.length - from))
    copy[place] = random.pick([0x30 + random.below(10), 0x0a, random.below(256)])
  }
  if (random.below(2) === 0) summed(copy.subarray(lastHeader(copy)))
  return members.with(at, copy)
}

const ways: readonly Way[] = [
  headerChanged,
  headerChanged,
  attacked,
  attacked,
  paxChanged,
  paxChanged,
  dataChanged,
  spliced,
  (members, { random }) => [flipped(Buffer.concat(members), random)],
  (members, { random }) => [cut(Buffer.concat(members), random)],
]
