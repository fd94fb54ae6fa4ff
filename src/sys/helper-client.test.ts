import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { eventually } from '../../test/support/eventually.ts'
import { isAlive, pidsIn, program } from '../../test/support/programs/programs.ts'
import { socketUnit } from '../../test/support/socket-unit.ts'
import { temporaryFolder } from '../../test/support/temp.ts'
import { createHelper, type Helper, type HelperTarget } from './helper-client.ts'
import { findMarked } from './process-tree.ts'

const support = (name: string) =>
  fileURLToPath(new URL(`../../test/support/programs/${name}`, import.meta.url))
const entry = support('root-helper.ts')

/** A hook whose processes ignore SIGTERM or leave the session; says `all` once they run and wrote their ids. */
function awkward(files: readonly [string, string]): string {
  const [first, second] = files
  const wait = `while [ ! -s ${first} ] || [ ! -s ${second} ]; do sleep 0.02; done`
  return `${program('ignore-term')} ${first} & ${program('new-session')} ${second} & ${wait}; echo all; wait`
}

interface Bench {
  readonly folder: string
  readonly helper: Helper
}

async function bench(kind: HelperTarget['kind'], extra: Record<string, string> = {}): Promise<Bench> {
  const folder = await temporaryFolder()
  const env = { BM_ARCHIVES_DIR: folder, BM_DATA_DIR: folder, ...extra }
  if (kind === 'direct') return { folder, helper: createHelper({ target: { kind, entry }, env }) }
  if (kind === 'command') {
    // As sudo does it: nothing of the caller's environment arrives.
    await writeFile(
      join(folder, 'env'),
      Object.entries(env)
        .map(([k, v]) => `${k}='${v}'\n`)
        .join(''),
    )
    const argv = ['env', '-i', process.execPath, entry, 'root-helper', '--env-file', join(folder, 'env')]
    return { folder, helper: createHelper({ target: { kind, argv } }) }
  }
  const unit = await socketUnit(process.execPath, [entry, 'root-helper'], env)
  return { folder, helper: createHelper({ target: { kind, path: unit.path } }) }
}

async function parentOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1')
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
}

describe.each(['direct', 'command', 'socket'] as const)('over %s', (kind) => {
  test('a verb is asked and answered', async () => {
    const { helper } = await bench(kind)
    const disk = await helper.call('disk', {})
    expect(disk.totalBytes).toBeGreaterThan(disk.freeBytes)
    expect(disk.freeBytes).toBeGreaterThan(0)
  })

  test('lines come in their order and a failing command is a result with its exit code', async () => {
    const { helper } = await bench(kind)
    const seen: string[] = []
    const result = await helper.call(
      'hook',
      { command: 'seq 1 5000; echo "$GIVEN"; exit 7', env: { GIVEN: 'à table' } },
      { onFrame: (frame) => frame.t === 'log' && seen.push(frame.text) },
    )
    expect(result).toEqual({ exitCode: 7 })
    expect(seen).toEqual([...Array.from({ length: 5000 }, (_, i) => String(i + 1)), 'à table'])
  })

  test('hanging up ends what ignores SIGTERM and what left the session, then the call is cancelled', async () => {
    const { helper, folder } = await bench(kind)
    const stop = new AbortController()
    const files = [join(folder, 'pids0'), join(folder, 'pids1')] as const
    const call = helper.call(
      'hook',
      { command: awkward(files), env: {} },
      { signal: stop.signal, onFrame: (frame) => frame.t === 'log' && frame.text === 'all' && stop.abort() },
    )
    await expect(call).rejects.toMatchObject({ name: 'Problem', code: 'cancelled' })
    const pids = [...(await pidsIn(files[0])), ...(await pidsIn(files[1]))]
    expect(pids.map(isAlive)).toEqual([false, false, false])
  })

  test('a problem comes with its code and facts', async () => {
    const { helper } = await bench(kind, { BM_ARCHIVES_DIR: '/nowhere/archives' })
    await expect(helper.call('disk', {})).rejects.toMatchObject({
      code: 'archives_dir_missing',
      facts: { path: '/nowhere/archives' },
    })
  })
})

test('kill -9 of the server ends what its helper runs', async () => {
  const folder = await temporaryFolder()
  const files = [join(folder, 'pids0'), join(folder, 'pids1')] as const
  const operation = randomUUID()
  const server = spawn(process.execPath, [support('helper-caller.ts'), entry, operation, awkward(files)])
  const running = [...(await pidsIn(files[0])), ...(await pidsIn(files[1]))]
  expect(running.map(isAlive)).toEqual([true, true, true])
  server.kill('SIGKILL')
  await eventually(() => running.every((pid) => !isAlive(pid)), 'the end of everything', 20_000)
  await eventually(() => findMarked(operation).length === 0)
})

