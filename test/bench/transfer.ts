// One archive of 1 GiB to a peer on this machine over TLS, against rsync over SSH and against curl to nginx, interleaved; the
// memory of a receiver of eight uploads at once; and what the calls of peers cost.
import { execFile, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { Agent, request as httpsRequest } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import Database from 'better-sqlite3'
import { freePort } from '../support/server.ts'
import { smallestTar } from '../support/smallest-tar.ts'
import { createInstances, type Instance } from '../support/whole-instances.ts'
import { MiB } from './archives.ts'
import { cpuSeconds, median, report, residentBytes, timed } from './measure.ts'

const exec = promisify(execFile)
const rounds = 3
const GiB = 1024 * MiB

/** Takes about 5 GiB of the temporary folder. */
export async function benchTransfer(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'bm-bench-'))
  const world = await createInstances(['jerry', 'tom'], { nginx: true })
  const { jerry, tom } = world.of
  try {
    await Promise.all([jerry.up(), tom.up()])
    await world.pair('tom', 'jerry')
    const name = await backUp(jerry)
    const file = join(jerry.archivesDir, `${name}.tar`)
    await using ssh = await startSshd(folder)
    await using dav = await startDav(folder, world.authority.leaf())
    const figures = { own: [] as number[], rsync: [] as number[], curl: [] as number[] }
    for (let round = 0; round <= rounds; round += 1) {
      const own = await send(jerry, name)
      await tom.json(['archive', 'delete', name])
      await settle()
      const rsync = await timed(() => ssh.rsync(file))
      await settle()
      const curl = await timed(() => dav.put(file, world.authority.file))
      await settle()
      // The first round only warms the caches up.
      if (round === 0) continue
      figures.own.push(own)
      figures.rsync.push(rsync)
      figures.curl.push(curl)
    }
    const line = (what: string, all: readonly number[]) =>
      report(
        `${what}: ${all.map((ms) => (ms / 1000).toFixed(2)).join(' ')}`,
        `${(median(all) / 1000).toFixed(2)} s`,
        '-',
      )
    line('(a) sent by us, verified, synced and published', figures.own)
    line('(b) rsync -a -e ssh', figures.rsync)
    line('(c) curl -T to nginx over TLS, then sha256sum and sync', figures.curl)
    report('(a) / (b)', (median(figures.own) / median(figures.rsync)).toFixed(2), '≤ 0.75')
    report('(a) / (c)', (median(figures.own) / median(figures.curl)).toFixed(2), '≤ 1.6')
    await eightAtOnce(tom, world.authority.pem)
    await calls(tom, world.authority.pem)
  } finally {
    await world.dispose()
    await rm(folder, { recursive: true, force: true })
  }
}

async function backUp(of: Instance): Promise<string> {
  const folder = join(of.folder, 'films')
  await mkdir(folder)
  const out = createWriteStream(join(folder, 'film.raw'))
  for (let n = 0; n < 64; n += 1) if (!out.write(randomBytes(16 * MiB))) await once(out, 'drain')
  out.end()
  await once(out, 'close')
  await of.json([
    ...[
      'job',
      'add',
      '--name',
      'Films',
      '--type',
      'custom_dir',
      '--config',
      JSON.stringify({ source_path: folder }),
    ],
    ...['--cron', '0 3 1 1 *', '--retention', 'count:3'],
  ])
  const run = (await of.json(['job', 'run', 'Films', '--wait'])) as { archive_name: string }
  await rm(folder, { recursive: true })
  return run.archive_name
}

/** Milliseconds from its start to its end, as the sender recorded them: starting a command line is not what is measured. */
async function send(from: Instance, name: string): Promise<number> {
  const { transfer_id: id } = (await from.json(['archive', 'send', name, '--to', 'tom'])) as {
    transfer_id: number
  }
  const db = new Database(join(from.dataDir, 'backupmanager.db'), { readonly: true })
  try {
    const find = db.prepare<
      [number],
      { status: string; started_at: number; finished_at: number; error_code: string }
    >('SELECT * FROM transfers WHERE id = ?')
    for (;;) {
      const row = find.get(id)
      if (row?.status === 'success') return row.finished_at - row.started_at
      if (row?.status === 'error' || row?.status === 'waiting') throw new Error(`transfer: ${row.error_code}`)
      await sleep(50)
    }
  } finally {
    db.close()
  }
}

