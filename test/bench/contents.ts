// Looking into an archive of a million members: making its index, then pages and searches of it.
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { tarDirectory, tarEnd, tarFile } from '../../src/archive/tar-header.ts'
import { createContents } from '../../src/engine/contents.ts'
import { rescan } from '../../src/engine/catalogue.ts'
import type { EngineDeps } from '../../src/engine/deps.ts'
import { openDatabase } from '../../src/store/database.ts'
import { loadInstanceKey } from '../../src/sys/instance-key.ts'
import { createPeerHttp } from '../../src/sys/peer-http/create.ts'
import { createVault } from '../../src/sys/vault.ts'
import { benchHelper, MiB, watched } from './archives.ts'
import { medianOf, report, residentBytes, timed } from './measure.ts'

const million = 1_000_000

/** Half of the files in directories of a thousand, the other half in one; takes 700 MB of the temporary folder. */
export async function benchContents(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'bm-bench-'))
  const places = { archivesDir: join(folder, 'archives'), dataDir: join(folder, 'data') }
  for (const place of Object.values(places)) mkdirSync(place)
  writeTar(join(places.archivesDir, 'million.tar'))
  writeFileSync(join(places.archivesDir, 'million.info.json'), JSON.stringify(info))
  const database = await openDatabase(join(folder, 'test.db'), { now: 0 })
  const deps: EngineDeps = {
    db: database.db,
    dataVersion: () => 0,
    helper: benchHelper(folder),
    sources: [],
    clock: { now: () => Date.now() },
    log: pino({ level: 'silent' }),
    version: '0',
    vault: await createVault(places.dataDir),
    dataDir: places.dataDir,
    timeZone: 'UTC',
    identity: await loadInstanceKey(places.dataDir),
    peerHttp: createPeerHttp({ allowInsecure: true }),
    archivesDir: places.archivesDir,
    allowInsecurePeers: true,
    instance: { id: 'bench', name: 'bench', url: 'http://127.0.0.1' },
  }
  const contents = createContents(deps)
  try {
    await rescan(deps)
    await measure(contents, places.dataDir)
  } finally {
    await contents.close()
    await database.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function measure(contents: ReturnType<typeof createContents>, dataDir: string): Promise<void> {
  const name = 'million'
  const delay = monitorEventLoopDelay({ resolution: 5 })
  let most = 0
  const watch = setInterval(() => (most = Math.max(most, residentBytes(process.pid).now)), 50)
  delay.enable()
  const { result: ms, peak: helper } = await watched(() => timed(() => contents.entry(name, '')))
  delay.disable()
  clearInterval(watch)
  report('index of 1,000,000 members, once', `${(ms / 1000).toFixed(1)} s`, '-')
  report('memory of this process meanwhile, in all', `${(most / MiB).toFixed(0)} MiB`, '< 200 MiB')
  report('memory of the helper', `${(helper / MiB).toFixed(0)} MiB`, '< 200 MiB')
  report('longest time the server was busy with it', `${(delay.max / 1e6).toFixed(0)} ms`, '-')
  report('size of the index', `${(statSync(indexIn(dataDir)).size / MiB).toFixed(0)} MiB`, '-')

  const big = Buffer.from('flat').toString('base64url')
  const page = (path: string, after?: string) =>
    contents.list(name, { path, ...(after !== undefined && { after }) })
  const first = await page(big)
  if (first.state !== 'ready' || first.next === null) throw new Error('the index is not there')
  const { next } = first
  report('first page of 200 of 500,000', `${(await medianOf(9, () => page(big))).toFixed(1)} ms`, '< 100 ms')
  report('its next page', `${(await medianOf(9, () => page(big, next))).toFixed(1)} ms`, '< 100 ms')
  const middle = `1.0.0.${Buffer.from('file 0750000').toString('base64url')}`
  report('a page in its middle', `${(await medianOf(9, () => page(big, middle))).toFixed(1)} ms`, '< 100 ms')
  report('page of the top', `${(await medianOf(9, () => page(''))).toFixed(1)} ms`, '< 100 ms')
  for (const text of ['no such file', 'file 07', 'FILE', '0499999']) {
    const ms = await medianOf(3, () => contents.search(name, { text }))
    report(`search for “${text}”`, `${ms.toFixed(0)} ms`, '< 1000 ms')
  }
}

function indexIn(dataDir: string): string {
  const folder = join(dataDir, 'contents')
  const [file] = readdirSync(folder)
  return join(folder, file ?? '')
}

const info = {
  description: '',
  created_at: 1,
  size: 0,
  size_details: { system: {}, apps: {} },
  apps: {},
  system: {},
  from_yunohost_version: '12.1.25',
}

function writeTar(path: string): void {
  const fd = openSync(path, 'w')
  let waiting: Buffer[] = []
  let length = 0
  const put = (member: Buffer): void => {
    waiting.push(member)
    length += member.length
    if (waiting.length < 2000) return
    writeSync(fd, Buffer.concat(waiting))
    waiting = []
  }
  put(tarFile('info.json', Buffer.from(JSON.stringify(info)), 1))
  put(tarDirectory('flat', 1))
  for (let n = 0; n < million; n += 1) {
    const deep = n < million / 2
    if (deep && n % 1000 === 0) put(tarDirectory(`deep/${Math.floor(n / 50_000)}/${Math.floor(n / 1000)}`, 1))
    const folder = deep ? `deep/${Math.floor(n / 50_000)}/${Math.floor(n / 1000)}` : 'flat'
    put(tarFile(`${folder}/file ${String(n).padStart(7, '0')}`, Buffer.alloc(0), 1))
  }
  put(tarEnd(length))
  writeSync(fd, Buffer.concat(waiting))
  closeSync(fd)
}
