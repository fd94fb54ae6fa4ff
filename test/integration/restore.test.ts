// Restoring with the program as it is: planned, confirmed, carried out, put back, and recovered after kill -9.
import { once } from 'node:events'
import { mkdir, readFile, readdir, rename, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { createTestServer, type TestServer } from '../support/server.ts'

interface WireRestore {
  readonly id: number
  readonly status: string
  readonly target: string
  readonly safety_archive: string | null
  readonly steps: readonly { readonly name: string; readonly state: string }[]
  readonly error: { readonly code: string } | null
}

let server: TestServer
let photos: string
beforeEach(async () => {
  server = await createTestServer()
  photos = join(server.folder, 'photos')
  await mkdir(join(photos, 'summer'), { recursive: true })
  await writeFile(join(photos, 'one'), 'first')
  await writeFile(join(photos, 'summer', 'two'), 'second')
})
afterEach(() => server.dispose())

/** Backs the photos up; the archive's name. `restore`: the recipe. */
async function backUp(restore: object = {}): Promise<string> {
  const config = JSON.stringify({ source_path: photos, restore })
  const args = ['job', 'add', '--name', 'photos', '--type', 'custom_dir', '--config', config]
  await server.json([...args, '--cron', '0 3 * * *', '--retention', 'count:5'])
  const run = (await server.json(['job', 'run', 'photos', '--wait'])) as {
    archive_name: string
    status: string
  }
  expect(run.status).toBe('success')
  return run.archive_name
}

const restore = async (args: readonly string[], codes?: readonly number[]) =>
  (await server.json(['archive', 'restore', ...args], codes)) as WireRestore

async function tree(): Promise<string[]> {
  const names = await readdir(photos, { recursive: true })
  return names.toSorted()
}

/** Nothing of a restore stays beside the photos or the archives. */
async function nothingLeft(): Promise<void> {
  await eventually(async () => (await leftovers()).length === 0, 'the last traces to go')
}

async function leftovers(): Promise<string[]> {
  return [...(await readdir(server.folder)), ...(await readdir(server.archivesDir))].filter((name) =>
    /^\.bm-|^\.restore-|\.partial$/.test(name),
  )
}

describe('archive restore', () => {
  test('brings back what is gone, without a server', async () => {
    const name = await backUp()
    await rm(photos, { recursive: true })
    const done = await restore([name, '--yes'])
    expect(done).toMatchObject({ status: 'success', target: photos, safety_archive: null })
    expect(await tree()).toEqual(['one', 'summer', 'summer/two'])
    expect(await readFile(join(photos, 'summer', 'two'), 'utf8')).toBe('second')
    await nothingLeft()
  })

  test('replaces what is there only after it was saved, and what was there can be brought back', async () => {
    const name = await backUp()
    await writeFile(join(photos, 'one'), 'changed')
    await writeFile(join(photos, 'three'), 'later')
    await server.serve()
    const done = await restore([name, '--yes'])
    expect(done.status).toBe('success')
    expect(await tree()).toEqual(['one', 'summer', 'summer/two'])
    const back = await restore([done.safety_archive ?? '', '--yes'])
    expect(back.status).toBe('success')
    expect(await tree()).toEqual(['one', 'summer', 'summer/two', 'three'])
    expect(await readFile(join(photos, 'one'), 'utf8')).toBe('changed')
    await nothingLeft()
  })

  test('shows the plan and touches nothing with --plan', async () => {
    const name = await backUp()
    await writeFile(join(photos, 'one'), 'changed')
    const plan = (await server.json(['archive', 'restore', name, '--plan'])) as {
      replaces: boolean
      steps: { code: string }[]
    }
    expect(plan.replaces).toBe(true)
    expect(plan.steps.map((step) => step.code)).toEqual([
      'verify_archive',
      'safety_archive',
      'extract_files',
      'put_files_in_place',
      'remove_former',
    ])
    const told = await server.cli(['archive', 'restore', name, '--plan'])
    expect(told.stdout).toContain(photos)
    expect(await readFile(join(photos, 'one'), 'utf8')).toBe('changed')
  })

  test('replaces nothing that nobody confirmed', async () => {
    const name = await backUp()
    await writeFile(join(photos, 'one'), 'changed')
    const { code, stdout } = await server.cli(['archive', 'restore', name, '--json'])
    expect(code).toBe(64)
    expect(JSON.parse(stdout)).toMatchObject({ code: 'confirmation_missing' })
    expect(await readFile(join(photos, 'one'), 'utf8')).toBe('changed')
  })

  test('goes elsewhere, and brings back only what was chosen', async () => {
    const name = await backUp()
    const other = join(server.folder, 'other')
    const done = await restore([name, '--target', other, '--path', 'summer', '--yes'])
    expect(done).toMatchObject({ status: 'success', target: other })
    expect(await readdir(other, { recursive: true })).toEqual(['summer', 'summer/two'])
  })

  test.each([
    ['inside the archives', () => join(server.archivesDir, 'x'), 'path_inside_archives'],
    ['inside the data directory', () => join(server.dataDir, 'x'), 'path_inside_data'],
    ['a relative path', () => 'photos', 'path_not_absolute'],
  ])('refuses a target %s, and names the field', async (_, target, code) => {
    const name = await backUp()
    const refused = await server.cli(['archive', 'restore', name, '--target', target(), '--yes', '--json'])
    expect(refused.code).not.toBe(0)
    expect(JSON.parse(refused.stdout)).toMatchObject({ errors: [{ field: 'target_path', code }] })
    await nothingLeft()
  })

  test('refuses an archive that is cut off, before anything is touched', async () => {
    const name = await backUp()
    await truncate(join(server.archivesDir, `${name}.tar`), 4096)
    await writeFile(join(photos, 'one'), 'changed')
    const refused = await server.cli(['archive', 'restore', name, '--yes', '--json'])
    expect(refused.code).not.toBe(0)
    expect(await readFile(join(photos, 'one'), 'utf8')).toBe('changed')
    await nothingLeft()
  })

  test.each([
    ['an app', () => server.yunohost.call('backup', 'create', '--apps', 'nocodb', '--name', 'brought')],
    [
      'a directory, whose kind stood at its end',
      async () => {
        const name = await backUp()
        for (const end of ['tar', 'info.json'])
          await rename(join(server.archivesDir, `${name}.${end}`), join(server.archivesDir, `brought.${end}`))
      },
    ],
  ])('says of a cut off archive of %s only that it is incomplete', async (_, make) => {
    await make()
    await truncate(join(server.archivesDir, 'brought.tar'), 4608)
    const plan = await server.json(['archive', 'restore', 'brought', '--plan'], [1])
    expect(plan).toMatchObject({
      steps: [],
      warnings: [],
      refusals: [{ field: 'archive', code: 'archive_truncated', facts: { detail: expect.any(String) } }],
      safety: null,
    })
    const told = await server.cli(['archive', 'restore', 'brought', '--plan'])
    expect(told.stdout).toMatch(
      /^restore brought\nThis cannot be restored like that\n.*\n {2}archive: This archive is incomplete, .*\n$/,
    )
    const refused = await server.cli(['archive', 'restore', 'brought', '--yes', '--json'])
    expect(JSON.parse(refused.stdout)).toMatchObject({
      code: 'restore_refused',
      errors: [{ field: 'archive', code: 'archive_truncated' }],
    })
  })

  test('puts everything back when the last command fails', async () => {
    const name = await backUp({ post_restore_commands: ['exit 3'] })
    await writeFile(join(photos, 'one'), 'changed')
    const done = await restore([name, '--yes'], [1])
    expect(done).toMatchObject({ status: 'rolled_back', error: { code: 'command_failed' } })
    expect(done.steps.map((step) => `${step.name} ${step.state}`)).toContain('put_files_in_place undone')
    expect(await readFile(join(photos, 'one'), 'utf8')).toBe('changed')
    await nothingLeft()
  })
})

/** Processes that a process started, and theirs. */
async function descendants(pid: number): Promise<number[]> {
  const found = [pid]
  const parents = new Map<number, number>()
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '')
    parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1] ?? 0))
  }
  for (let i = 0; i < found.length; i += 1) {
    for (const [child, parent] of parents) if (parent === found[i]) found.push(child)
  }
  return found
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended by itself meanwhile.
  }
}

