import { describe, expect, test } from 'vitest'
import { archiveOfUpload, cutUpload, mustBeWithinQuota, rangesText } from './upload-rules.ts'

describe('the name of an uploaded file', () => {
  test.each([
    ['jerry_nocodb_20260508.tar', 'jerry_nocodb_20260508'],
    ['jerry_nocodb_20260508.tar.gz', 'jerry_nocodb_20260508'],
    [`${'a'.repeat(50)}.tar`, 'a'.repeat(50)],
    ['odd.tar.tar', 'odd.tar'],
  ])('%s is that of an archive', (filename, name) => {
    expect(archiveOfUpload(filename)).toBe(name)
  })

  test.each([
    ['a slash', 'a/b.tar'],
    ['dot-dot', '../../etc/cron.d/x.tar'],
    ['only dots', '...tar'],
    ['a NUL', 'a\0.tar'],
    ['a line break', 'a\n.tar'],
    ['a line break at its end', 'a.tar\n'],
    ['a right-to-left mark', 'a\u202Erat.tar'],
    ['letters beyond ASCII', 'été.tar'],
    ['a space', 'a b.tar'],
    ['300 characters', `${'a'.repeat(296)}.tar`],
    ['51 characters', `${'a'.repeat(51)}.tar`],
    ['a hidden file', '.a.tar'],
    ['a leading hyphen', '-rf.tar'],
    ['no ending', 'archive'],
    ['another ending', 'archive.zip'],
    ['a sidecar', 'archive.info.json'],
    ['nothing before the ending', '.tar'],
    ['nothing', ''],
    ['a backslash', 'a\\b.tar'],
    ['an ending in capitals', 'a.TAR'],
  ])('with %s is refused, naming the field', (_, filename) => {
    expect(() => archiveOfUpload(filename)).toThrow(
      expect.objectContaining({
        code: 'name_invalid',
        errors: [expect.objectContaining({ field: 'filename', code: 'archive_name_invalid' })],
      }),
    )
  })

  test('is told back without what a terminal would obey', () => {
    try {
      archiveOfUpload('a\u001B[2Jb.tar')
      expect.unreachable()
    } catch (error) {
      expect(error).toMatchObject({ facts: { name: 'a?[2Jb.tar' } })
    }
  })
})

describe('cutting', () => {
  test('lowers a chunk size that is larger than ours, and takes a smaller one', () => {
    expect(cutUpload(200 * 1024 ** 2, 2 ** 40)).toEqual({ chunkSize: 52_428_800, totalChunks: 4 })
    expect(cutUpload(65_537, 65_536)).toEqual({ chunkSize: 65_536, totalChunks: 2 })
    expect(cutUpload(1, 65_536)).toEqual({ chunkSize: 65_536, totalChunks: 1 })
  })

  test('refuses more than 100,000 chunks, and says which size would do', () => {
    expect(() => cutUpload(65_536 * 100_000 + 1, 65_536)).toThrow(
      expect.objectContaining({
        code: 'validation_failed',
        errors: [{ field: 'chunk_size', code: 'out_of_range', facts: { min: 65_537 } }],
      }),
    )
  })

  test('refuses a file that no chunk size makes small enough', () => {
    expect(() => cutUpload(2 ** 50, 52_428_800)).toThrow(
      expect.objectContaining({
        errors: [{ field: 'total_size', code: 'out_of_range', facts: { max: 5_242_880_000_000 } }],
      }),
    )
  })
})

describe('a quota', () => {
  test('may be filled to the last byte and archive', () => {
    expect(() => mustBeWithinQuota({ bytes: 600, count: 2 }, 400, { bytes: 1000, count: 3 })).not.toThrow()
  })

  test('counts bytes', () => {
    expect(() => mustBeWithinQuota({ bytes: 1024, count: 2 }, 1, { bytes: 1024, count: null })).toThrow(
      expect.objectContaining({
        code: 'quota_exceeded',
        facts: { used: 1024, quota: 1024, needed: 1 },
      }),
    )
  })

  test('counts archives', () => {
    expect(() => mustBeWithinQuota({ bytes: 0, count: 3 }, 1, { bytes: null, count: 3 })).toThrow(
      expect.objectContaining({
        code: 'quota_exceeded',
        facts: { used: '3', quota: '3 archives', needed: '1' },
      }),
    )
  })

  test('is none when nobody set one', () => {
    expect(() =>
      mustBeWithinQuota({ bytes: 1e15, count: 1e6 }, 1e15, { bytes: null, count: null }),
    ).not.toThrow()
  })
})

test('missing chunks are told in few words', () => {
  expect(
    rangesText([
      [0, 3],
      [7, 7],
    ]),
  ).toBe('0–3, 7')
  expect(rangesText(Array.from({ length: 7 }, (_, n) => [n * 2, n * 2] as const))).toBe(
    '0, 2, 4, 6, 8, … (7 runs)',
  )
})
