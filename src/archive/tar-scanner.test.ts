import { execFileSync } from 'node:child_process'
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  symlinkSync,
  linkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { temporaryFolder } from '../../test/support/temp.ts'
import { oddMember } from './contents-world.ts'
import { paxRecord } from './pax.ts'
import { checksum } from './tar-fields.ts'
import { tarDirectory, tarEnd, tarFile, tarHeader } from './tar-header.ts'
import { tarScanner, type TarEnd, type TarMember } from './tar-scanner.ts'

function scan(tar: Buffer, pieces = [tar]): TarEnd & { list: TarMember[] } {
  const list: TarMember[] = []
  const scanner = tarScanner((member) => void list.push(member))
  for (const piece of pieces) scanner.push(piece)
  return { ...scanner.end(), list }
}

function names(list: readonly TarMember[]): string[] {
  return list.map((member) => member.name.toString('latin1'))
}

function python(script: string, input = Buffer.alloc(0)): Buffer {
  return execFileSync('python3', ['-c', script], { input, maxBuffer: 1 << 28 })
}

const small = Buffer.concat([
  tarFile('info.json', Buffer.from('{}'), 1),
  tarDirectory('data', 1),
  tarFile('data/a', Buffer.alloc(700, 'x'), 1),
  tarFile('data/empty', Buffer.alloc(0), 1),
])
const whole = Buffer.concat([small, tarEnd(small.length)])

