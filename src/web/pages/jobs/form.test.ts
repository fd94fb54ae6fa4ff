import { describe, expect, test } from 'vitest'
import type { Job } from '../../../domain/job.ts'
import { formOfJob, newForm, readForm } from './form-values.ts'
import { jobInputOf, type EditedJob } from './form.ts'

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
    one_file_system: false,
    restore: {
      permissions: { mode: '0750' },
      firewall_ports: [8080, 8443],
      post_restore_commands: ['systemctl reload nginx'],
    },
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
  drill: { depth: 'extract', everyDays: 14 },
  nextDrillAt: null,
  retentionHold: null,
}
const edited: EditedJob = { job: stored, secrets: [] }

test('the form of a stored job, sent back untouched, is that job', () => {
  const { input, errors } = jobInputOf(formOfJob(edited), edited)
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
    drill: stored.drill,
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

  test('numbers, flags and lists of numbers become what they are; what is none is left to the type’s own rules', () => {
    const { input } = jobInputOf(
      typed({
        ...nightly,
        ...keep,
        'config.port:number': ' 3306',
        'config.ports:numbers': '8080, 8443; http\n9000',
        'config.one:flag': ['', '1'],
        'config.other:flag': '',
      }),
    )
    expect(input.config).toEqual({ port: 3306, ports: [8080, 8443, 'http', 9000], one: true, other: false })
  })

  test('a group whose last value was emptied goes', () => {
    const { input } = jobInputOf(
      typed({
        ...nightly,
        ...keep,
        'config.restore.permissions.mode': '',
        'config.restore.firewall_ports:numbers': '',
        'config.restore.post_restore_commands:lines': '\n',
      }),
      edited,
    )
    expect(input.config).not.toHaveProperty('restore')
  })

  test('a command of several lines is not torn apart', () => {
    const script = 'if true; then\n  echo yes\nfi'
    const job = { ...stored, config: { commands: [script, 'second'] } }
    const values = formOfJob({ job, secrets: [] })
    expect(values.has('config.commands:lines')).toBe(false)
    expect(jobInputOf(values, { job, secrets: [] }).input.config).toEqual({ commands: [script, 'second'] })
  })

  test('what the form does not show stays as it was', () => {
    const { input } = jobInputOf(typed({ ...nightly, ...keep, 'config.source_path': '/new' }), edited)
    expect(input.config).toEqual({ ...stored.config, source_path: '/new' })
  })

  test('no field name reaches an object’s prototype', () => {
    jobInputOf(
      typed({ ...nightly, ...keep, 'config.__proto__.polluted': 'yes', 'config.constructor.x': '1' }),
    )
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })
})

describe('a secret', () => {
  const job = { ...stored, config: { database: 'wiki', password: 'v1:sealed' } }
  const about: EditedJob = { job, secrets: ['password'] }
  const save = (fields: Record<string, string>) =>
    jobInputOf(typed({ ...nightly, ...keep, 'config.database': 'wiki', ...fields }), about).input.config

  test('is not in the form of its job', () => {
    expect([...formOfJob(about)].flat(2)).not.toContain('v1:sealed')
    expect(formOfJob(about).has('config.password')).toBe(false)
  })

  test('that nobody typed is absent, so that the stored one stays', () => {
    expect(save({ 'config.password': '' })).toEqual({ database: 'wiki' })
  })

  test('that is to be forgotten is empty', () => {
    expect(save({ 'config.password': '', 'forget.config.password': '1' })).toEqual({
      database: 'wiki',
      password: '',
    })
  })

  test('that was typed replaces the stored one, even beside a tick to forget that', () => {
    expect(save({ 'config.password': ' new ', 'forget.config.password': '1' })).toEqual({
      database: 'wiki',
      password: ' new ',
    })
  })
})

describe('test restores', () => {
  const drillOf = (fields: Record<string, string>) => jobInputOf(typed({ ...nightly, ...keep, ...fields }))

  test('none, or a depth every so many days', () => {
    expect(drillOf({ 'drill.depth': '', 'drill.every_days': '' })).toMatchObject({
      errors: [],
      input: { drill: null },
    })
    expect(drillOf({ 'drill.depth': 'load', 'drill.every_days': '7' })).toMatchObject({
      errors: [],
      input: { drill: { depth: 'load', everyDays: 7 } },
    })
  })

  test.each([
    [{ 'drill.depth': 'deep', 'drill.every_days': '7' }, 'drill.depth', 'unknown_value'],
    [{ 'drill.depth': 'read', 'drill.every_days': 'often' }, 'drill.every_days', 'not_number'],
    [{ 'drill.depth': 'read', 'drill.every_days': '' }, 'drill.every_days', 'required'],
  ])('%o is wrong at %s: %s', (fields, field, code) => {
    expect(drillOf(fields).errors).toMatchObject([{ field, code }])
  })

  test('stay as they are where the form does not show them', () => {
    expect(jobInputOf(typed({ ...nightly, ...keep }), edited).input.drill).toEqual(stored.drill)
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
