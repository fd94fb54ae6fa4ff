import { execFileSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { paxNumber, paxRecord, readPax } from './pax.ts'
import { tarDirectory, tarEnd, tarFile } from './tar-header.ts'

function listed(tar: Buffer): unknown {
  const script = `
import tarfile, json, io, sys
t = tarfile.open(fileobj=io.BytesIO(sys.stdin.buffer.read()))
print(json.dumps([[m.name, m.type.decode(), m.mode, m.uid, m.uname, m.mtime, (t.extractfile(m).read().decode() if m.isfile() else None)] for m in t]))`
  return JSON.parse(execFileSync('python3', ['-c', script], { input: tar }).toString())
}

describe('members of our own', () => {
  test('are what Python and GNU tar read: names, owners, times and contents', () => {
    const long = `data/${'ü'.repeat(120)}`
    const body = Buffer.concat([
      tarFile('info.json', Buffer.from('{"a":1}'), 1_778_209_200),
      tarDirectory('data', 1_778_209_200),
      tarFile(long, Buffer.from('long'), 7),
    ])
    const tar = Buffer.concat([body, tarEnd(body.length)])
    expect(tar.length % 10_240).toBe(0)
    expect(listed(tar)).toEqual([
      ['info.json', '0', 0o644, 0, '', 1_778_209_200, '{"a":1}'],
      ['data', '5', 0o755, 0, '', 1_778_209_200, null],
      [long, '0', 0o644, 0, '', 7, 'long'],
    ])
    const names = execFileSync('tar', ['-t', '--quoting-style=literal'], { input: tar }).toString()
    expect(names).toBe(`info.json\ndata/\n${long}\n`)
  })

  test('end in two zero blocks even when a record is full already', () => {
    for (const length of [0, 512, 10_240 - 1024, 10_240 - 512, 10_240]) {
      expect(tarEnd(length).length).toBeGreaterThanOrEqual(1024)
      expect((length + tarEnd(length).length) % 10_240).toBe(0)
    }
  })
})

describe('PAX records', () => {
  test('count their own length, also where it gains a digit', () => {
    for (let length = 0; length < 1200; length += 1) {
      const record = paxRecord('path', 'x'.repeat(length))
      expect(record.length).toBe(Number.parseInt(record.toString(), 10))
      expect(readPax(record)?.get('path')?.length).toBe(length)
    }
  })

  test('keep values that are no text, and equals signs and newlines in them', () => {
    const value = Buffer.from([0, 255, 10, 61, 200])
    expect(readPax(Buffer.concat([paxRecord('a', 'b'), paxRecord('path', value)]))?.get('path')).toEqual(
      value,
    )
  })

  test('hold numbers only within what is exact', () => {
    expect(paxNumber(Buffer.from('9007199254740991'))).toBe(Number.MAX_SAFE_INTEGER)
    for (const bad of ['9007199254740992', '', '-1', '1.5', '1e3', ' 1', '99999999999999999999']) {
      expect(paxNumber(Buffer.from(bad))).toBeNull()
    }
  })
})