test('a helper that was killed is reported, and what it had started is ended', async () => {
  const { helper, folder } = await bench('direct')
  const operation = randomUUID()
  const pids = join(folder, 'pids')
  const command = `${program('ignore-term')} ${pids}`
  const call = helper.call('hook', { command, env: {} }, { operation })
  const outcome = call.catch((error: unknown) => error)
  const running = await pidsIn(pids)
  const parent = await parentOf(Math.min(...findMarked(operation)))
  process.kill(parent, 'SIGKILL')
  expect(await outcome).toMatchObject({ code: 'helper_unavailable' })
  expect(running.map(isAlive)).toEqual([false, false])
})

test('a helper that does not end after hanging up is killed', async () => {
  const folder = await temporaryFolder()
  const pids = join(folder, 'pids')
  const stubborn = join(folder, 'stubborn.js')
  await writeFile(
    stubborn,
    `require('fs').writeFileSync(${JSON.stringify(pids)}, process.pid + '\\n')
     console.log('{"t":"log","stream":"out","text":"hello"}')
     setInterval(() => {}, 1000)`,
  )
  const helper = createHelper({ target: { kind: 'direct', entry: stubborn }, patienceMs: 200 })
  const stop = new AbortController()
  const call = helper.call('disk', {}, { signal: stop.signal, onFrame: () => stop.abort() })
  await expect(call).rejects.toMatchObject({ code: 'cancelled' })
  expect((await pidsIn(pids)).map(isAlive)).toEqual([false])
})

test.each([
  ['a helper that cannot be started', { kind: 'command', argv: ['no-such-helper'] }, /no-such-helper/],
  ['a socket nobody listens on', { kind: 'socket', path: '/nowhere/helper.sock' }, /ENOENT/],
  [
    'a helper that fails with a word',
    { kind: 'command', argv: ['sh', '-c', 'echo no rights >&2; exit 1'] },
    /no rights/,
  ],
  ['a helper that says nothing', { kind: 'command', argv: ['true'] }, /without an answer: exit 0/],
  ['an answer that is not JSON', { kind: 'command', argv: ['echo', 'Welcome!'] }, /not a frame: Welcome!/],
  ['an answer of another form', { kind: 'command', argv: ['echo', '{"t":"dance"}'] }, /unknown form/],
] satisfies [string, HelperTarget, RegExp][])(
  '%s is helper_unavailable with the reason',
  async (_, target, reason) => {
    const helper = createHelper({ target })
    await expect(helper.call('disk', {})).rejects.toMatchObject({
      code: 'helper_unavailable',
      facts: { reason: expect.stringMatching(reason) },
    })
  },
)

test('a code this server does not know becomes internal and names it', async () => {
  const frame = JSON.stringify({ t: 'problem', code: 'brand_new', facts: {}, errors: [], detail: 'why' })
  const helper = createHelper({ target: { kind: 'command', argv: ['echo', frame] } })
  await expect(helper.call('disk', {})).rejects.toMatchObject({
    code: 'internal',
    facts: { detail: 'brand_new' },
  })
})

test('a signal that was aborted before starts no helper', async () => {
  const folder = await temporaryFolder()
  const helper = createHelper({ target: { kind: 'command', argv: ['touch', join(folder, 'started')] } })
  const call = helper.call('disk', {}, { signal: AbortSignal.abort() })
  await expect(call).rejects.toMatchObject({ code: 'cancelled' })
  await expect(writeFile(join(folder, 'started'), '', { flag: 'wx' })).resolves.toBeUndefined()
})

test('arguments of another form do not leave the server', async () => {
  const helper = createHelper({ target: { kind: 'command', argv: ['no-such-helper'] } })
  await expect(helper.call('archive.delete', { name: '../etc' })).rejects.toMatchObject({
    code: 'helper_refused',
  })
})

test('what a listener throws ends the call with that error', async () => {
  const { helper } = await bench('direct')
  const operation = randomUUID()
  const call = helper.call(
    'hook',
    { command: 'echo x; sleep 1000', env: {} },
    {
      operation,
      onFrame: () => {
        throw new RangeError('no more')
      },
    },
  )
  await expect(call).rejects.toThrow(RangeError)
  expect(findMarked(operation)).toEqual([])
})