describe('a restore that is interrupted', () => {
  /** A server whose restore of changed photos hangs in its last command; the photos are swapped by then. */
  async function hanging() {
    const mark = join(server.folder, 'reached')
    const name = await backUp({ post_restore_commands: [`touch '${mark}'; sleep 300`] })
    await writeFile(join(photos, 'one'), 'changed')
    const serving = await server.serve()
    const asking = server.start(['archive', 'restore', name, '--yes'])
    const asked = once(asking, 'exit')
    await eventually(
      async () => (await readdir(server.folder)).includes('reached'),
      'the last command',
      20_000,
    )
    expect(await readFile(join(photos, 'one'), 'utf8')).toBe('first')
    const { items } = (await server.json(['restore', 'list'])) as { items: WireRestore[] }
    return { serving, asking, asked, id: String(items[0]?.id) }
  }

  test('by a cancel puts everything back', async () => {
    const { asked, id } = await hanging()
    const ended = (await server.json(['restore', 'cancel', id])) as WireRestore
    expect(ended).toMatchObject({ status: 'rolled_back', error: { code: 'cancelled' } })
    expect(await asked).toEqual([1, null])
    expect(await readFile(join(photos, 'one'), 'utf8')).toBe('changed')
    await nothingLeft()
  })

  test('by kill -9 of the server is put back by its helper, and recorded by the command line that waits for it', async () => {
    const { serving, asked, id } = await hanging()
    const gone = once(serving, 'exit')
    serving.kill('SIGKILL')
    await gone
    expect(await asked).toEqual([1, null])
    expect(await server.json(['restore', 'show', id])).toMatchObject({ status: 'rolled_back' })
    expect(await readFile(join(photos, 'one'), 'utf8')).toBe('changed')
    await nothingLeft()
  })

  test('by kill -9 of everything is put back by the next start', async () => {
    const { serving, asking, asked, id } = await hanging()
    asking.kill('SIGKILL')
    await asked
    const gone = once(serving, 'exit')
    for (const pid of await descendants(serving.pid ?? 0)) kill(pid)
    await gone
    expect(await readFile(join(photos, 'one'), 'utf8')).toBe('first')
    expect((await leftovers()).length).toBeGreaterThan(0)
    await server.serve()
    expect(await server.json(['restore', 'show', id])).toMatchObject({
      status: 'rolled_back',
      error: { code: 'interrupted' },
    })
    expect(await readFile(join(photos, 'one'), 'utf8')).toBe('changed')
    await nothingLeft()
  })
})
