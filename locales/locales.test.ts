// Both dictionaries say everything: every code has its texts, and the same blanks stand in both languages.
import { describe, expect, test } from 'vitest'
import type { Message } from '../src/domain/i18n.ts'
import { drillDepths, drillFindingCodes, drillVerdicts } from '../src/domain/drill.ts'
import { fieldErrorCodes, problems } from '../src/domain/problem.ts'
import { planRemarkCodes, restoreStepCodes } from '../src/domain/restore.ts'
import { runWarningCodes } from '../src/domain/run.ts'
import { refusals } from '../src/web/auth.ts'
import { en } from './en.ts'
import { fr } from './fr.ts'

const dictionaries: Readonly<Record<string, Readonly<Record<string, Message>>>> = { en, fr }

function texts(message: Message | undefined): readonly string[] {
  if (message === undefined) return []
  return typeof message === 'string' ? [message] : [message.one, message.other]
}

/** `count` may be left out of the singular ("an archive"). */
function blanks(message: Message | undefined): readonly string[] {
  const all = texts(message).flatMap((text) => text.match(/\{\w+\}/g) ?? [])
  return [...new Set(all)].toSorted()
}

describe.each(Object.entries(dictionaries))('the dictionary %s', (_language, dictionary) => {
  test('has a title and a hint for every problem', () => {
    const missing = Object.keys(problems)
      .flatMap((code) => [`problem.${code}.title`, `problem.${code}.hint`])
      .filter((key) => texts(dictionary[key]).length === 0)
    expect(missing).toEqual([])
  })

  test('has a text for every wrong field', () => {
    const missing = fieldErrorCodes.filter((code) => texts(dictionary[`field.${code}`]).length === 0)
    expect(missing).toEqual([])
  })

  test('has a text for every warning of a run', () => {
    const missing = runWarningCodes.filter((code) => texts(dictionary[`warning.${code}`]).length === 0)
    expect(missing).toEqual([])
  })

  test('has a text for every step and remark of a restore', () => {
    const missing = [
      ...restoreStepCodes.map((code) => `restore.step.${code}`),
      ...planRemarkCodes.map((code) => `restore.remark.${code}`),
    ].filter((key) => texts(dictionary[key]).length === 0)
    expect(missing).toEqual([])
  })

  test('has a text for every finding, verdict and depth of a drill', () => {
    const missing = [
      ...drillFindingCodes.map((code) => `drill.finding.${code}`),
      ...drillVerdicts.map((verdict) => `drill.verdict.${verdict}`),
      ...drillDepths.map((depth) => `drill.depth.${depth}`),
    ].filter((key) => texts(dictionary[key]).length === 0)
    expect(missing).toEqual([])
  })

  test('has a text for every reason to let nobody in', () => {
    const missing = Object.keys(refusals).filter((code) => texts(dictionary[`refused.${code}`]).length === 0)
    expect(missing).toEqual([])
  })

  test('has no empty text, no double space and no space at an end', () => {
    const odd = Object.entries(dictionary)
      .filter(([, message]) => texts(message).some((text) => text === '' || /^\s|\s$| {2}/.test(text)))
      .map(([key]) => key)
    expect(odd).toEqual([])
  })
})

test('both languages have the same keys', () => {
  expect(Object.keys(fr).toSorted()).toEqual(Object.keys(en).toSorted())
})

test('both languages leave the same blanks', () => {
  const french: Readonly<Record<string, Message>> = fr
  const different = Object.entries<Message>(en)
    .filter(([key, message]) => String(blanks(message)) !== String(blanks(french[key])))
    .map(([key]) => key)
  expect(different).toEqual([])
})

test('a message with two forms in one language has them in the other', () => {
  const french: Readonly<Record<string, Message>> = fr
  const different = Object.entries<Message>(en)
    .filter(([key, message]) => (typeof message === 'string') !== (typeof french[key] === 'string'))
    .map(([key]) => key)
  expect(different).toEqual([])
})

test('French puts a space before high punctuation and uses its own quotation marks', () => {
  // Code, addresses and schedules between « » or after a colon of a path are not sentences.
  const odd = Object.entries<Message>(fr)
    .filter(([, message]) => texts(message).some((text) => /[\p{L}\d)](?:[?!;])(?:\s|$)|[“”]|'/u.test(text)))
    .map(([key]) => key)
  expect(odd).toEqual([])
})
