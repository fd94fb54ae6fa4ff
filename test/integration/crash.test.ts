// The power goes, the kernel kills, the disk is full: nothing finished is lost, nothing half-done is taken for an archive.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, readFile, readdir, truncate, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { isAlive } from '../support/programs/programs.ts'
import { createTestServer, type TestServer } from '../support/server.ts'

interface WireRun {
  readonly id: number
  readonly status: string
  readonly archive_name: string | null
  readonly error: { readonly code: string } | null
}

let server: TestServer
beforeEach(async () => {
  server = await createTestServer()
})
afterEach(() => server.dispose())

async function add(name: string, type: string, config: object): Promise<void> {
  const args = ['job', 'add', '--name', name, '--type', type, '--config', JSON.stringify(config)]
  await server.json([...args, '--cron', '0 3 * * *', '--retention', 'count:5'])
}

async function showRun(id: number): Promise<WireRun> {
  return (await server.json(['run', 'show', String(id)])) as WireRun
}

/** A tree that takes tar a while, so that a kill finds it in the middle of a write. */
async function bigTree(): Promise<string> {
  const tree = join(server.folder, 'big')
  await mkdir(tree)
  for (let n = 0; n < 6; n += 1)
    await writeFile(join(tree, `file ${n}`), Buffer.alloc(64 * 1024 * 1024, n + 1))
  return tree
}

describe('kill -9 of the server', () => {
  test('in the middle of a yunohost backup: children gone, run interrupted, partial files removed', async () => {
    await server.yunohost.setModes({ hang: 'tar' })
    const first = await server.serve()
    await add('cloud', 'ynh_app', { app_id: 'nextcloud' })
    const { id } = (await server.json(['job', 'run', 'cloud'])) as WireRun
    const pid = await eventually(() => server.yunohost.hangingPid(), 'the hanging child')
    const gone = once(first, 'exit')
    first.kill('SIGKILL')
    await gone
    await eventually(() => !isAlive(pid), 'the end of the orphan', 20_000)

    await server.yunohost.setModes({})
    await server.serve()
    expect(await showRun(id)).toMatchObject({ status: 'interrupted', error: { code: 'interrupted' } })
    expect(await readdir(server.archivesDir)).toEqual([])
    const again = (await server.json(['job', 'run', 'cloud', '--wait'])) as WireRun
    expect(again.status).toBe('success')
  })

  test('in the middle of writing a directory archive: only a dot file is left, and the next start removes it', async () => {
    const tree = await bigTree()
    const first = await server.serve()
    await add('big', 'custom_dir', { source_path: tree })
    const { id } = (await server.json(['job', 'run', 'big'])) as WireRun
    await eventually(async () => (await readdir(server.archivesDir)).length > 0, 'the partial file')
    const gone = once(first, 'exit')
    first.kill('SIGKILL')
    await gone
    const visible = (await readdir(server.archivesDir)).filter((file) => !file.startsWith('.'))
    expect(visible).toEqual([])

    await server.serve()
    expect((await showRun(id)).status).toBe('interrupted')
    expect(await readdir(server.archivesDir)).toEqual([])
  })

  test('at random moments never leaves a half-visible archive, and finished ones stay whole', async () => {
    const tree = join(server.folder, 'small')
    await mkdir(tree)
    await writeFile(join(tree, 'file'), Buffer.alloc(1024 * 1024, 7))
    await add('small', 'custom_dir', { source_path: tree })
    for (let round = 0; round < 6; round += 1) {
      const process = await server.serve()
      // 75: the run of the round before was still queued, and executes now.
      await server.json(['job', 'run', 'small'], [0, 75])
      await new Promise((resolve) => setTimeout(resolve, round * 90))
      const gone = once(process, 'exit')
      process.kill('SIGKILL')
      await gone
    }
    await server.serve()
    const { items } = (await server.json(['archive', 'list'])) as { items: { name: string }[] }
    for (const { name } of items) {
      expect(await server.json(['archive', 'verify', name])).toMatchObject({ state: 'ok' })
    }
    const { items: runs } = (await server.json(['run', 'list'])) as { items: WireRun[] }
    for (const run of runs) expect(['success', 'interrupted', 'queued', 'running']).toContain(run.status)
    const files = (await readdir(server.archivesDir)).filter((file) => file.endsWith('.tar'))
    expect(files.toSorted()).toEqual(items.map((one) => `${one.name}.tar`).toSorted())
  })
})

