// `npm run demo`: a real instance on loopback, real jobs through the same engine that a user uses, with a table of what
// happened. `-- --once` ends after the table; the exit code is not 0 when anything was not as it should be.
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { hostname, tmpdir } from 'node:os'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { openInstance } from '../../src/app.ts'
import type { Instance } from '../../src/cli/context.ts'
import { parseConfig, type Config } from '../../src/config.ts'
import { formatBytes } from '../../src/domain/bytes.ts'
import type { Job, JobInput } from '../../src/domain/job.ts'
import { planDigest } from '../../src/sys/plan-digest.ts'
import type { Run } from '../../src/domain/run.ts'
import { archivesOfJob } from '../../src/store/archives.ts'
import { printTable, text } from '../../src/cli/output.ts'
import { createFakeYunohost } from '../../test/support/fake-yunohost.ts'
import { makeAwkwardTree } from './awkward-tree.ts'
import { sendAndFetch, startFriend } from './friend.ts'

const { values } = parseArgs({
  options: { once: { type: 'boolean', default: false }, port: { type: 'string' } },
})
const out = process.stdout
const complaints: string[] = []
const folder = await mkdtemp(join(tmpdir(), 'backupmanager-demo-'))
const stop = new AbortController()
process.once('SIGINT', () => stop.abort())
process.once('SIGTERM', () => stop.abort())

const yunohost = await createFakeYunohost({
  root: join(folder, 'server'),
  apps: [
    { id: 'nextcloud', name: 'Nextcloud', data_bytes: 12 * 1024 * 1024 },
    { id: 'nocodb', name: 'NocoDB', data_bytes: 3 * 1024 * 1024 },
  ],
})
await makeAwkwardTree(join(folder, 'photos'))
const instance = await openInstance(await demoConfig())
const friend = await startFriend(
  configOf({
    BM_DATA_DIR: join(folder, 'friend'),
    BM_LISTEN: `127.0.0.1:${await freePort()}`,
    BM_INSTANCE_NAME: 'friend',
  }),
)
const lock = instance.lock()
if (!lock) throw new Error('a fresh folder cannot be locked')
try {
  await instance.engine.start({ schedule: true })
  const web = await instance.serve()
  out.write(`BackupManager demo in ${folder}\n`)
  await demonstrate(instance)
  complaints.push(...(await sendAndFetch(instance, friend.instance, out, stop.signal)))
  out.write(`\nDashboard: ${web.url}${instance.config.basePath}/ (the friend's: ${friend.url}/)\n`)
  for (const complaint of complaints) out.write(`NOT AS IT SHOULD BE: ${complaint}\n`)
  if (!values.once && complaints.length === 0) {
    out.write('Serving until Ctrl-C.\n')
    if (!stop.signal.aborted) await new Promise((resolve) => stop.signal.addEventListener('abort', resolve))
  }
  await web.close()
} finally {
  await friend.close()
  await instance.engine.stop()
  lock.release()
  await instance.close()
  await yunohost.dispose()
  await rm(folder, { recursive: true, force: true })
}
process.exitCode = complaints.length === 0 ? 0 : 1

async function demonstrate(it: Instance): Promise<void> {
  const rows: { job: Job; run: Run; seconds: number }[] = []
  const jobs: Job[] = []
  for (const input of jobInputs()) jobs.push(await it.engine.createJob(input, 'demo'))
  for (const job of jobs) rows.push(await backUp(it, job))
  // The last job again, until its policy has something to remove.
  const photos = jobs.at(-1)
  if (!photos) throw new Error('no job')
  for (let again = 0; again < 4; again += 1) rows.push(await backUp(it, photos))

  out.write('\n')
  printTable(
    out,
    ['job', 'status', 'archive', 'size', 'seconds'],
    rows.map(({ job, run, seconds }) => [
      job.name,
      run.status,
      run.archiveName ?? '–',
      run.sizeBytes === null ? '–' : formatBytes(run.sizeBytes, 'en'),
      seconds.toFixed(2),
    ]),
  )
  for (const { job, run } of rows) {
    if (run.status !== 'success')
      complaints.push(`${job.name} ended as ${run.status} (${run.errorCode ?? ''})`)
  }
  await showRetention(it, photos)
  await verifyAll(it, jobs)
  await loseAndRestore(it, photos)
}

/** A directory is lost, and comes back from its newest archive. */
async function loseAndRestore(it: Instance, job: Job): Promise<void> {
  const newest = (await archivesOfJob(it.db, job.id))[0]
  if (!newest) throw new Error('nothing to restore')
  const lost = join(folder, 'photos')
  const before = await listing(lost)
  await rm(lost, { recursive: true })
  out.write(`\nRestore of ${newest.name} after ${lost} was deleted:\n`)
  const input = { options: {} }
  const plan = await it.engine.planRestore(newest.name, input)
  const queued = await it.engine.startRestore(newest.name, { ...input, digest: planDigest(plan) }, 'demo')
  const ended = await it.engine.waitForRestore(queued.id, stop.signal)
  for (const step of ended.steps)
    out.write(`  ${step.state} ${text(`restore.step.${step.code}`, step.facts)}\n`)
  if (ended.status !== 'success')
    complaints.push(`the restore ended as ${ended.status} (${ended.errorCode ?? ''})`)
  const after = existsSync(lost) ? await listing(lost) : []
  // What the job leaves out is not in the archive.
  const kept = before.filter((name) => !/(^|\/)cache(\/|$)|\.tmp$/.test(name))
  if (JSON.stringify(after) !== JSON.stringify(kept)) complaints.push('the restored directory is another one')
  else out.write(`  ${after.length} files and directories are back\n`)
}

