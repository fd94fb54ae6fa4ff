import { randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { eventually } from '../../test/support/eventually.ts'
import { isAlive, pidsIn, program } from '../../test/support/programs/programs.ts'
import { temporaryFolder } from '../../test/support/temp.ts'
import { CommandError, run, spawnLeashed } from '../sys/process.ts'

const entry = fileURLToPath(new URL('../../test/support/programs/root-helper.ts', import.meta.url))

function request(verb: string, args: unknown = {}): string {
  return `${JSON.stringify({ protocol: 1, operation: randomUUID(), verb, args })}\n`
}

/** Asks a helper and keeps the leash until its one frame has come. */
async function askOne(args: string[], env: Record<string, string>, line: string) {
  const helper = await spawnLeashed(process.execPath, [entry, 'root-helper', ...args], { env })
  helper.stdin.write(line)
  let text = ''
  helper.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  const ended = await helper.ended
  return {
    ended,
    frames: text
      .trim()
      .split('\n')
      .map((one): unknown => JSON.parse(one)),
  }
}

test('it ends by itself with 0 after its answer, though the leash is still held', async () => {
  const folder = await temporaryFolder()
  const { ended, frames } = await askOne(
    [],
    { BM_ARCHIVES_DIR: folder, BM_DATA_DIR: folder },
    request('disk'),
  )
  expect(ended).toEqual({ how: 'exit', code: 0 })
  expect(frames).toMatchObject([{ t: 'result', value: { totalBytes: expect.any(Number) } }])
})

test('a refusal is an answer too', async () => {
  const folder = await temporaryFolder()
  const { ended, frames } = await askOne([], { BM_ARCHIVES_DIR: folder, BM_DATA_DIR: folder }, 'hello\n')
  expect(ended).toEqual({ how: 'exit', code: 0 })
  expect(frames).toMatchObject([{ t: 'problem', code: 'helper_refused' }])
})

test('its places can come from a file, as sudo passes no environment', async () => {
  const folder = await temporaryFolder()
  const file = join(folder, 'env')
  await writeFile(file, `BM_ARCHIVES_DIR="/nowhere/of this file"\nBM_DATA_DIR=${folder}\n`)
  const { frames } = await askOne(['--env-file', file], {}, request('disk'))
  expect(frames).toMatchObject([{ code: 'archives_dir_missing', facts: { path: '/nowhere/of this file' } }])
})

test('commands find programs where the helper does, and see nothing else of its environment', async () => {
  const folder = await temporaryFolder()
  const path = `${folder}:/usr/bin:/bin`
  const env = { BM_ARCHIVES_DIR: folder, BM_DATA_DIR: folder, PATH: path, OTHER: 'hidden' }
  const { frames } = await askOne([], env, request('hook', { command: 'env | sort', env: {} }))
  const lines = frames.slice(0, -1).map((frame) => (frame as { text: string }).text)
  expect(lines).toContain(`PATH=${path}`)
  const names = lines.map((line) => line.split('=')[0])
  expect(names).toEqual(expect.arrayContaining(['BM_OPERATION', 'HOME', 'LC_ALL', 'PATH']))
  expect(names).not.toContain('OTHER')
  expect(names).not.toContain('BM_DATA_DIR')
})

test('files made by it are readable for the server: its umask is 022', async () => {
  const folder = await temporaryFolder()
  const env = { BM_ARCHIVES_DIR: folder, BM_DATA_DIR: folder }
  const { frames } = await askOne([], env, request('hook', { command: 'umask', env: {} }))
  expect(frames[0]).toEqual({ t: 'log', stream: 'out', text: '0022' })
})

test.each([
  [{ BM_DATA_DIR: '/data' }, 'BM_ARCHIVES_DIR'],
  [{ BM_ARCHIVES_DIR: 'relative', BM_DATA_DIR: '/data' }, 'BM_ARCHIVES_DIR'],
  [{ BM_ARCHIVES_DIR: '/archives' }, 'BM_DATA_DIR'],
])('it does not start without its places (%o)', async (env, name) => {
  const failure = run(process.execPath, [entry, 'root-helper'], { env, stdin: request('disk') })
  await expect(failure).rejects.toSatisfy(
    (error) =>
      error instanceof CommandError &&
      error.stderrTail.includes(name) &&
      error.ended.how === 'exit' &&
      error.ended.code === 78,
  )
})

test('SIGTERM to the helper ends what it runs and still answers', async () => {
  const folder = await temporaryFolder()
  const pids = join(folder, 'pids')
  const env = { BM_ARCHIVES_DIR: folder, BM_DATA_DIR: folder }
  const line = request('hook', { command: `echo $PPID; exec ${program('hang')} ${pids}`, env: {} })
  const helper = await spawnLeashed(process.execPath, [entry, 'root-helper'], { env })
  let text = ''
  helper.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  helper.stdin.write(line)
  const running = await pidsIn(pids)
  const own = await eventually(() => /"text":"([0-9]+)"/.exec(text)?.[1])
  process.kill(Number(own), 'SIGTERM')
  expect(await helper.ended).toEqual({ how: 'exit', code: 0 })
  expect(running.map(isAlive)).toEqual([false])
  expect(text.trim().split('\n').at(-1)).toContain('"code":"cancelled"')
})
