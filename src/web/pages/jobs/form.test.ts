import { describe, expect, test } from 'vitest'
import type { Job } from '../../../domain/job.ts'
import { formOfJob, newForm, readForm } from './form-values.ts'
import { jobInputOf } from './form.ts'

const typed = (fields: Record<string, string | string[]>) => {
  const form = new URLSearchParams()
  for (const [name, value] of Object.entries(fields)) for (const one of [value].flat()) form.append(name, one)
  return readForm(form)
}

const keep = { 'retention.mode': 'count', 'retention.count': '7' }
const nightly = { preset: 'daily', 'time-daily': '03:00' }

const stored: Job = {
  id: 7,
  uid: 'u',
  name: 'photos',
  type: 'custom_dir',
  config: {
    source_path: '/opt/photos',
    excludes: ['cache/', '*.tmp'],
    restore: { permissions: { mode: '0750' } },
  },
  cronExpr: '30 4 * * 1',
  retention: { mode: 'gfs', daily: 7, weekly: 4, monthly: 3, yearly: 0, maxBytes: 50 * 2 ** 30 },
  enabled: true,
  coreOnly: false,
  hooks: { preBackup: 'systemctl stop photos', timeoutS: 120 },
  timeoutS: 7200,
  createdAt: 0,
  updatedAt: 0,
  nextRunAt: null,
  retentionHold: null,
}

test('the form of a stored job, sent back untouched, is that job', () => {
  const { input, errors } = jobInputOf(formOfJob(stored), stored)
  expect(errors).toEqual([])
  expect(input).toEqual({
    name: stored.name,
    type: stored.type,
    config: stored.config,
    cronExpr: stored.cronExpr,
    retention: stored.retention,
    enabled: true,
    coreOnly: false,
    hooks: stored.hooks,
    timeoutS: 7200,
  })
})

test('an untouched new form is a nightly job that keeps days, weeks and months', () => {
  const { input, errors } = jobInputOf(newForm('ynh_app'))
  expect(errors).toEqual([])
  expect(input).toMatchObject({
    type: 'ynh_app',
    cronExpr: '0 3 * * *',
    retention: { mode: 'gfs', daily: 7, weekly: 4, monthly: 6, yearly: 0 },
    enabled: true,
    timeoutS: null,
  })
})

describe('settings of the source', () => {
  test('one value, a list of values and a list of lines are told apart by the field’s name', () => {
    const { input } = jobInputOf(
      typed({
        ...nightly,
        ...keep,
        'config.source_path': '/srv',
        'config.parts[]': ['', 'data_mail', 'conf_ssh'],
        'config.excludes:lines': 'cache/\r\n\r\n  *.tmp\n',
      }),
    )
    expect(input.config).toEqual({
      source_path: '/srv',
      parts: ['data_mail', 'conf_ssh'],
      excludes: ['cache/', '  *.tmp'],
    })
  })

  test('a list with nothing ticked is an empty list, a blank text is left out', () => {
    const { input } = jobInputOf(
      typed({ ...nightly, ...keep, 'config.parts[]': '', 'config.source_path': '' }),
    )
    expect(input.config).toEqual({ parts: [] })
  })

  test('what the form does not show stays as it was', () => {
    const { input } = jobInputOf(typed({ ...nightly, ...keep, 'config.source_path': '/new' }), stored)
    expect(input.config).toEqual({ ...stored.config, source_path: '/new' })
  })

  test('no field name reaches an object’s prototype', () => {
    jobInputOf(
      typed({ ...nightly, ...keep, 'config.__proto__.polluted': 'yes', 'config.constructor.x': '1' }),
    )
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })
})

describe('schedule', () => {
  test.each([
    [{ preset: 'hourly', minute: '12' }, '12 * * * *'],
    [{ preset: 'weekly', weekday: '5', 'time-weekly': '22:05' }, '5 22 * * 5'],
    [{ preset: 'monthly', day: '31', 'time-monthly': '01:00' }, '0 1 31 * *'],
    [{ preset: 'custom', cron_expr: ' */15 * * * * ' }, '*/15 * * * *'],
  ])('%o is %s', (fields, expr) => {
    expect(jobInputOf(typed({ ...keep, ...fields }))).toMatchObject({ errors: [], input: { cronExpr: expr } })
  })

  test.each([
    [{ preset: 'daily', 'time-daily': '25:00' }, 'time-daily'],
    [{ preset: 'hourly', minute: '77' }, 'minute'],
    [{ preset: 'monthly', day: '42', 'time-monthly': '01:00' }, 'day'],
  ])('%o is wrong at %s', (fields, field) => {
    expect(jobInputOf(typed({ ...keep, ...fields })).errors.map((e) => e.field)).toEqual([field])
  })

  test('a wrong expression is left to the engine, which judges it', () => {
    const read = jobInputOf(typed({ ...keep, preset: 'custom', cron_expr: 'every night' }))
    expect(read).toMatchObject({ errors: [], input: { cronExpr: 'every night' } })
  })
})

describe('retention', () => {
  test('a number alone limits the size in GiB, French units are understood', () => {
    const size = (text: string) =>
      jobInputOf(typed({ ...nightly, ...keep, 'retention.max_bytes': text })).input.retention.maxBytes
    expect(size('50')).toBe(50 * 2 ** 30)
    expect(size('1,5 Tio')).toBe(1.5 * 2 ** 40)
    expect(size('')).toBeUndefined()
  })

  test.each([
    [{ 'retention.mode': 'count', 'retention.count': 'seven' }, 'retention.count', 'not_number'],
    [{ 'retention.mode': 'count', 'retention.count': '' }, 'retention.count', 'required'],
    [{ 'retention.mode': 'daily', 'retention.days': '0' }, 'retention.days', 'out_of_range'],
    [{ ...keep, 'retention.max_bytes': 'much' }, 'retention.max_bytes', 'not_number'],
  ])('%o is wrong at %s: %s', (fields, field, code) => {
    expect(jobInputOf(typed({ ...nightly, ...fields })).errors).toMatchObject([{ field, code }])
  })
})

test.each([
  [{ ...keep, 'retention.count': '0' }, 'retention.count', { min: 1, max: 100_000 }],
  [{ 'retention.mode': 'daily', 'retention.days': '99999' }, 'retention.days', { min: 1, max: 36_500 }],
  [
    {
      'retention.mode': 'gfs',
      'retention.daily': '0',
      'retention.weekly': '0',
      'retention.monthly': '0',
      'retention.yearly': '0',
    },
    'retention.daily',
    { min: 1, max: 36_500 },
  ],
])('%o is told with both limits', (fields, field, facts) => {
  const { errors } = jobInputOf(typed({ ...nightly, ...fields }))
  expect(errors).toEqual([{ field, code: 'out_of_range', facts }])
})

test.each([
  ['0', 'out_of_range'],
  ['43201', 'out_of_range'],
  ['soon', 'not_number'],
])('a time limit of %s minutes is wrong: %s', (text, code) => {
  const { errors } = jobInputOf(typed({ ...nightly, ...keep, timeout_min: text }))
  expect(errors).toMatchObject([{ field: 'timeout_min', code }])
})
