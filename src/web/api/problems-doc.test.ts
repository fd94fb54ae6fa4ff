// The list of problems in doc/ is what the program has.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { problemsDocument, problemsFile } from '../../../tools/api-problems.ts'
import { problems } from '../../domain/problem.ts'

test('doc/api-problems.md is fresh (node tools/api-problems.ts)', () => {
  expect(readFileSync(problemsFile, 'utf8')).toBe(problemsDocument())
})

test('it has every code once, without a blank', () => {
  const text = problemsDocument()
  const listed = [...text.matchAll(/^\| \d{3} \| `(\w+)` \|/gm)].map(([, code]) => code)
  expect(listed.length).toBe(Object.keys(problems).length)
  expect(new Set(listed)).toEqual(new Set(Object.keys(problems)))
  expect(text.slice(text.indexOf('| ---'))).not.toMatch(/[{}]/)
})
