import { expect, test } from 'vitest'
import { visibleName } from './visible-name.ts'

test('line breaks, escapes and characters that turn the text around are spelled out', () => {
  expect(visibleName('a\nb\u001b[31m')).toBe('a[U+000A]b[U+001B][31m')
  expect(visibleName('photo\u202egpj.exe')).toBe('photo[U+202E]gpj.exe')
  expect(visibleName('a\u200bb\u2066c')).toBe('a[U+200B]b[U+2066]c')
})

test('letters of all languages, spaces and emoji stay as they are', () => {
  const name = 'été – שלום عربي 日本語 😀 👩‍👧 a  b'
  expect(visibleName(name)).toBe(name)
})
