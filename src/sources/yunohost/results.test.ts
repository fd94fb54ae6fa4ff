import { expect, test } from 'vitest'
import { anySaved, targetResults, targetWarnings } from './results.ts'

test('takes nothing for good that YunoHost does not call good', () => {
  const results = {
    apps: { a: 'Success', b: 'Warning', c: 'Error', d: 'Skipped', e: 'Unknown', f: 'Whatever comes next' },
    system: {},
  }
  const targets = targetResults(results, { kind: 'app', ids: [] }, [])
  expect(targets.map((target) => target.status)).toEqual([
    'success',
    'warning',
    'error',
    'skipped',
    'error',
    'error',
  ])
  expect(targetWarnings(targets).map((warning) => warning.facts?.['target'])).toEqual(['c', 'd', 'e', 'f'])
})

test('a target that was asked for and not answered is an error', () => {
  const targets = targetResults({ apps: { a: 'Success' } }, { kind: 'app', ids: ['a', 'b'] }, [])
  expect(targets).toEqual([
    { kind: 'app', id: 'a', status: 'success' },
    { kind: 'app', id: 'b', status: 'error' },
  ])
})

test('an archive with nothing but failures holds nothing', () => {
  const wanted = { kind: 'system', ids: ['data_home'] } as const
  expect(anySaved(targetResults({ system: { data_home: 'Skipped' } }, wanted, []))).toBe(false)
  expect(anySaved(targetResults({ system: { data_home: 'Warning' } }, wanted, []))).toBe(true)
})

test('the last complaint about a target is its detail, cut to a readable length', () => {
  const complaints = ['WARNING a: first', `ERROR a: ${'x'.repeat(1000)}`, 'ERROR something else']
  const [target] = targetResults({ apps: { a: 'Error' } }, { kind: 'app', ids: ['a'] }, complaints)
  expect(target?.detail).toMatch(/^a: x{297}$/)
})