test('SIGTERM ends the server in order: the run is interrupted, its children are gone', async () => {
  await server.yunohost.setModes({ hang: 'collect' })
  const child = await server.serve()
  await add('cloud', 'ynh_app', { app_id: 'nextcloud' })
  const { id } = (await server.json(['job', 'run', 'cloud'])) as WireRun
  const pid = await eventually(() => server.yunohost.hangingPid(), 'the hanging child')
  const gone = once(child, 'exit')
  child.kill('SIGTERM')
  expect(await gone).toEqual([0, null])
  expect(isAlive(pid)).toBe(false)
  expect((await showRun(id)).status).toBe('interrupted')
})

describe('the disk', () => {
  test('too small for the estimate is refused before anything is written', async () => {
    const small = join(server.folder, 'small disk')
    await mkdir(small)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', small])
    try {
      const tree = join(server.folder, 'tree')
      await mkdir(tree)
      await writeFile(join(tree, 'file'), Buffer.alloc(20 * 1024 * 1024, 1))
      await add('tree', 'custom_dir', { source_path: tree })
      const env = { BM_ARCHIVES_DIR: small }
      const result = await server.cli(['job', 'run', 'tree', '--wait', '--json'], { env })
      expect(result.code).toBe(1)
      expect(JSON.parse(result.stdout)).toMatchObject({
        status: 'error',
        error: { code: 'insufficient_storage' },
      })
      expect(await readdir(small)).toEqual([])
    } finally {
      execFileSync('umount', [small])
    }
  })

  test('that fills up in the middle ends the run with disk_full and leaves nothing', async () => {
    await server.yunohost.setModes({ disk_full_after: 4096 })
    await add('cloud', 'ynh_app', { app_id: 'nextcloud' })
    const result = await server.cli(['job', 'run', 'cloud', '--wait', '--json'])
    expect(result.code).toBe(1)
    expect(JSON.parse(result.stdout)).toMatchObject({ status: 'error', error: { code: 'disk_full' } })
    expect(await readdir(server.archivesDir)).toEqual([])
  })
})

describe('the database', () => {
  async function digest(): Promise<string> {
    return createHash('sha256')
      .update(await readFile(join(server.dataDir, 'backupmanager.db')))
      .digest('hex')
  }

  test('that is damaged stops the start with 78 and is not touched', async () => {
    await add('cloud', 'ynh_app', { app_id: 'nextcloud' })
    await writeFile(join(server.dataDir, 'backupmanager.db'), 'this is not a database'.repeat(1000))
    const before = await digest()
    const result = await server.cli(['serve'])
    expect(result.code).toBe(78)
    expect(result.stderr).toContain('backupmanager.db')
    expect(await digest()).toBe(before)
  })

  test('that was cut short stops the start with 78 and is not touched', async () => {
    await add('cloud', 'ynh_app', { app_id: 'nextcloud' })
    await truncate(join(server.dataDir, 'backupmanager.db'), 5000)
    const before = await digest()
    expect((await server.cli(['job', 'list'])).code).toBe(78)
    expect(await digest()).toBe(before)
  })
})

test('a second server on the same data folder is refused', async () => {
  await server.serve()
  const second = await server.cli(['serve'], { env: { BM_LISTEN: '127.0.0.1:1' } })
  expect(second.code).toBe(75)
})

test('a server that cannot have its port begins no work', async () => {
  await add('cloud', 'ynh_app', { app_id: 'nextcloud' })
  const { id } = (await server.json(['job', 'run', 'cloud'])) as WireRun
  const taken = createServer().listen(Number(new URL(server.url).port), '127.0.0.1')
  await once(taken, 'listening')
  const refused = await server.cli(['serve'])
  taken.close()
  expect(refused.code).not.toBe(0)
  expect((await showRun(id)).status).toBe('queued')
})

test('SIGTERM ends the server also while an archive is being verified', async () => {
  const tree = await bigTree()
  await add('big', 'custom_dir', { source_path: tree })
  const run = (await server.json(['job', 'run', 'big', '--wait'])) as WireRun
  const child = await server.serve()
  const page = await (await fetch(`${server.url}/archives/${run.archive_name}`)).text()
  const token = /name="_csrf" value="([^"]+)"/.exec(page)?.[1] ?? ''
  await fetch(`${server.url}/archives/${run.archive_name}/verify`, {
    method: 'POST',
    body: new URLSearchParams({ _csrf: token }),
    headers: { origin: server.url },
    redirect: 'manual',
  })
  const gone = once(child, 'exit')
  child.kill('SIGTERM')
  expect(await gone).toEqual([0, null])
})
