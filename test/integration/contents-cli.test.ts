// Looking into archives by the command line, as a script would: what it prints and its exit codes.
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTestServer, type TestServer } from '../support/server.ts'

let server: TestServer
let tree: string
let name: string
let payload: string

beforeAll(async () => {
  server = await createTestServer()
  tree = join(server.folder, 'tree')
  mkdirSync(join(tree, 'docs'), { recursive: true })
  writeFileSync(join(tree, 'docs', 'Report.pdf'), 'a report')
  writeFileSync(join(tree, 'docs', 'été.txt'), 'summer', { mode: 0o640 })
  writeFileSync(join(tree, 'odd\nname'), 'odd')
  symlinkSync('docs/Report.pdf', join(tree, 'latest'))
  const config = JSON.stringify({ source_path: tree })
  await server.json([
    'job',
    'add',
    '--name',
    'tree',
    '--type',
    'custom_dir',
    '--config',
    config,
    '--cron',
    '@daily',
    '--retention',
    'count:9',
  ])
  const run = (await server.json(['job', 'run', 'tree', '--wait'])) as { archive_name: string }
  name = run.archive_name
  payload = `data/custom${tree}`
})
afterAll(() => server.dispose())

function problem(result: { readonly code: number; readonly stdout: string }): unknown {
  return { exit: result.code, ...(JSON.parse(result.stdout) as object) }
}

describe('contents', () => {
  test('of a directory are what is in it', async () => {
    const page = await server.json(['archive', 'contents', name, payload])
    expect(page).toMatchObject({
      total: 3,
      next_cursor: null,
      items: [
        {
          path: `${payload}/docs`,
          name: 'docs',
          kind: 'directory',
          files: 2,
          size_bytes: 14,
          mode: '0755',
          owner: 'root',
        },
        { name: 'latest', kind: 'link', link_target: 'docs/Report.pdf' },
        {
          name: 'odd\nname',
          kind: 'file',
          size_bytes: 3,
          modified_at: expect.stringMatching(/^\d{4}-.*[+]0[12]:00$/),
        },
      ],
    })
    const first = (await server.json(['archive', 'contents', name, payload, '--limit', '1'])) as {
      next_cursor: string
    }
    const second = await server.json([
      'archive',
      'contents',
      name,
      payload,
      '--limit',
      '1',
      '--cursor',
      first.next_cursor,
    ])
    expect(second).toMatchObject({ total: 3, items: [{ name: 'latest' }] })
  })

  test('are for people too, and a name cannot command their terminal', async () => {
    const { stdout, code } = await server.cli(['archive', 'contents', name, `/${payload}/`])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^mode +owner +size +modified +name\n0755 +root:root +14 B .* docs\/\n/)
    expect(stdout).toContain('odd\\x0aname')
    expect(stdout).toContain('latest -> docs/Report.pdf')
  })

  test('are found by a part of a name', async () => {
    const found = await server.json(['archive', 'contents', name, '--search', 'ÉTÉ'])
    expect(found).toMatchObject({ total: 1, items: [{ path: `${payload}/docs/été.txt` }] })
    expect((await server.cli(['archive', 'contents', name, 'data', '--search', 'x'])).code).toBe(64)
  })

  test('of what is not there give 66', async () => {
    expect(problem(await server.cli(['archive', 'contents', name, 'nothing', '--json']))).toMatchObject({
      exit: 66,
      code: 'member_not_found',
    })
    expect(problem(await server.cli(['archive', 'contents', 'no-archive', '--json']))).toMatchObject({
      exit: 66,
      code: 'archive_not_found',
    })
  })
})

describe('get', () => {
  test('gives one file to standard output, by path or by key', async () => {
    expect(await server.cli(['archive', 'get', name, `${payload}/docs/été.txt`])).toMatchObject({
      code: 0,
      stdout: 'summer',
    })
    const { items } = (await server.json(['archive', 'contents', name, '--search', 'odd'])) as {
      items: { key: string }[]
    }
    expect(await server.cli(['archive', 'get', name, '--key', items[0]?.key ?? ''])).toMatchObject({
      code: 0,
      stdout: 'odd',
    })
  })

  test('writes a new file whole, and never over another', async () => {
    const file = join(server.folder, 'got.pdf')
    expect((await server.cli(['archive', 'get', name, `${payload}/docs/Report.pdf`, '-o', file])).code).toBe(
      0,
    )
    expect(readFileSync(file, 'utf8')).toBe('a report')
    const again = await server.cli(['archive', 'get', name, `${payload}/docs/été.txt`, '-o', file])
    expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining('is there already') })
    expect(readFileSync(file, 'utf8')).toBe('a report')
    expect(
      (
        await server.cli([
          'archive',
          'get',
          name,
          payload,
          '-o',
          join(server.folder, 'no/such'),
          '--key',
          'x',
        ])
      ).code,
    ).not.toBe(0)
    expect(readdirSync(server.folder).filter((one) => one.startsWith('.'))).toEqual([])
  })

  test('gives a directory as a tar', async () => {
    const file = join(server.folder, 'docs.tar')
    expect((await server.cli(['archive', 'get', name, `${payload}/docs`, '-o', file])).code).toBe(0)
    const listed = execFileSync('tar', ['-tf', file], { encoding: 'utf8' })
    expect(listed.trim().split('\n').length).toBe(3)
  })

  test('of nothing gives 66 and writes nothing', async () => {
    const file = join(server.folder, 'nothing')
    expect((await server.cli(['archive', 'get', name, 'nothing', '-o', file])).code).toBe(66)
    expect(readdirSync(server.folder)).not.toContain('nothing')
    expect((await server.cli(['archive', 'get', name])).code).toBe(64)
  })
})