/** Names as bytes, in a latin1 text: not all of them are UTF-8. */
async function listing(directory: string, below = ''): Promise<string[]> {
  const here = Buffer.from(`${Buffer.from(directory).toString('latin1')}/${below}`, 'latin1')
  const found: string[] = []
  for (const entry of await readdir(here, { encoding: 'buffer', withFileTypes: true })) {
    const name = `${below}${entry.name.toString('latin1')}`
    found.push(name)
    if (entry.isDirectory()) found.push(...(await listing(directory, `${name}/`)))
  }
  return found.toSorted()
}

async function backUp(it: Instance, job: Job) {
  stop.signal.throwIfAborted()
  const queued = await it.engine.startRun(job.id, 'manual', 'demo')
  const run = await it.engine.waitForRun(queued.id, stop.signal)
  return { job, run, seconds: ((run.finishedAt ?? 0) - (run.startedAt ?? 0)) / 1000 }
}

/** Five backups under "keep the newest three": two must be gone. */
async function showRetention(it: Instance, job: Job): Promise<void> {
  const { plan } = await it.engine.previewRetention(job.id)
  out.write(`\nRetention of "${job.name}" (keep the newest 3 of 5 backups):\n`)
  for (const { name, reasons } of plan.keep) out.write(`  keeps ${name}: ${reasons.join(', ')}\n`)
  if (plan.keep.length !== 3) complaints.push(`retention kept ${plan.keep.length} archives instead of 3`)
  if (plan.remove.length > 0) complaints.push('retention left something to remove')
}

async function verifyAll(it: Instance, jobs: readonly Job[]): Promise<void> {
  out.write('\nVerification (every archive read again, hashed, its tar walked):\n')
  for (const job of jobs) {
    const archives = await archivesOfJob(it.db, job.id)
    if (archives.length === 0) complaints.push(`${job.name} has no archive`)
    for (const archive of archives) {
      const after = await it.engine.verifyArchive(archive.name, 'demo', stop.signal)
      out.write(`  ${after.state} ${after.name} ${after.sha256?.slice(0, 16)}…\n`)
      if (after.state !== 'ok') complaints.push(`${after.name} is ${after.state}: ${after.stateDetail}`)
    }
  }
}

function jobInputs(): readonly JobInput[] {
  const keep = { mode: 'gfs', daily: 7, weekly: 4, monthly: 3, yearly: 0 } as const
  return [
    {
      name: 'Nextcloud',
      type: 'ynh_app',
      config: { app_id: 'nextcloud' },
      cronExpr: '0 3 * * *',
      retention: keep,
    },
    {
      name: 'NocoDB',
      type: 'ynh_app',
      config: { app_id: 'nocodb' },
      cronExpr: '20 3 * * *',
      retention: keep,
    },
    {
      name: 'System',
      type: 'ynh_system',
      config: { parts: [] },
      cronExpr: '0 4 * * 0',
      retention: { mode: 'daily', days: 14 },
    },
    {
      name: 'Family photos',
      type: 'custom_dir',
      config: { source_path: join(folder, 'photos'), excludes: ['cache/', '*.tmp'] },
      cronExpr: '30 2 * * *',
      retention: { mode: 'count', count: 3 },
    },
  ]
}

async function demoConfig(): Promise<Config> {
  const port = values.port ?? ((await isFree(8787)) ? '8787' : String(await freePort()))
  return configOf({
    BM_DATA_DIR: join(folder, 'data'),
    BM_ARCHIVES_DIR: yunohost.archivesDir,
    BM_LISTEN: `127.0.0.1:${port}`,
    BM_INSTANCE_NAME: 'demo',
  })
}

/** With what both servers have in common; peers speak plain HTTP, because nothing leaves this machine. */
function configOf(own: Readonly<Record<string, string>>): Config {
  const parsed = parseConfig(
    {
      BM_ARCHIVES_DIR: join(folder, 'friend', 'archives'),
      ...own,
      BM_AUTH: 'none',
      BM_ALLOW_INSECURE_PEERS: 'true',
      BM_YUNOHOST: yunohost.command.join(' '),
      BM_ROOT_HELPER: 'direct',
      BM_LOG_LEVEL: 'warn',
    },
    {
      hostname: hostname(),
      timeZone: new Intl.DateTimeFormat().resolvedOptions().timeZone,
      isRoot: process.getuid?.() === 0,
      exists: existsSync,
    },
  )
  if (!parsed.ok) throw new Error(parsed.problems.map((one) => `${one.variable}: ${one.message}`).join('\n'))
  return parsed.config
}

async function isFree(port: number): Promise<boolean> {
  return listenOn(port).then(
    () => true,
    () => false,
  )
}

function freePort(): Promise<number> {
  return listenOn(0)
}

/** Listens for a moment; the port it got. */
function listenOn(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen(port, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : port))
    })
  })
}
