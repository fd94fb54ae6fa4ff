// What of a client's command is understood, and that nothing else is.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isTemporary, readInboxCommand, strangerIn } from './rsync-server.ts'

const path = '0f6a4c0e-6f0b-4b3a-9a52-3c4c7d1f2a10/jerry_photos_20260508.tar'
const rebuilt = ['--timeout=60', '--partial-dir', '.rsync-partial', '.', 'jerry_photos_20260508.tar']

describe('what rsync sends for our options', () => {
  test.each([
    // 3.5.0 with --stats and --bwlimit; 3.2.7 without; one that joins the folder's name to its option.
    [
      `rsync --server -yte.LsfxCIvu --timeout=60 --bwlimit=100 --stats --partial-dir .rsync-partial . ${path}`,
      ['--server', '-yte.LsfxCIvu', '--timeout=60', '--stats', ...rebuilt.slice(1)],
    ],
    [
      `rsync --server -yte.LsfxCIvu --timeout=60 --partial-dir .rsync-partial . ${path}`,
      ['--server', '-yte.LsfxCIvu', ...rebuilt],
    ],
    [`rsync --server -ye.Lsf --partial-dir=.rsync-partial . ${path}`, ['--server', '-ye.Lsf', ...rebuilt]],
  ])('%s', (command, args) => {
    expect(readInboxCommand(command)).toMatchObject({ kind: 'receive', args })
  })
})

test('the probe is one word', () => {
  expect(readInboxCommand('probe')).toEqual({ kind: 'probe' })
  for (const other of ['probe ', ' probe', 'probe probe', 'PROBE'])
    expect(readInboxCommand(other).kind).toBe('refused')
})

describe('refused is', () => {
  const good = `rsync --server -yte.LsfxCIvu --partial-dir .rsync-partial . ${path}`
  test.each([
    undefined,
    '',
    'sh',
    good.replace('--server', '--server --sender'),
    good.replace('--server', ''),
    good.replace('rsync ', '/usr/bin/rsync '),
    good.replace('-yte', '-yrte'),
    good.replace('-yte', '-ylte'),
    good.replace('-yte.LsfxCIvu', '-yt -e sh'),
    good.replace('-yte.LsfxCIvu', '-yte;id'),
    good.replace('.rsync-partial .', '/tmp .'),
    good.replace('.rsync-partial .', '.rsync-partial --delete .'),
    good.replace('.rsync-partial .', '.rsync-partial --temp-dir=/tmp .'),
    good.replace(` . `, ' '),
    `${good} /etc/passwd`,
    `${good}/x`,
    good.replace(path, path.split('/')[1] ?? ''),
    good.replace(path, `./${path}`),
    good.replace(path, `/${path}`),
    good.replace('jerry_', '../jerry_'),
    good.replace('jerry_', '.jerry_'),
    good.replace('jerry_', '-jerry_'),
    good.replace('jerry_', 'jerry*_'),
    good.replace('jerry_', 'jerry\n_'),
    good.replace('jerry_', 'x'.repeat(100)),
    'x'.repeat(100_000),
  ])('%j', (command) => {
    expect(readInboxCommand(command).kind).toBe('refused')
  })

  test('whatever anybody thinks of: what is accepted has only words that were made here', () => {
    const word = fc.oneof(
      fc.constantFrom(...good.split(' '), '--sender', '..', '/', '-e', '--', '.', path),
      fc.string({ unit: 'binary' }),
    )
    fc.assert(
      fc.property(fc.array(word, { maxLength: 12 }), (words) => {
        const read = readInboxCommand(words.join(' '))
        if (read.kind !== 'receive') return
        expect(read.args.join(' ')).toMatch(
          /^--server( -[yt]{0,3}(e[0-9]*\.[A-Za-z]*)?)? --timeout=60( --stats)? --partial-dir \.rsync-partial \. [A-Za-z0-9_][A-Za-z0-9_.-]*$/,
        )
      }),
    )
  })
})

describe('in the folder of an upload belongs', () => {
  const note = { filename: 'a.tar', sizeBytes: 1, basis: 'b.tar', spare: 0, joined: null }
  const file = (name: string) => ({ name, folder: false })
  test('the file, its basis, what rsync writes into, and what it keeps', () => {
    const own = [
      file('a.tar'),
      file('b.tar'),
      file('.a.tar.Xw3bRq'),
      { name: '.rsync-partial', folder: true },
    ]
    expect(strangerIn(own, note)).toBeNull()
    expect(isTemporary('.a.tar.Xw3bRq', 'a.tar')).toBe(true)
  })
  test.each([
    { name: 'a.tar', folder: true },
    file('.rsync-partial'),
    file('c.tar'),
    file('.c.tar.Xw3bRq'),
    file('.a.tar.Xw3bRq2'),
  ])('not $name (folder: $folder)', (one) => {
    expect(strangerIn([one], note)).toBe(one.name)
  })
})
