import { expect, test } from 'vitest'
import { isNewer, judgeVersion } from './versions.ts'

test.each([
  ['12.1.25', 'good'],
  ['4.2.0', 'good'],
  ['4.2', 'good'],
  ['11.2.10.3', 'good'],
  ['12.0.0~alpha', 'good'],
  ['12.1.5.1~testing', 'good'],
  ['12.1.25+202509', 'good'],
  ['v12.1', 'good'],
  ['4.1.9', 'too_old'],
  ['3.8.5.9', 'too_old'],
  ['4.2.0rc1', 'too_old'],
  ['backupmanager', 'not_understood'],
  ['', 'not_understood'],
  ['12.x', 'not_understood'],
  ['12.1.25 ', 'not_understood'],
  [null, 'not_understood'],
] as const)('an archive of YunoHost %j is %s', (version, judged) => {
  expect(judgeVersion(version)).toBe(judged)
})

test.each([
  ['12.1.26', '12.1.25', true],
  ['12.2', '12.1.25', true],
  ['12.1.25', '12.1.25', false],
  ['12.1.25.0', '12.1.25', false],
  ['9.9.9', '12.1', false],
  ['nonsense', '12.1', false],
])('%s is newer than %s: %s', (version, than, newer) => {
  expect(isNewer(version, than)).toBe(newer)
})