describe('extract', () => {
  test('unpacks parts into a new folder', async () => {
    const to = join(server.folder, 'parts')
    expect(await server.json(['archive', 'extract', name, '--to', to, `${payload}/docs`])).toEqual({
      name,
      to,
      files: 2,
      bytes: 14,
    })
    expect(readdirSync(join(to, payload))).toEqual(['docs'])
    expect(readFileSync(join(to, payload, 'docs', 'Report.pdf'), 'utf8')).toBe('a report')
  })

  test('unpacks everything, recipe and descriptions included', async () => {
    const to = join(server.folder, 'all')
    expect((await server.cli(['archive', 'extract', name, '--to', to])).stdout).toMatch(
      /^\d+ files \(.*\) in /,
    )
    expect(readdirSync(to)).toEqual(
      expect.arrayContaining(['backup_info.json', 'data', 'hooks', 'info.json']),
    )
  })

  test('refuses a place that is not empty, with the field', async () => {
    const refused = await server.cli(['archive', 'extract', name, '--to', tree, '--json'])
    expect(problem(refused)).toMatchObject({
      exit: 64,
      code: 'validation_failed',
      errors: [{ field: 'to', code: 'path_not_empty' }],
    })
    expect((await server.cli(['archive', 'extract', name])).code).toBe(64)
    const nothing = await server.cli([
      'archive',
      'extract',
      name,
      '--to',
      join(server.folder, 'x'),
      'nothing',
      '--json',
    ])
    expect(problem(nothing)).toMatchObject({ exit: 66, code: 'member_not_found' })
  })
})

describe('diff', () => {
  test('is 0 when nothing is different, 1 and a list when something is', async () => {
    expect(await server.json(['archive', 'diff', name, '--thorough'])).toMatchObject({
      against: tree,
      added: 0,
      removed: 0,
      changed: 0,
      changes: [],
    })
    writeFileSync(join(tree, 'new'), '')
    renameSync(join(tree, 'latest'), join(server.folder, 'latest'))
    expect(await server.json(['archive', 'diff', name], [1])).toMatchObject({
      added: 1,
      removed: 1,
      changes: [
        { path: 'latest', change: 'removed', what: [] },
        { path: 'new', change: 'added', what: [] },
      ],
    })
    const { stdout, code } = await server.cli(['archive', 'diff', name])
    expect(code).toBe(1)
    expect(stdout).toMatch(/^- latest\n\+ new\n.*: 1 added, 1 removed, 0 changed, \d+ the same\n$/)
    const nowhere = await server.cli([
      'archive',
      'diff',
      name,
      '--against',
      join(server.folder, 'nowhere'),
      '--json',
    ])
    expect(problem(nowhere)).toMatchObject({ exit: 64, errors: [{ field: 'against', code: 'path_missing' }] })
  })
})

test('diff of an archive that is not of a directory says that it wants a folder, and takes one', async () => {
  await server.yunohost.call('backup', 'create', '--apps', 'nocodb', '--name', 'an_app')
  const refused = await server.cli(['archive', 'diff', 'an_app'])
  expect(refused).toMatchObject({
    code: 64,
    stderr: expect.stringContaining('against: Only the archive of a directory knows what to compare itself'),
  })
  const to = join(server.folder, 'unpacked')
  expect((await server.cli(['archive', 'extract', 'an_app', '--to', to])).code).toBe(0)
  // YunoHost stores no parents: those that unpacking made are only there.
  const found = await server.json(['archive', 'diff', 'an_app', '--against', to], [1])
  expect(found).toMatchObject({ against: to, removed: 0, changed: 0 })
})

describe('import', () => {
  test('takes a tar that YunoHost made elsewhere', async () => {
    await server.yunohost.call('backup', 'create', '--apps', 'nocodb', '--name', 'elsewhere')
    const file = join(server.folder, 'usb stick.tar')
    renameSync(join(server.archivesDir, 'elsewhere.tar'), file)
    renameSync(join(server.archivesDir, 'elsewhere.info.json'), join(server.folder, 'usb stick.info.json'))
    expect(problem(await server.cli(['archive', 'import', file, '--json']))).toMatchObject({
      exit: 64,
      code: 'name_invalid',
      errors: [
        { field: 'file', code: 'archive_name_invalid', message: expect.stringContaining('usb stick') },
      ],
    })
    const made = await server.json(['archive', 'import', file, '--name', 'brought'])
    expect(made).toMatchObject({
      name: 'brought',
      state: 'ok',
      origin: 'foreign',
      type: 'ynh_app',
      app: 'nocodb',
    })
    expect(await server.json(['archive', 'verify', 'brought'])).toMatchObject({ state: 'ok' })
    expect(JSON.stringify(await server.yunohost.call('backup', 'list'))).toContain('brought')
    expect(
      problem(await server.cli(['archive', 'import', file, '--name', 'brought', '--json'])),
    ).toMatchObject({
      exit: 1,
      code: 'archive_exists',
      errors: [{ field: 'name', code: 'archive_name_taken', message: expect.stringContaining('brought') }],
    })
  })

  test('says what is wrong with what it cannot take', async () => {
    const file = join(server.folder, 'text.tar')
    writeFileSync(file, 'no tar')
    expect(problem(await server.cli(['archive', 'import', file, '--json']))).toMatchObject({
      exit: 64,
      errors: [{ field: 'file', code: 'not_an_archive', message: expect.stringContaining('YunoHost') }],
    })
    expect(
      problem(await server.cli(['archive', 'import', join(server.folder, 'missing.tar'), '--json'])),
    ).toMatchObject({
      exit: 64,
      errors: [{ code: 'file_missing' }],
    })
    const state = (await server.json(['archive', 'list'])) as { items: { name: string }[] }
    expect(state.items.map((one) => one.name)).not.toContain('text')
  })
})
