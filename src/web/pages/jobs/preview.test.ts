import { expect, test } from 'vitest'
import type { JobInput } from '../../../domain/job.ts'
import { sources } from '../../../sources/registry.ts'
import { formats, translator } from '../../i18n.ts'
import { jobPreview, removalPreview } from './preview.ts'

const now = Date.UTC(2026, 10, 21, 9)
const zone = 'Europe/Paris'
const t = translator('en')
const f = formats('en', zone, now)
const app = sources.find((one) => one.id === 'ynh_app') ?? null

const input: JobInput = {
  name: 'cloud',
  type: 'ynh_app',
  config: { app_id: 'nextcloud' },
  cronExpr: '0 3 * * *',
  retention: { mode: 'gfs', daily: 7, weekly: 4, monthly: 6, yearly: 0 },
}
const facts = { input, source: app, instanceName: 'jerry', plan: null, lastSize: null }

test('the next five runs are said with day, time and zone', () => {
  const preview = jobPreview(facts, now, 'en', t, f)
  expect(preview.when).toBe('every day at 03:00 (Europe/Paris)')
  expect(preview.nextRuns).toHaveLength(5)
  expect(preview.nextRuns[0]).toBe('Sunday 22 November at 03:00')
})

test('the name of the next archive is that of its day', () => {
  expect(jobPreview(facts, now, 'en', t, f).archiveName).toBe('jerry_nextcloud_20261122')
})

test('an expression that is wrong is said, and hides what depends on it', () => {
  const preview = jobPreview({ ...facts, input: { ...input, cronExpr: '0 3 * *' } }, now, 'en', t, f)
  expect(preview.whenError).toContain('not a schedule')
  expect(preview).toMatchObject({ nextRuns: [], keep: null })
})

test('settings that are not complete leave the archive’s name out', () => {
  expect(jobPreview({ ...facts, input: { ...input, config: {} } }, now, 'en', t, f).archiveName).toBe('')
})

test('days, weeks and months keep some fifteen archives after half a year', () => {
  const { keep } = jobPreview({ ...facts, lastSize: 2 ** 30 }, now, 'en', t, f)
  expect(keep?.text).toMatch(
    /^After 7 months, 1[3-6] of 2\d\d archives would be kept, back to \d+ \w+ 202\d\.$/,
  )
  expect(keep?.size).toMatch(/About 1[3-6]\sGiB/)
  expect(keep?.calendar.kept.split('M').length).toBeGreaterThan(12)
})

test('a count is reached and held', () => {
  const counted = { ...facts, input: { ...input, retention: { mode: 'count', count: 10 } as const } }
  expect(jobPreview(counted, now, 'en', t, f).keep?.text).toContain('10 of 4')
})

test('an hourly job is imagined without counting for ever', () => {
  const hourly = { ...facts, input: { ...input, cronExpr: '0 * * * *' } }
  expect(jobPreview(hourly, now, 'en', t, f).keep?.text).toContain('of 2400 archives')
})

test('a schedule that comes only a few times more is shown as far as it goes', () => {
  const rare = { ...facts, input: { ...input, cronExpr: '0 0 29 2 *' } }
  expect(jobPreview(rare, now, 'en', t, f).nextRuns).toHaveLength(5)
})

test('what would go is named with its size, twenty at most', () => {
  const names = Array.from(
    { length: 23 },
    (_, i) => `jerry_nextcloud_202601${String(i + 1).padStart(2, '0')}`,
  )
  const plan = {
    keep: [{ name: 'new', reasons: ['newest_good'] }],
    remove: names.map((name) => ({ name, reason: 'beyond_count' })),
  }
  const removal = removalPreview(plan, new Map(names.map((name) => [name, 2 ** 20])), 23 * 2 ** 20, t, f)
  expect(removal.text).toBe('23 archives (23\u00a0MiB) would go after the next good run, 1 stay.')
  expect(removal.names).toHaveLength(20)
  expect(removal.more).toBe('and 3 more')
})
