import { describe, expect, test } from 'vitest'
import { confirmWord } from './plan-view.ts'

const archive = 'jerry_photos_20261121'

describe('the name to type', () => {
  test.each([
    ['/opt/hermes-agent', 'hermes-agent'],
    ['/opt/hermes-agent/', 'hermes-agent'],
    ['/srv/a b', 'a b'],
    ['mabase', 'mabase'],
    ['nextcloud__2', 'nextcloud__2'],
  ])('of %s is %s', (target, word) => {
    expect(confirmWord({ target, archive })).toBe(word)
  })

  test.each([
    '/',
    '',
    '/srv/two\nlines',
    '/srv/ends with a space ',
    '/srv/turned\u202e',
    `/srv/${'x'.repeat(65)}`,
  ])('of %j is that of the archive: it cannot be typed', (target) => {
    expect(confirmWord({ target, archive })).toBe(archive)
  })

  test('is a plain word when the archive’s name cannot be typed either', () => {
    expect(confirmWord({ target: '/', archive: 'a\nb' })).toBe('restore')
  })
})
