// The package's nginx configuration in front of real instances: TLS, the base path, bodies that pass through while they come.
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { request as httpsRequest, type RequestOptions } from 'node:https'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { smallestTar } from '../support/smallest-tar.ts'
import { createInstances, type Instance, type Instances } from '../support/whole-instances.ts'

let world: Instances<'jerry' | 'tom'>
let jerry: Instance
let tom: Instance
let key: string
beforeAll(async () => {
  world = await createInstances(['jerry', 'tom'], { nginx: true })
  jerry = world.of.jerry
  tom = world.of.tom
  await Promise.all([jerry.up(), tom.up()])
  key = ((await tom.json(['token', 'create', 'script', '--scopes', 'read,upload'])) as { secret: string })
    .secret
}, 120_000)
afterAll(() => world.dispose())
vi.setConfig({ testTimeout: 120_000 })

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

function open(path: string, options: RequestOptions = {}) {
  return httpsRequest(`${tom.publicUrl}${path}`, { ca: world.authority.pem, agent: false, ...options })
}

async function answerTo(request: ReturnType<typeof open>): Promise<Answer> {
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  let body = ''
  for await (const piece of response.setEncoding('utf8')) body += piece as string
  return { status: response.statusCode ?? 0, headers: response.headers, body }
}

function ask(path: string, options: RequestOptions = {}): Promise<Answer> {
  const request = open(path, options)
  request.end()
  return answerTo(request)
}

async function askJson(path: string, body: unknown): Promise<Answer> {
  const text = JSON.stringify(body)
  const headers = {
    'X-BackupManager-Key': key,
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(text),
  }
  const request = open(path, { method: 'POST', headers })
  request.end(text)
  return answerTo(request)
}

describe('behind nginx', () => {
  test('the dashboard has its own headers, not those of the server block', async () => {
    const { status, headers } = await ask('/')
    expect(status).toBe(200)
    expect(headers['content-security-policy']).toContain("default-src 'none'")
    expect(headers['x-frame-options']).toBe('DENY')
  })

  test('the API asks for a key and nothing else', async () => {
    expect((await ask('/api/v1/health')).status).toBe(401)
    const { status, body } = await ask('/api/v1/health', { headers: { 'X-BackupManager-Key': key } })
    expect([status, JSON.parse(body)]).toMatchObject([200, { instance: { name: 'tom', url: tom.publicUrl } }])
  })

  test('failures are counted by the address that nginx saw, whatever is claimed', async () => {
    const wrong = (n: number) =>
      ask('/api/v1/health', {
        headers: {
          'X-BackupManager-Key': randomBytes(32).toString('hex'),
          'X-Forwarded-For': `192.0.2.${n}`,
        },
      })
    const statuses: number[] = []
    for (let n = 1; n <= 40; n += 1) statuses.push((await wrong(n)).status)
    expect(statuses.at(-1)).toBe(429)
    expect(statuses[0]).toBe(401)
  })

  test('a chunk reaches the instance while it comes, and nginx keeps none of it', async () => {
    const bytes = smallestTar(randomBytes(8 * 2 ** 20))
    const started = await askJson('/api/v1/archives/upload/start', {
      filename: 'ann_cloud_20260508.tar',
      total_size: bytes.length,
      chunk_size: 52_428_800,
      info: {
        description: '',
        created_at: 1_778_200_000,
        size: 1,
        apps: {},
        system: {},
        from_yunohost_version: '12.1.38',
      },
    })
    expect([started.status, started.body]).toEqual([201, expect.any(String)])
    const { upload_id: id } = JSON.parse(started.body) as { upload_id: string }
    const request = open(`/api/v1/archives/upload/${id}/chunk/0`, {
      method: 'POST',
      headers: {
        'X-BackupManager-Key': key,
        'Content-Type': 'application/octet-stream',
        'Content-Length': bytes.length,
        'Content-Digest': `sha-256=:${createHash('sha256').update(bytes).digest('base64')}:`,
      },
    })
    request.write(bytes.subarray(0, 4 * 2 ** 20))
    const part = join(tom.dataDir, 'uploads', `${id}.part`)
    // Blocks of the file: its size is the final one from the beginning.
    await vi.waitFor(async () => expect((await stat(part)).blocks * 512).toBeGreaterThan(2 * 2 ** 20), 20_000)
    expect(await readdir(tom.nginx().bodies)).toEqual([])
    request.end(bytes.subarray(4 * 2 ** 20))
    expect(await answerTo(request)).toMatchObject({ status: 200 })
  })

  test('two instances pair and send an archive', async () => {
    // The limit of wrong keys of the test before is over by then.
    await sleep(1000)
    await world.pair('tom', 'jerry')
    const folder = join(jerry.folder, 'photos')
    await mkdir(folder)
    await writeFile(join(folder, 'picture.raw'), randomBytes(60 * 2 ** 20))
    await jerry.json([
      ...['job', 'add', '--name', 'Photos', '--type', 'custom_dir', '--config'],
      JSON.stringify({ source_path: folder }),
      ...['--cron', '0 3 1 1 *', '--retention', 'count:3'],
    ])
    const { archive_name: name } = (await jerry.json(['job', 'run', 'Photos', '--wait'])) as {
      archive_name: string
    }
    const sent = await jerry.json(['archive', 'send', name, '--to', 'tom', '--wait'])
    expect(sent).toMatchObject({ status: 'success' })
    const [here, there] = await Promise.all(
      [jerry, tom].map(async (one) =>
        createHash('sha256')
          .update(await readFile(join(one.archivesDir, `${name}.tar`)))
          .digest('hex'),
      ),
    )
    expect(there).toBe(here)
  })
})
