import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { chosenPaths, fitsInLine, keyOf, pathOfKey } from './chosen-paths.ts'

const saved = { directory: '/opt/hermes', base: 'data/custom/opt/hermes' }
const typed = (lines: string) => chosenPaths(lines, [], saved).paths

describe('paths that were typed', () => {
  test('are relative to the saved directory however they were written', () => {
    expect(typed('config\n/opt/hermes/data/\n./logs\n/notes.txt\n\n  \nconfig')).toEqual([
      'config',
      'data',
      'logs',
      'notes.txt',
    ])
  })

  test('are all of it when one of them is the directory itself', () => {
    for (const all of ['/opt/hermes', '/opt/hermes/', '/', '.', './'])
      expect(typed(`config\n${all}`)).toEqual([])
  })

  test('keep what only looks like the directory, hidden names and spaces inside', () => {
    expect(typed('/opt/hermes2/a\n.hidden/x\n..\na  b')).toEqual(['opt/hermes2/a', '.hidden/x', '..', 'a  b'])
  })
})

describe('paths that were ticked in the contents', () => {
  test('are those below the saved directory', () => {
    const keys = ['data/custom/opt/hermes/a\nb', 'data/custom/opt/hermes/c'].map(keyOf)
    expect(chosenPaths('c', keys, saved)).toEqual({ paths: ['c', 'a\nb'], strange: 0 })
  })

  test('count as strange when they are not, or are no keys', () => {
    const keys = [keyOf('hooks/restore/x'), keyOf('data/custom/opt/hermes2/x'), 'not a key', '', '__8']
    expect(chosenPaths('', keys, saved)).toEqual({ paths: [], strange: 5 })
  })
})

test('a key gives back exactly the path that it was made of', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (path) => {
      expect(pathOfKey(keyOf(path))).toBe(path.isWellFormed() ? path : pathOfKey(keyOf(path)))
    }),
  )
})

test('what fits in a line survives a text field', () => {
  expect(['a b', 'é'].every(fitsInLine)).toBe(true)
  expect([' a', 'a ', 'a\nb', 'a\rb'].some(fitsInLine)).toBe(false)
})
