// Texts made from facts, also from facts that nobody gave.
import { expect, test } from 'vitest'
import { formats, type Language, translator } from './i18n.ts'
import { isProblem } from '../domain/problem.ts'
import { mustBeWithinQuota } from '../domain/upload-rules.ts'
import { fieldText, problemText, storedProblemText, warningText } from './problem-text.ts'

const words = (language: Language) => ({ t: translator(language), f: formats(language, 'Europe/Paris', 0) })

test('bytes are written as sizes', () => {
  const facts = { needed: 5 * 2 ** 30, free: 3 * 2 ** 30, reserve: 2 ** 30 }
  expect(problemText(words('en'), 'insufficient_storage', facts).hint).toContain(
    'needs about 5\u00a0GiB; 3\u00a0GiB are free, of which 1\u00a0GiB must stay free',
  )
  expect(problemText(words('fr'), 'insufficient_storage', facts).hint).toContain('5\u00a0Gio')
})

test('a quota is told in sizes, or in archives', () => {
  const refusal = (used: number, count: number, quota: { bytes: number | null; count: number | null }) => {
    try {
      mustBeWithinQuota({ bytes: used, count }, 2 ** 30, quota)
    } catch (error) {
      if (isProblem(error, 'quota_exceeded')) return error.facts
      throw error
    }
    throw new Error('it was within the quota')
  }
  const bytes = refusal(9 * 2 ** 30, 1, { bytes: 9.5 * 2 ** 30, count: null })
  expect(problemText(words('en'), 'quota_exceeded', bytes).hint).toContain(
    '9\u00a0GiB of 9.5\u00a0GiB are used here, and 1\u00a0GiB more were to come',
  )
  expect(problemText(words('fr'), 'quota_exceeded', bytes).hint).toContain('9\u00a0Gio sur 9,5\u00a0Gio')
  const count = refusal(0, 3, { bytes: null, count: 3 })
  expect(problemText(words('en'), 'quota_exceeded', count).hint).toContain(
    '3 of 3 archives are used here, and 1 more were to come',
  )
})

test('a fact that is missing leaves dots, never a blank', () => {
  expect(problemText(words('en'), 'command_failed', {}).title).toBe('A program failed')
  expect(fieldText(words('en'), { field: 'x', code: 'out_of_range', facts: { min: 1000 } })).toBe(
    'This is out of range.',
  )
})

test('what a program said is kept as it said it', () => {
  expect(problemText(words('fr'), 'yunohost_failed', { detail: 'E: <b>no</b> {x}' }).detail).toBe(
    'E: <b>no</b> {x}',
  )
  expect(problemText(words('fr'), 'yunohost_failed', {}).detail).toBe('')
})

test('a stored code of a later version is told as it is', () => {
  const told = storedProblemText(words('en'), 'from_the_future', { detail: 'x' })
  expect(told).toEqual({
    title: problemText(words('en'), 'internal', {}).title,
    hint: '',
    detail: 'from_the_future',
  })
  expect(storedProblemText(words('en'), 'disk_full', {})).toEqual(problemText(words('en'), 'disk_full', {}))
})

test('a warning names its file', () => {
  expect(warningText(words('en'), { code: 'file_vanished', path: '/srv/a b' })).toBe(
    'A file disappeared before it was read: /srv/a b',
  )
})