describe('a proper tar', () => {
  test('of our own is walked to its end, whatever pieces it comes in', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 3000 }), { maxLength: 40 }), (sizes) => {
        const pieces: Buffer[] = []
        let at = 0
        for (const size of sizes) pieces.push(whole.subarray(at, (at += size)))
        pieces.push(whole.subarray(at))
        const seen = scan(whole, pieces)
        expect(seen).toMatchObject({ damage: '', members: 4, payloadEnd: small.length })
        expect(names(seen.list)).toEqual(['info.json', 'data/', 'data/a', 'data/empty'])
      }),
    )
  })

  test('tells for each piece of whole blocks how many bytes come before the end', () => {
    const scanner = tarScanner()
    let before = 0
    for (let at = 0; at < whole.length; at += 1536) before += scanner.push(whole.subarray(at, at + 1536))
    expect(before).toBe(small.length)
  })

  test.each(['v7', 'ustar', 'gnu', 'oldgnu', 'posix'])(
    'by GNU tar in the format %s is read as tar reads it',
    async (format) => {
      const folder = await temporaryFolder()
      const tree = join(folder, 'tree')
      mkdirSync(join(tree, 'empty'), { recursive: true })
      writeFileSync(join(tree, 'zeros'), Buffer.alloc(100_000))
      writeFileSync(join(tree, 'small'), 'small')
      symlinkSync('small', join(tree, 'soft'))
      linkSync(join(tree, 'small'), join(tree, 'tied'))
      const awkward = !['v7', 'ustar'].includes(format)
      if (awkward) {
        const deep = join(tree, ...Array.from({ length: 6 }, (_, i) => `${i}`.repeat(90)))
        mkdirSync(deep, { recursive: true })
        writeFileSync(join(deep, `é${'n'.repeat(250)}`), 'deep')
        symlinkSync('t'.repeat(300), join(tree, 'long link'))
        truncateSync(join(tree, 'small'), 5)
        const holes = openSync(join(tree, 'holes'), 'w')
        ftruncateSync(holes, 40 << 20)
        closeSync(holes)
        // More holes than an old GNU header has room for: the next blocks go on with them.
        python(
          `f=open(${JSON.stringify(join(tree, 'sparse'))},'wb')\nfor i in range(60): f.seek(i<<20); f.write(b'x')`,
        )
      }
      const tar = execFileSync(
        'tar',
        ['-c', `--format=${format}`, ...(awkward ? ['--sparse'] : []), '-C', folder, 'tree'],
        {
          maxBuffer: 1 << 28,
        },
      )
      const seen = scan(tar)
      expect(seen.damage).toBe('')
      const listed = execFileSync('tar', ['-t', '--quoting-style=literal', '--show-transformed-names'], {
        input: tar,
      }).toString('latin1')
      expect(names(seen.list)).toEqual(listed.trimEnd().split('\n'))
      for (const member of seen.list) expect(member.dataOffset).toBeGreaterThan(member.offset)
    },
  )

  test.each(['PAX_FORMAT', 'GNU_FORMAT', 'USTAR_FORMAT'])(
    'by Python in %s is read as Python reads it',
    (format) => {
      const tar = python(`
import tarfile, io, sys
b = io.BytesIO(); t = tarfile.open(fileobj=b, mode='w', format=tarfile.${format})
for n, d in (('a', b''), ('b/' + 'c' * 90, b'1' * 513), ('d' * 99, b'2' * 512), ('e', b'\\0' * 2048)):
    i = tarfile.TarInfo(n); i.size = len(d); i.mtime = 1.5 if '${format}' == 'PAX_FORMAT' else 1; t.addfile(i, io.BytesIO(d))
t.close(); sys.stdout.buffer.write(b.getvalue())`)
      const seen = scan(tar)
      expect(seen).toMatchObject({ damage: '', members: 4 })
      expect(names(seen.list)).toEqual(['a', `b/${'c'.repeat(90)}`, 'd'.repeat(99), 'e'])
      for (const [i, size] of [0, 513, 512, 2048].entries()) expect(seen.list[i]?.size).toBe(size)
    },
  )

  test('with global PAX headers, as git writes them, is read, also when nothing follows them', () => {
    const script = (body: string): string => `
import tarfile, io, sys
b = io.BytesIO(); t = tarfile.open(fileobj=b, mode='w', format=tarfile.PAX_FORMAT, pax_headers={'comment': 'c' * 600})
${body}
t.close(); sys.stdout.buffer.write(b.getvalue())`
    expect(scan(python(script('')))).toMatchObject({ damage: '', members: 0 })
    const one = scan(python(script("i = tarfile.TarInfo('a'); i.size = 3; t.addfile(i, io.BytesIO(b'abc'))")))
    expect(one).toMatchObject({ damage: '', members: 1, list: [{ size: 3, offset: 1536 }] })
  })

  test('with members beyond 8 GiB is walked by base-256 and by PAX sizes', () => {
    const size = 9 * 2 ** 30
    const pax = tarHeader({ name: 'big', type: 'file', mode: 0o644, mtime: 1, size })
    const gnu = Buffer.from(pax.subarray(-512))
    gnu.writeBigUInt64BE(BigInt(size), 128)
    gnu.set([0x80, 0, 0, 0], 124)
    gnu.write(`${checksum(gnu).toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
    for (const header of [pax, gnu]) {
      const list: TarMember[] = []
      const scanner = tarScanner((member) => void list.push(member))
      scanner.push(header)
      const piece = Buffer.alloc(64 * 2 ** 20, 0xff)
      for (let left = size; left > 0; left -= piece.length) scanner.push(piece)
      scanner.push(tarEnd(0))
      expect(list).toMatchObject([{ size }])
      expect(scanner.end()).toMatchObject({ damage: '', payloadEnd: header.length + size })
    }
  })

  test('with nothing in it is only its end', () => {
    expect(scan(tarEnd(0))).toMatchObject({ damage: '', members: 0, payloadEnd: 0 })
  })
})

describe('damage', () => {
  test('of any kind is found by a tar that was cut anywhere', () => {
    for (let length = 0; length < small.length + 1024; length += 1) {
      expect(scan(whole.subarray(0, length)).damage, `cut at ${length}`).not.toBe('')
    }
    // What follows the two end blocks only fills the record up.
    expect(scan(whole.subarray(0, small.length + 1024)).damage).toBe('')
  })

  test('of a single bit is found in every header', () => {
    const long = tarFile(`data/${'é'.repeat(80)}`, Buffer.from('x'), 1)
    const tar = Buffer.concat([small, long, tarEnd(small.length + long.length)])
    const headers = [0, 1024, 1536, 3072, small.length, small.length + 1024]
    for (const header of headers) {
      for (let bit = 0; bit < 512 * 8; bit += 1) {
        const flipped = Buffer.from(tar)
        const at = header + (bit >> 3)
        flipped[at] = (flipped[at] ?? 0) ^ (1 << (bit & 7))
        expect(scan(flipped).damage, `bit ${bit} of the header at ${header}`).not.toBe('')
      }
    }
  })

  test('of the end blocks is found, and so is what hides behind them', () => {
    for (const at of [small.length, small.length + 600, whole.length - 1]) {
      const changed = Buffer.from(whole)
      changed[at] = 1
      expect(scan(changed).damage).not.toBe('')
    }
    expect(scan(Buffer.concat([whole, whole])).damage).toContain('behind the end')
  })

  test.each([
    ['a header that zeros were written over', (tar: Buffer) => tar.fill(0, 1024, 1536)],
    [
      'an extended header that leads to nothing',
      (tar: Buffer) =>
        tarHeader({ name: 'é', type: 'file', mode: 0, mtime: 0, size: 0 }).copy(tar.fill(0), 0, 0, 1024),
    ],
  ])('%s is found', (_, spoil) => {
    const tar = Buffer.from(whole)
    spoil(tar)
    expect(scan(tar).damage).not.toBe('')
  })

  test.each([
    '12 path=',
    '0 a=b\n',
    '6 a=b',
    '99999999999 a=b\n',
    '5 ab\n\n',
    '7 a=bcd',
    '-6 a=b\n',
    ' 6 a=b\n',
  ])('the malformed PAX record %j is found', (record) => {
    const header = tarHeader({ name: 'é', type: 'file', mode: 0o644, mtime: 1, size: 0 })
    const tar = Buffer.concat([header, tarEnd(header.length)])
    tar.fill(0, 512, 1024)
    tar.write(record, 512, 'latin1')
    expect(scan(tar).damage).toContain('bad extended header')
  })

  test('an extended header that claims gigabytes is refused instead of kept in memory', () => {
    const header = Buffer.from(
      tarHeader({ name: 'é', type: 'file', mode: 0, mtime: 0, size: 0 }).subarray(0, 512),
    )
    header.write('77777777777', 124, 'latin1')
    header.write(`${checksum(header).toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
    expect(scan(header).damage).toContain('oversized extended header')
  })

  test('is the only thing that random bytes and random changes can cause', () => {
    const junk = fc.uint8Array({ maxLength: 5000 })
    const changes = fc.array(fc.tuple(fc.nat({ max: whole.length - 1 }), fc.nat({ max: 255 })), {
      maxLength: 30,
    })
    fc.assert(
      fc.property(junk, changes, (bytes, changed) => {
        const tar = Buffer.from(whole)
        for (const [at, value] of changed) tar[at] = value
        for (const given of [Buffer.from(bytes), tar, Buffer.concat([tar, bytes])]) {
          const { members, damage, payloadEnd } = scan(given)
          expect(members).toBeLessThanOrEqual(given.length / 512)
          expect(payloadEnd ?? 0).toBeLessThanOrEqual(given.length)
          expect(typeof damage).toBe('string')
        }
      }),
      { numRuns: 500 },
    )
  })

  test('is the only thing that random fields with a right checksum can cause', () => {
    const header = fc.tuple(
      fc.uint8Array({ minLength: 512, maxLength: 512 }),
      fc.constantFrom(...'01234567xgLKSXVMDN\0'.split('')),
    )
    fc.assert(
      fc.property(fc.array(header, { minLength: 1, maxLength: 8 }), (blocks) => {
        const tar = Buffer.concat(
          blocks.map(([bytes, type]) => {
            const block = Buffer.from(bytes)
            block.write('00000000100\0', 124, 'latin1')
            block.write(type, 156, 'latin1')
            block.write(`${checksum(block).toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
            return Buffer.concat([block, Buffer.alloc(512, '9 a=b')])
          }),
        )
        expect(scan(tar).damage).not.toBe('')
      }),
      { numRuns: 500 },
    )
  })
})

describe('passing over data', () => {
  test('gives the same answer as reading it', () => {
    const big = Buffer.concat([
      tarFile('big', Buffer.alloc(70_000, 'x'), 1),
      tarFile('small', Buffer.from('s'), 1),
      tarDirectory('d', 1),
    ])
    const tar = Buffer.concat([big, tarEnd(big.length)])
    const list: TarMember[] = []
    const scanner = tarScanner((member) => void list.push(member))
    let skipped = 0
    for (let at = 0; at < tar.length;) {
      scanner.push(tar.subarray(at, (at += 512)))
      const ahead = scanner.ahead()
      scanner.skip(ahead)
      at += ahead
      skipped += ahead
    }
    expect({ ...scanner.end(), list }).toEqual(scan(tar))
    expect(skipped).toBe(70_144 + 512)
    expect(scanner.over()).toBe(true)
  })

  test('is only possible where there is data', () => {
    const scanner = tarScanner()
    expect(() => scanner.skip(1)).toThrow(RangeError)
    scanner.push(tarHeader({ name: 'x', type: 'file', mode: 0o644, mtime: 1, size: 1000 }))
    expect([scanner.ahead(), scanner.over()]).toEqual([1024, false])
    expect(() => scanner.skip(1025)).toThrow(RangeError)
    scanner.skip(1000)
    expect(scanner.end().damage).toContain('data cut off at byte 1512')
  })
})

describe('what readers do not agree on', () => {
  const pax = (...records: (readonly [string, string])[]) =>
    oddMember({
      name: 'x',
      type: 'x',
      data: Buffer.concat(records.map(([key, value]) => paxRecord(key, value))),
    })
  const file = oddMember({ name: 'file' })
  const one = (...blocks: Buffer[]): TarMember | undefined =>
    scan(Buffer.concat([...blocks, Buffer.alloc(1024)])).list[0]

  test('is told: other names, and headers that contradict each other', () => {
    expect(one(file)).toMatchObject({ otherNames: [], doubtful: false, sparse: false })
    expect(one(pax(['path', 'a']), file)).toMatchObject({ otherNames: [], doubtful: false })
    expect(one(pax(['path', 'a'], ['GNU.sparse.name', 'b']), file)).toMatchObject({
      name: Buffer.from('b'),
      otherNames: [Buffer.from('a')],
      doubtful: false,
    })
    expect(one(pax(['path', 'a']), pax(['path', 'b']), file)).toMatchObject({ doubtful: true })
    const long = oddMember({ name: 'x', type: 'L', data: Buffer.from('a\0') })
    expect(one(long, file)).toMatchObject({ name: Buffer.from('a'), doubtful: false })
    expect(one(long, long, file)).toMatchObject({ doubtful: true })
    expect(one(long, pax(['path', 'b']), file)).toMatchObject({ doubtful: true })
    expect(one(pax(['size', '0'], ['GNU.sparse.size', '9']), file)).toMatchObject({
      doubtful: true,
      sparse: true,
    })
  })

  test('the size of a hard link in a record is damage', () => {
    const link = oddMember({ name: 'h', type: '1', linkName: 'file' })
    expect(scan(Buffer.concat([file, pax(['size', '512']), link])).damage).toContain('bad size')
    expect(scan(Buffer.concat([file, pax(['size', '0']), link])).members).toBe(2)
  })
})
