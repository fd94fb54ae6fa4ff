import {
  array,
  assert,
  bigInt,
  constantFrom,
  double,
  nat,
  property,
  record,
  string,
  uint8Array,
} from 'fast-check'
import { expect, test } from 'vitest'
import { oddTar } from './contents-world.ts'
import { kindOf, recordReader, recordWriter, type MemberRecord } from './member-records.ts'
import { tarScanner, type TarMember } from './tar-scanner.ts'

const members = record({
  name: uint8Array({ minLength: 1, maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  type: constantFrom('0', '1', '2', '3', '4', '5', '6', '7', 'S'),
  linkName: uint8Array({ maxLength: 50 }).map((bytes) => Buffer.from(bytes)),
  realSize: nat(),
  mode: nat(0o7777),
  uid: nat(),
  gid: nat(),
  owner: string({ maxLength: 400 }),
  group: string({ maxLength: 10 }),
  mtimeNs: bigInt({ min: -(10n ** 24n), max: 10n ** 24n }),
  offset: double({ min: 0, max: 2 ** 53, noNaN: true }).map(Math.floor),
}).map((one): TarMember => ({
  ...one,
  size: 0,
  sparse: false,
  doubtful: false,
  otherNames: [],
  dataOffset: 0,
}))

test('members arrive as they were sent, whatever pieces the bytes come in', () => {
  assert(
    property(array(members, { maxLength: 20 }), array(nat(500), { minLength: 1 }), (list, sizes) => {
      const sent: Buffer[] = []
      const writer = recordWriter(700, (records) => sent.push(records))
      for (const one of list) writer.add(one, one.name.toString('latin1'), one.linkName.toString('latin1'))
      writer.flush()
      const bytes = Buffer.concat(sent)
      const read = recordReader()
      const got: MemberRecord[] = []
      for (let at = 0, n = 0; at < bytes.length; n += 1) {
        const size = 1 + (sizes[n % sizes.length] ?? 0)
        // As from a socket: the piece is used again afterwards.
        const piece = Buffer.from(bytes.subarray(at, at + size))
        got.push(...[...read(piece)].map(copied))
        piece.fill(0xff)
        at += size
      }
      expect(got.map(shown)).toEqual(list.map(expected))
    }),
  )
})

function copied(one: MemberRecord): MemberRecord {
  return { ...one, name: Buffer.from(one.name), link: Buffer.from(one.link) }
}

function shown(one: MemberRecord) {
  return { ...one, name: one.name.toString('latin1'), link: one.link.toString('latin1') }
}

function expected(one: TarMember) {
  const cut = (text: string): string => Buffer.from(text, 'utf8').subarray(0, 255).toString('utf8')
  const ms = Number(one.mtimeNs / 1_000_000n)
  return {
    name: one.name.toString('latin1'),
    kind: kindOf(one),
    size: one.realSize,
    modifiedAt: Math.max(-8.64e15, Math.min(8.64e15, ms)),
    mode: one.mode,
    owner: cut(one.owner === '' ? String(one.uid) : one.owner),
    group: cut(one.group === '' ? String(one.gid) : one.group),
    link: one.linkName.toString('latin1'),
    offset: one.offset,
  }
}

test('an old tar’s directory, a file with a slash at its end, is a directory', () => {
  const kinds: string[] = []
  tarScanner((member) => kinds.push(kindOf(member))).push(
    oddTar([
      { name: 'd/' },
      { name: 'f' },
      { name: 's', type: 'S' },
      { name: 'p', type: '6' },
      { name: 'c', type: '3' },
    ]),
  )
  expect(kinds).toEqual(['directory', 'file', 'file', 'fifo', 'device'])
})

test('bytes that are no records are told apart', () => {
  expect(() => [...recordReader()(Buffer.alloc(100))]).toThrow('not a record')
})
