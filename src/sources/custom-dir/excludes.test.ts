import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { excludesOf, patternError } from './excludes.ts'

/** Paths that end with a slash are directories. */
function excluded(pattern: string, path: string): boolean {
  const isDirectory = path.endsWith('/')
  const bytes = Buffer.from(isDirectory ? path.slice(0, -1) : path).toString('latin1')
  return excludesOf([pattern])(bytes, isDirectory)
}

describe('a pattern', () => {
  test.each([
    // pattern, what it leaves out, what it does not
    ['cache/', ['cache/', 'a/b/cache/'], ['cache', 'a/cache', 'cache2/', 'my cache/']],
    ['cache', ['cache', 'cache/', 'a/cache'], ['cache.d', 'a/cachet']],
    ['*.log', ['x.log', 'a/b/x.log', '.log', 'd.log/'], ['x.logs', 'xlog', 'a.log/b']],
    ['/top', ['top', 'top/'], ['a/top', 'topper']],
    ['/top/', ['top/'], ['top', 'a/top/']],
    ['var/cache/', ['var/cache/'], ['a/var/cache/', 'var/cache', 'var/cache2/']],
    ['var/*/tmp', ['var/a/tmp', 'var/é/tmp/'], ['var/tmp', 'var/a/b/tmp']],
    ['a/**/b', ['a/b', 'a/x/b', 'a/x/y/b/'], ['b', 'x/a/b', 'a/xb', 'a/b/c']],
    ['**/b', ['b', 'x/b', 'x/y/b'], ['bb', 'b/c']],
    ['a/**', ['a/x', 'a/x/y', 'a/x/'], ['a', 'a/', 'b/a/x']],
    ['**', ['a', 'a/b', 'a/'], []],
    ['**/node_modules/**', ['node_modules/x', 'a/node_modules/x/y'], ['node_modules/', 'a/x']],
    ['?', ['a', 'x/b'], ['ab', 'é']],
    ['a?c', ['abc'], ['ac', 'a/c']],
    ['*', ['a', 'a/b', '.hidden'], []],
    ['*a*b*', ['ab', 'xaxbx', 'aab'], ['ba', 'a/b']],
    ['*.py[co]', ['x.pyc', 'x.pyo'], ['x.py', 'x.pyx']],
    ['[a-c]x', ['ax', 'cx'], ['dx', 'x']],
    ['[!a-c]x', ['dx', '-x'], ['ax', 'x']],
    ['[]]', [']'], ['[', 'x']],
    ['[a-]', ['a', '-'], ['b']],
    ['\\*', ['*'], ['x', '\\*']],
    ['\\!x', ['!x'], ['x']],
    ['été', ['été', 'a/été/'], ['ete']],
    ['a b.txt', ['a b.txt'], ['ab.txt']],
    ['//x//y//', ['x/y/'], ['x/y', 'a/x/y/']],
    ['a.b', ['a.b'], ['axb']],
    ['(a|b)+$', ['(a|b)+$'], ['a', 'ab']],
  ])('%j', (pattern, out, not) => {
    expect(patternError(pattern)).toBeNull()
    expect(out.filter((path) => !excluded(pattern, path))).toEqual([])
    expect(not.filter((path) => excluded(pattern, path))).toEqual([])
  })

  test('matches names that are no text, byte by byte', () => {
    const excludes = excludesOf(['*.bak', 'x??'])
    expect(excludes('\xff\xfe\n.bak', false)).toBe(true)
    expect(excludes('xé'.replace('é', '\xc3\xa9'), false)).toBe(true)
  })

  test('takes no time even when it is made to take long', () => {
    const evil = excludesOf(['*a*a*a*a*a*a*a*a*a*a*a*a*b', `${'**/'.repeat(30)}b`])
    const start = performance.now()
    expect(evil('a'.repeat(255), false)).toBe(false)
    expect(evil(Array.from({ length: 500 }, () => 'aaa').join('/'), false)).toBe(false)
    expect(performance.now() - start).toBeLessThan(500)
  })

  test('of plain names agrees with comparing them', () => {
    const name = fc.stringMatching(/^[a-c.]{1,4}$/).filter((s) => s !== '.' && s !== '..')
    const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((steps) => steps.join('/'))
    fc.assert(
      fc.property(path, path, (pattern, given) => {
        const expected = pattern.includes('/') ? given === pattern : given.split('/').at(-1) === pattern
        expect(excluded(pattern, given)).toBe(expected)
        expect(excluded(`/${pattern}`, given)).toBe(given === pattern)
        expect(excluded(`**/${pattern}`, given)).toBe(given === pattern || given.endsWith(`/${pattern}`))
      }),
    )
  })

  test('of any text is refused or works, and never throws', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string(), (pattern, path) => {
        expect([null, 'exclude_invalid', 'control_characters']).toContain(patternError(pattern))
        expect(typeof excludesOf([pattern])(path, false)).toBe('boolean')
      }),
    )
  })
})
