// Whatever is wrong is said by name, with the documented exit code, and nothing is written.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTestServer, type TestServer } from '../support/server.ts'

let server: TestServer
beforeAll(async () => {
  server = await createTestServer()
  await mkdir(join(server.folder, 'tree', 'cache'), { recursive: true })
  await writeFile(join(server.folder, 'tree', 'file'), 'x')
  await writeFile(join(server.folder, 'a file'), 'x')
  await server.json(addCommand({ name: 'taken' }))
  await server.json(addCommand({ name: 'été' }))
})
afterAll(() => server.dispose())

function addCommand(
  change: Partial<Record<'name' | 'type' | 'config' | 'cron' | 'retention', string>>,
): string[] {
  const given = {
    name: 'fine',
    type: 'custom_dir',
    config: JSON.stringify({ source_path: join(server.folder, 'tree') }),
    cron: '0 3 * * *',
    retention: 'count:7',
    ...change,
  }
  return ['job', 'add', ...Object.entries(given).flatMap(([key, value]) => [`--${key}`, value])]
}

describe('job add refuses', () => {
  test.each([
    ['an unknown type', { type: 'floppy' }, 'type', 'unknown_type'],
    ['an invalid cron expression', { cron: '61 3 * * *' }, 'cron_expr', 'cron_invalid'],
    ['a cron expression with seconds', { cron: '0 0 3 * * *' }, 'cron_expr', 'cron_invalid'],
    ['a cron expression that never fires', { cron: '0 0 30 2 *' }, 'cron_expr', 'cron_never'],
    ['a policy that keeps nothing', { retention: 'count:0' }, 'retention', 'policy_invalid'],
    ['a policy of no known form', { retention: 'forever' }, 'retention', 'policy_invalid'],
    ['a name with a slash', { name: '../../etc' }, 'name', 'has_slash'],
    ['a name with control characters', { name: 'two\nlines' }, 'name', 'control_characters'],
    ['an empty name', { name: '  ' }, 'name', 'required'],
    ['a name that is taken, whatever its case', { name: 'TAKEN' }, 'name', 'name_taken'],
    ['a name that is taken, also beyond ASCII', { name: 'E\u0301T\u00c9' }, 'name', 'name_taken'],
    ['settings that are no JSON', { config: '{' }, 'config', 'json_invalid'],
    [
      'settings with an unknown key',
      { config: '{"source_path":"/tmp","speed":1}' },
      'config.speed',
      'unexpected',
    ],
    ['a relative path', { config: '{"source_path":"srv"}' }, 'config.source_path', 'path_not_absolute'],
    [
      'a path that is not there',
      { config: '{"source_path":"/no/such/dir"}' },
      'config.source_path',
      'path_missing',
    ],
    ['a missing path setting', { config: '{}' }, 'config.source_path', 'required'],
  ])('%s', async (_, change, field, code) => {
    const before = await server.json(['job', 'list'])
    const refused = await server.cli([...addCommand(change), '--json'])
    expect(refused.code).toBe(64)
    expect(refused.stderr).toContain(field)
    const document = JSON.parse(refused.stdout) as { code: string; errors: object[] }
    expect(document.code).toBe('validation_failed')
    expect(document.errors).toContainEqual(expect.objectContaining({ field, code }))
    expect(await server.json(['job', 'list'])).toEqual(before)
  })

  test.each([
    ['a file', 'a file', 'path_not_directory'],
    ['the folder that holds the archives', 'yunohost', 'path_contains_archives'],
    ['the archives folder itself', 'yunohost/home/yunohost.backup/archives', 'path_contains_archives'],
    ['the data folder', 'data', 'path_contains_data'],
    ['the folder that holds everything', '.', 'path_contains_archives'],
  ])('%s as source', async (_, path, code) => {
    const config = JSON.stringify({ source_path: join(server.folder, path) })
    const refused = await server.cli([...addCommand({ config }), '--json'])
    expect(refused.code).toBe(64)
    const document = JSON.parse(refused.stdout) as { errors: { field: string; code: string }[] }
    const codes = document.errors.filter((one) => one.field === 'config.source_path').map((one) => one.code)
    expect(codes).toContain(code)
  })

  test('excludes that leave nothing', async () => {
    const config = JSON.stringify({ source_path: join(server.folder, 'tree'), excludes: ['**'] })
    const refused = await server.cli([...addCommand({ config }), '--json'])
    expect(refused.code).toBe(64)
    expect(refused.stdout).toContain('excludes_everything')
  })

  test('an app that is not installed', async () => {
    const refused = await server.cli([
      ...addCommand({ type: 'ynh_app', config: '{"app_id":"ghost"}' }),
      '--json',
    ])
    expect(refused.code).toBe(64)
    expect(JSON.parse(refused.stdout)).toMatchObject({
      errors: [{ field: 'config.app_id', code: 'app_not_installed' }],
    })
  })

  test('several wrong fields at once, naming all of them', async () => {
    const change = { name: 'a/b', cron: 'x', retention: 'y:z', config: '{' }
    const refused = await server.cli([...addCommand(change), '--timeout', 'soon'])
    expect(refused.code).toBe(64)
    for (const field of ['name', 'cron_expr', 'retention', 'config', 'timeout_s']) {
      expect(refused.stderr).toContain(`  ${field}: `)
    }
    expect(refused.stdout).toBe('')
  })
})

