import { array, assert, property, string } from 'fast-check'
import { expect, test } from 'vitest'
import { joinWords, words } from './words.ts'

test.each([
  ['yunohost', ['yunohost']],
  ['  sudo  -n\tbackupmanager ', ['sudo', '-n', 'backupmanager']],
  [`node "/a b/c.js" 'x "y"' d"e f"g`, ['node', '/a b/c.js', 'x "y"', 'de fg']],
  ['"" x', ['', 'x']],
  ['$HOME `id` a;b', ['$HOME', '`id`', 'a;b']],
  [`it's`, [`it's`]],
  ['', []],
])('%j is %j', (text, expected) => {
  expect(words(text)).toEqual(expected)
})

test('words come back as they were', () => {
  const word = string().filter((text) => !(text.includes('"') && text.includes("'")))
  assert(
    property(array(word), (list) => {
      expect(words(joinWords(list))).toEqual(list)
    }),
  )
})
