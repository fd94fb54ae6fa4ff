import { describe, expect, test } from 'vitest'
import { shownPath, sourcePath } from './paths.ts'
import { parseTarMessage, unescapeName } from './tar-messages.ts'

describe('a message of tar', () => {
  test.each([
    ['tar: ./a: File removed before we read it', 'vanished', './a'],
    ['tar: ./a\\: b\\n: Cannot stat: No such file or directory', 'vanished', './a: b\n'],
    ['tar: ./a: Cannot open: No such file or directory', 'vanished', './a'],
    ['tar: ./a: Cannot open: Permission denied', 'unreadable', './a'],
    ['tar: ./a: Warning: Cannot open: Permission denied', 'unreadable', './a'],
    ['tar: ./l: Cannot readlink: Input/output error', 'unreadable', './l'],
    ['/bin/tar: ./a: file changed as we read it', 'changed', './a'],
    ['tar: ./a: File shrank by 1 byte; padding with zeros', 'shrank', './a'],
    ['tar: ./a: File shrank by 5242880 bytes; padding with zeros', 'shrank', './a'],
    ['tar: ./a: Read error at byte 4096, while reading 512 bytes: Input/output error', 'damaged', './a'],
    ['tar: ./a: Warning: Cannot flistxattr: Operation not permitted', 'damaged', './a'],
    ['tar: ./s: socket ignored', 'socket', './s'],
    ['tar: -: Wrote only 4096 of 1048576 bytes', 'full', null],
    ['tar: -: Cannot write: No space left on device', 'full', null],
    ['tar: -: Cannot write: Input/output error', 'other', null],
    ['tar: Exiting with failure status due to previous errors', 'summary', null],
    ['tar: Error is not recoverable: exiting now', 'summary', null],
    ["tar: unrecognized option '--x'", 'other', null],
    ['', 'other', null],
  ])('%j is understood as %s', (line, kind, path) => {
    expect(parseTarMessage(line)).toEqual({ kind, path })
  })

  test('cannot be forged by the name of a file', () => {
    const line = 'tar: ./x\\: File removed before we read it: file changed as we read it'
    expect(parseTarMessage(line)).toEqual({ kind: 'changed', path: './x: File removed before we read it' })
  })

  test('has names whose escapes are undone', () => {
    expect(unescapeName('a\\\\n\\n\\t\\303\\251\\377\\:\\ ')).toBe('a\\n\n\t\xc3\xa9\xff: ')
  })
})

test('names for tar are shown as the paths that people know', () => {
  expect(shownPath('./opt/d\xc3\xa9j\xc3\xa0/.')).toBe('/opt/déjà')
  expect(shownPath('./\xff')).toBe('/\u{fffd}')
})

test('a source path knows its parents', () => {
  expect(sourcePath('/opt//a/./b/')).toEqual({
    shown: '/opt/a/b',
    root: '/opt/a/b',
    parents: ['./opt/.', './opt/a/.'],
    self: './opt/a/b/.',
  })
  expect(sourcePath('opt')).toBeNull()
  expect(sourcePath('/opt/..')).toBeNull()
})