describe('configuration', () => {
  test('names every wrong variable at once and ends with 78', async () => {
    const env = { BM_LISTEN: 'nowhere', BM_TZ: 'Mars/Olympus', BM_AUTH: 'maybe', BM_LOG_LEVEL: 'loud' }
    const checked = await server.cli(['config', 'check'], { env })
    expect(checked.code).toBe(78)
    for (const variable of Object.keys(env)) expect(checked.stderr).toContain(variable)
  })

  test('refuses to let everybody in on an address that others reach', async () => {
    const env = { BM_LISTEN: '0.0.0.0:8787', BM_AUTH: 'none' }
    const served = await server.cli(['serve'], { env })
    expect(served.code).toBe(78)
    expect(served.stderr).toContain('BM_AUTH')
  })
})

describe('unknown things', () => {
  test.each([
    [['job', 'run', 'nobody', '--wait', '--json'], 66, 'job_not_found'],
    [['run', 'show', '999', '--json'], 66, 'run_not_found'],
    [['run', 'show', 'x', '--json'], 66, 'run_not_found'],
    [['archive', 'info', 'nothing', '--json'], 66, 'archive_not_found'],
    [['archive', 'delete', '../x', '--json'], 66, 'archive_not_found'],
  ])('%j ends with %i and %s', async (args, code, problem) => {
    const result = await server.cli(args)
    expect(result.code).toBe(code)
    expect(JSON.parse(result.stdout)).toMatchObject({ code: problem })
  })

  test('an unknown command is a usage error', async () => {
    expect((await server.cli(['fly'])).code).toBe(64)
  })
})

describe('retention plan', () => {
  test('reads a list on standard input and touches nothing', async () => {
    const archives = [
      { name: 'a', created_at: '2026-05-08T01:00:00Z' },
      { name: 'b', created_at: '2026-05-07T01:00:00+02:00' },
      { name: 'c', created_at: '2026-05-07T03:00:00+02:00' },
      { name: 'old', created_at: '2020-01-01T00:00:00Z', pinned: true },
    ]
    const args = [
      'retention',
      'plan',
      '--policy',
      'daily:7',
      '--now',
      '2026-05-08T03:00:00Z',
      '--tz',
      'Europe/Paris',
      '--json',
    ]
    const result = await server.cli(args, {
      stdin: JSON.stringify(archives),
      env: { BM_DATA_DIR: '/no/such/folder' },
    })
    expect(result.code).toBe(0)
    const plan = JSON.parse(result.stdout) as {
      keep: { name: string; reasons: string[] }[]
      remove: object[]
    }
    expect(plan.keep.map((one) => one.name)).toEqual(['a', 'c', 'old'])
    expect(plan.keep.every((one) => one.reasons.length > 0)).toBe(true)
    expect(plan.remove).toEqual([{ name: 'b', reason: 'same_day:2026-05-07' }])
  })

  test.each([
    ['no JSON', 'nonsense', 'stdin'],
    ['a wrong date', '[{"name":"a","created_at":"yesterday"}]', 'stdin.0.created_at'],
    ['a missing name', '[{"created_at":"2026-05-08T01:00:00Z"}]', 'stdin.0.name'],
    ['a time without an offset', '[{"name":"a","created_at":"2026-05-08T01:00:00"}]', 'stdin.0.created_at'],
    [
      'one name twice',
      '[{"name":"a","created_at":"2026-05-08T01:00:00Z"},{"name":"a","created_at":"2026-05-07T01:00:00Z"}]',
      'stdin.1.name',
    ],
  ])('names what is wrong with %s', async (_, stdin, field) => {
    const result = await server.cli(['retention', 'plan', '--policy', 'count:1', '--tz', 'UTC'], { stdin })
    expect(result.code).toBe(64)
    expect(result.stderr).toContain(field)
  })
})