/** What one leaves to write must not slow the next one down. */
async function settle(): Promise<void> {
  await exec('sync')
  await sleep(500)
}

async function startSshd(folder: string) {
  const place = join(folder, 'ssh')
  await mkdir(join(place, 'in'), { recursive: true })
  const port = await freePort()
  await exec('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(place, 'host')])
  await exec('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(place, 'user')])
  await mkdir('/run/sshd', { recursive: true })
  await writeFile(
    join(place, 'sshd_config'),
    [
      `Port ${port}`,
      'ListenAddress 127.0.0.1',
      `HostKey ${join(place, 'host')}`,
      `AuthorizedKeysFile ${join(place, 'user.pub')}`,
      ...['StrictModes no', 'UsePAM no', 'PermitRootLogin yes', 'PidFile none'],
    ].join('\n'),
  )
  const child = spawn('/usr/sbin/sshd', ['-D', '-e', '-f', join(place, 'sshd_config')], { stdio: 'ignore' })
  await sleep(500)
  const ssh = `ssh -F none -p ${port} -i ${join(place, 'user')} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR`
  const into = join(place, 'in')
  return {
    async rsync(file: string): Promise<void> {
      await rm(into, { recursive: true })
      await mkdir(into)
      await exec('rsync', ['-a', '-e', ssh, file, `root@127.0.0.1:${into}/`])
    },
    async [Symbol.asyncDispose]() {
      child.kill()
      await once(child, 'exit')
    },
  }
}

async function startDav(folder: string, leaf: { readonly cert: string; readonly key: string }) {
  const place = join(folder, 'dav')
  const into = join(place, 'in')
  await mkdir(into, { recursive: true })
  await writeFile(join(place, 'cert.pem'), leaf.cert)
  await writeFile(join(place, 'key.pem'), leaf.key)
  const port = await freePort()
  await writeFile(
    join(place, 'nginx.conf'),
    `daemon off; pid nginx.pid; user root; worker_processes 1; events {}
http { access_log off; client_body_temp_path in; proxy_temp_path p; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
server { listen 127.0.0.1:${port} ssl; ssl_certificate cert.pem; ssl_certificate_key key.pem;
location / { root in; dav_methods PUT; client_max_body_size 0; create_full_put_path on; } } }`,
  )
  const child = spawn('nginx', ['-p', place, '-c', 'nginx.conf', '-e', 'stderr'], {
    stdio: 'ignore',
    env: { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin` },
  })
  await sleep(500)
  const stored = join(into, 'file.tar')
  return {
    async put(file: string, ca: string): Promise<void> {
      await rm(stored, { force: true })
      await exec('curl', ['-sS', '--fail', '--cacert', ca, '-T', file, `https://127.0.0.1:${port}/file.tar`])
      await exec('sha256sum', [stored])
      await exec('sync', [stored])
    },
    async [Symbol.asyncDispose]() {
      child.kill()
      await once(child, 'exit')
    },
  }
}

interface Answer {
  readonly status: number
  readonly body: string
}

function caller(of: Instance, ca: string, key: string) {
  const agent = new Agent({ ca, keepAlive: true, maxSockets: 32 })
  return {
    async ask(
      method: string,
      path: string,
      headers: Record<string, string | number> = {},
      body?: Buffer,
    ): Promise<Answer> {
      const request = httpsRequest(`${of.publicUrl}/api/v1${path}`, {
        method,
        agent,
        headers: { 'X-BackupManager-Key': key, ...headers, ...(body && { 'Content-Length': body.length }) },
      })
      request.end(body)
      const [response] = (await once(request, 'response')) as [IncomingMessage]
      let text = ''
      for await (const piece of response.setEncoding('utf8')) text += piece as string
      return { status: response.statusCode ?? 0, body: text }
    },
    close: () => agent.destroy(),
  }
}

/** Eight senders, each with a file of three chunks of 50 MiB. */
async function eightAtOnce(tom: Instance, ca: string): Promise<void> {
  const { secret } = (await tom.json(['token', 'create', 'eight', '--scopes', 'upload'])) as {
    secret: string
  }
  const api = caller(tom, ca, secret)
  await tom.down()
  const server = await tom.up()
  const before = residentBytes(server.pid ?? 0)
  const bytes = smallestTar(randomBytes(120 * MiB))
  const checksum = createHash('sha256').update(bytes).digest('hex')
  const upload = async (n: number): Promise<void> => {
    const json = (path: string, value: unknown) =>
      api.ask('POST', path, { 'Content-Type': 'application/json' }, Buffer.from(JSON.stringify(value)))
    const info = {
      description: '',
      created_at: 1,
      size: 1,
      apps: {},
      system: {},
      from_yunohost_version: '12.1.38',
    }
    const started = await json('/archives/upload/start', {
      ...{
        filename: `eight_app${n}_20260508.tar`,
        total_size: bytes.length,
        chunk_size: 52_428_800,
        checksum,
        info,
      },
    })
    const { upload_id: id, total_chunks: count } = JSON.parse(started.body) as {
      upload_id: string
      total_chunks: number
    }
    for (let chunk = 0; chunk < count; chunk += 1) {
      const part = bytes.subarray(chunk * 52_428_800, (chunk + 1) * 52_428_800)
      const digest = createHash('sha256').update(part).digest('base64')
      const headers = { 'Content-Type': 'application/octet-stream', 'Content-Digest': `sha-256=:${digest}:` }
      const answer = await api.ask('POST', `/archives/upload/${id}/chunk/${chunk}`, headers, part)
      if (answer.status !== 200) throw new Error(answer.body)
    }
    const finished = await json(`/archives/upload/${id}/finish`, {})
    if (finished.status !== 201) throw new Error(finished.body)
  }
  const ms = await timed(() => Promise.all(Array.from({ length: 8 }, (_, n) => upload(n))))
  const { peak } = residentBytes(server.pid ?? 0)
  report(
    `eight uploads at once, ${((8 * bytes.length) / GiB).toFixed(2)} GiB`,
    `${(ms / 1000).toFixed(1)} s`,
    '(no bar)',
  )
  report('resident before them', `${(before.now / MiB).toFixed(0)} MiB`, '(no bar)')
  report('peak memory of the receiver', `${(peak / MiB).toFixed(0)} MiB`, '< 150 MB')
  api.close()
}

async function calls(tom: Instance, ca: string): Promise<void> {
  const { secret } = (await tom.json(['token', 'create', 'calls', '--scopes', 'read'])) as { secret: string }
  const known = caller(tom, ca, secret)
  for (const path of ['/health', '/summary']) {
    await known.ask('GET', path)
    const all: number[] = []
    for (let n = 0; n < 200; n += 1) all.push(await timed(() => known.ask('GET', path)))
    report(`GET ${path}, known token, through nginx`, `${median(all).toFixed(2)} ms`, '< 5 ms')
  }
  known.close()
  const unknown = caller(tom, ca, randomBytes(32).toString('hex'))
  const server = await tom.up()
  const cpu = cpuSeconds(server.pid ?? 0)
  const asked = 1000
  const ms = await timed(async () => {
    for (let n = 0; n < asked; n += 1) await unknown.ask('GET', '/health')
  })
  const spent = (cpuSeconds(server.pid ?? 0) - cpu) * 1000
  unknown.close()
  const hashes = 5 + Math.ceil(ms / 1000)
  const each = (spent - hashes * 50) / asked
  report(`CPU of an unknown token (${hashes} bcrypt of 50 ms taken off)`, `${each.toFixed(2)} ms`, '< 1 ms')
}
