// A server with 1,000 jobs, 100,000 runs and 10,000 archives: how soon it serves, how fast its pages are, what it holds.
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { databaseFile, openDatabase } from '../../src/store/database.ts'
import { seedHistory } from '../support/history.ts'
import { createHelper } from '../../src/sys/helper-client.ts'
import { createTestServer, program, type TestServer } from '../support/server.ts'
import { median, medianOf, report, residentBytes, timed } from './measure.ts'

const MIB = 1024 * 1024

/** Seeds a server and measures it as a visitor would. */
export async function benchServer(): Promise<void> {
  const server = await createTestServer()
  const helper = createHelper({
    target: { kind: 'direct', entry: program },
    env: { BM_ARCHIVES_DIR: server.archivesDir, BM_DATA_DIR: server.dataDir },
  })
  try {
    await idleServer(server)
    const file = join(server.dataDir, databaseFile)
    await (await openDatabase(file, { now: 1 })).close()
    seedHistory(file, { jobs: 1000, runsEach: 100, archives: 0, open: false })
    seedArchives(server.archivesDir, 10_000)
    const { child, ms } = await started(server)
    report('start to serving, 100,000 runs and 10,000 new archives', `${ms.toFixed(0)} ms`, '< 1000 ms')
    const scanned = await timed(() => waitForArchives(server, 10_000))
    report('… and all of them, never seen before, taken up after', `${scanned.toFixed(0)} ms`, '(no bar)')
    for (const [what, path] of [
      ['home page', '/'],
      ['home page, last page of jobs', '/?page=20'],
      ['archives', '/archives'],
      ['runs', '/runs'],
      ['a job', '/jobs/500'],
    ] as const) {
      let bytes = 0
      const ms = await medianOf(25, async () => {
        const answer = await fetch(`${server.url}${path}`)
        if (answer.status !== 200) throw new Error(`${path}: ${answer.status}`)
        bytes = (await answer.text()).length
      })
      report(`${what} (${(bytes / 1024).toFixed(0)} KiB)`, `${ms.toFixed(1)} ms`, '< 50 ms, < 100 KB')
    }
    report('resident after that', mib(residentBytes(child.pid ?? 0).now), '(no bar)')
    await stop(child)
    const again = await started(server)
    report('start to serving, archives known', `${again.ms.toFixed(0)} ms`, '< 1000 ms')
    const scan = await medianOf(5, () => helper.call('catalogue.scan', {}))
    report('scan of 10,000 archives, with the start of the helper', `${scan.toFixed(0)} ms`, '< 1000 ms')
    await stop(again.child)
  } finally {
    await server.dispose()
  }
}

/** An empty instance: starts, and memory when nothing has happened for a while. */
async function idleServer(server: TestServer): Promise<void> {
  const starts: number[] = []
  for (let n = 0; n < 4; n += 1) {
    const { child, ms } = await started(server)
    starts.push(ms)
    await stop(child)
  }
  const { child, ms } = await started(server)
  report('start to serving, empty (median of 5)', `${median([...starts, ms]).toFixed(0)} ms`, '< 1000 ms')
  await fetch(`${server.url}/`)
  await sleep(10_000)
  report('resident when idle', mib(residentBytes(child.pid ?? 0).now), '< 120 MiB')
  await stop(child)
}

async function started(server: TestServer): Promise<{ child: ChildProcess; ms: number }> {
  let child: ChildProcess | undefined
  const ms = await timed(async () => {
    child = await server.serve()
    const health = await fetch(`${server.url}/healthz`)
    if (health.status !== 200) throw new Error(`healthz: ${health.status}`)
  })
  if (!child) throw new Error('not started')
  return { child, ms }
}

async function stop(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit')
  child.kill('SIGTERM')
  await gone
}

async function waitForArchives(server: TestServer, count: number): Promise<void> {
  const database = await openDatabase(join(server.dataDir, databaseFile), { now: 1, thorough: false })
  try {
    for (;;) {
      const { rows } = await database.db
        .selectFrom('archives')
        .select((eb) => eb.fn.countAll<number>().as('rows'))
        .executeTakeFirstOrThrow()
      if (rows >= count) return
      await sleep(50)
    }
  } finally {
    await database.close()
  }
}

/** Archives as another program would have left them: nothing in the tar needs to be read. */
function seedArchives(folder: string, count: number): void {
  const info = {
    description: 'a foreign archive',
    created_at: 1_778_202_000,
    size: 1000,
    size_details: { system: {}, apps: { nocodb: 1000 } },
    apps: { nocodb: { version: '1', name: 'NocoDB', description: '' } },
    system: {},
    from_yunohost_version: '12.1.39',
  }
  for (let n = 0; n < count; n += 1) {
    writeFileSync(join(folder, `foreign-${n}.tar`), 'x')
    writeFileSync(join(folder, `foreign-${n}.info.json`), JSON.stringify(info))
  }
}

function mib(bytes: number): string {
  return `${(bytes / MIB).toFixed(0)} MiB`
}
