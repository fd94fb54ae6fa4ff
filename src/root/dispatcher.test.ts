import { randomUUID } from 'node:crypto'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { eventually } from '../../test/support/eventually.ts'
import { isAlive, pidsIn, program } from '../../test/support/programs/programs.ts'
import { ask, sourceThat, talk } from '../../test/support/helper-conversation.ts'
import { temporaryFolder } from '../../test/support/temp.ts'
import { killMarked } from '../sys/process-tree.ts'
import { run } from '../sys/process.ts'

const estimateOf = { type: 'test_source', settings: { path: '/x' }, thorough: false }

test('a request is answered with exactly one last frame', async () => {
  const { input, last, frames, served } = await talk()
  ask(input, 'disk', {})
  expect(await last()).toMatchObject({ t: 'result', value: { freeBytes: expect.any(Number) } })
  expect(frames).toHaveLength(1)
  expect(await served).toBe(true)
})

test.each([
  ['no JSON', 'hunter2 is not JSON\n', /not JSON/],
  ['another protocol', `{"protocol":2,"operation":"${randomUUID()}","verb":"disk","args":{}}\n`, /protocol/],
  [
    'an operation that is no UUID',
    '{"protocol":1,"operation":"../x","verb":"disk","args":{}}\n',
    /operation/,
  ],
  ['an unknown verb', `{"protocol":1,"operation":"${randomUUID()}","verb":"hunter2","args":{}}\n`, /verb/],
  ['a list', '[]\n', /request/],
  ['nothing', '\n', /not JSON/],
  ['too much', `${'x'.repeat(1_100_000)}\n`, /longer than/],
])('a request that is %s is refused, and not quoted', async (_, request, reason) => {
  const { input, last, text } = await talk()
  input.write(request)
  expect(await last()).toMatchObject({
    t: 'problem',
    code: 'helper_refused',
    facts: { reason: expect.stringMatching(reason) },
  })
  expect(text()).not.toContain('hunter2')
})

test.each([
  ['archive.delete', { name: '../../etc/passwd' }, /name/],
  ['archive.verify', { name: 'a\0b' }, /name/],
  ['catalogue.read', { names: 'all' }, /names/],
  ['hook', { command: '', env: {} }, /command/],
  ['source.produce', { type: 'test_source', settings: {}, archive: { name: 'a/b' } }, /archive.name/],
  ['recover', { operations: [{ operation: 'x', archiveName: null }] }, /operation/],
])('%s refuses arguments of another form by their names', async (verb, args, reason) => {
  const { input, last } = await talk()
  ask(input, verb, args)
  expect(await last()).toMatchObject({
    code: 'helper_refused',
    facts: { reason: expect.stringMatching(reason) },
  })
})

test('a request that never comes ends the helper', async () => {
  const { last } = await talk({ requestWithinMs: 50 })
  expect(await last()).toMatchObject({
    code: 'helper_refused',
    facts: { reason: 'no request came within 50 ms' },
  })
})

test('half a request, and then nothing, ends the helper as well', async () => {
  const { input, last } = await talk({ requestWithinMs: 50 })
  input.write('{"protocol":1,')
  expect(await last()).toMatchObject({ code: 'helper_refused' })
})

test('somebody who goes before asking is not waited for', async () => {
  const { input, last } = await talk()
  input.end('{"protocol":1,')
  expect(await last()).toMatchObject({ code: 'cancelled' })
})

test('a request may come in pieces', async () => {
  const { input, last } = await talk()
  const request = `${JSON.stringify({ protocol: 1, operation: randomUUID(), verb: 'disk', args: {} })}\nmore`
  for (const byte of Buffer.from(request)) input.write(Buffer.from([byte]))
  expect(await last()).toMatchObject({ t: 'result' })
})

test('settings that the source does not accept are refused by name, without their values', async () => {
  const { input, last, text } = await talk({ source: sourceThat(async () => undefined) })
  ask(input, 'source.check', { type: 'test_source', settings: { path: '/x', password: 'hunter2' } })
  expect(await last()).toMatchObject({
    code: 'helper_refused',
    facts: { reason: 'settings of test_source: password' },
  })
  expect(text()).not.toContain('hunter2')
})

test('a source nobody knows is a problem of its own', async () => {
  const { input, last } = await talk()
  ask(input, 'source.check', { type: 'tape', settings: {} })
  expect(await last()).toMatchObject({ code: 'source_unknown', facts: { type: 'tape' } })
})

test('what a source finds wrong is the result of a check', async () => {
  const { input, last } = await talk({ source: sourceThat(async () => undefined) })
  ask(input, 'source.check', { type: 'test_source', settings: { path: '/x' } })
  expect(await last()).toEqual({
    t: 'result',
    value: { errors: [{ field: 'config.path', code: 'path_missing' }] },
  })
})

test('progress is thinned out and its last value arrives before the result', async () => {
  const { input, last, frames } = await talk({
    source: sourceThat(async (io) => {
      for (let done = 0; done <= 10_000; done += 1) io.progress(done, 10_000)
    }),
  })
  ask(input, 'source.estimate', estimateOf)
  expect((await last())?.t).toBe('result')
  expect(frames.slice(0, -1)).toEqual([
    { t: 'progress', done: 0, total: 10_000 },
    { t: 'progress', done: 10_000, total: 10_000 },
  ])
})

test('a command that fails is told with its complaint but without its arguments', async () => {
  const source = sourceThat(async (io) => {
    await io.run('sh', ['-c', 'echo no such table >&2; exit 2', 'hunter2'])
  })
  const { input, last, text } = await talk({ source })
  ask(input, 'source.estimate', estimateOf)
  expect(await last()).toEqual({
    t: 'problem',
    code: 'command_failed',
    facts: { command: 'sh', detail: 'exit 2' },
    errors: [],
    detail: 'sh: exit 2\nno such table',
  })
  expect(text()).not.toContain('hunter2')
})

test('every command carries the mark of the operation and what the helper adds', async () => {
  const { input, last, frames } = await talk({ env: { ADDED: 'yes' } })
  const operation = ask(input, 'hook', {
    command: 'echo "$BM_OPERATION $ADDED $GIVEN"',
    env: { GIVEN: 'x', BM_OPERATION: 'forged' },
  })
  expect(await last()).toEqual({ t: 'result', value: { exitCode: 0 } })
  expect(frames[0]).toEqual({ t: 'log', stream: 'out', text: `${operation} yes x` })
})

test('a hook that dies by a signal has the exit code a shell would give', async () => {
  const { input, last } = await talk()
  ask(input, 'hook', { command: 'kill -KILL $$', env: {} })
  expect(await last()).toEqual({ t: 'result', value: { exitCode: 137 } })
})

test('hanging up ends the whole tree before the answer', async () => {
  const pids = join(await temporaryFolder(), 'pids')
  const { input, last } = await talk()
  ask(input, 'hook', { command: `${program('ignore-term')} ${pids}`, env: {} })
  const running = await pidsIn(pids)
  input.end()
  expect(await last()).toMatchObject({ t: 'problem', code: 'cancelled' })
  expect(running.map(isAlive)).toEqual([false, false])
})

test('a reader that goes away is a hang-up too', async () => {
  const pids = join(await temporaryFolder(), 'pids')
  const { input, output, served } = await talk()
  ask(input, 'hook', { command: `${program('hang')} ${pids}`, env: {} })
  const running = await pidsIn(pids)
  output.destroy()
  expect(await served).toBe(false)
  expect(running.map(isAlive)).toEqual([false])
})

test('a helper that is told to stop ends its commands', async () => {
  const pids = join(await temporaryFolder(), 'pids')
  const stop = new AbortController()
  const { input, last } = await talk({ signal: stop.signal })
  ask(input, 'hook', { command: `${program('hang')} ${pids}`, env: {} })
  const running = await pidsIn(pids)
  stop.abort()
  expect(await last()).toMatchObject({ code: 'cancelled' })
  expect(running.map(isAlive)).toEqual([false])
})

test('what a source leaves running is ended and told', async () => {
  const pids = join(await temporaryFolder(), 'pids')
  const source = sourceThat(async (io) => {
    await io.run(program('daemon'), [pids])
  })
  const { input, last, frames } = await talk({ source })
  ask(input, 'source.estimate', estimateOf)
  expect(await last()).toMatchObject({ t: 'result' })
  expect((await pidsIn(pids)).map(isAlive)).toEqual([false])
  expect(frames[0]).toEqual({ t: 'log', stream: 'info', text: 'ended 1 processes that were left running' })
})

test('what a hook starts on purpose stays, also through the backup that follows', async () => {
  const pids = join(await temporaryFolder(), 'pids')
  const operation = randomUUID()
  const first = await talk()
  ask(first.input, 'hook', { command: `${program('daemon')} ${pids}`, env: {} }, operation)
  expect(await first.last()).toEqual({ t: 'result', value: { exitCode: 0 } })
  const second = await talk({ source: sourceThat(async () => undefined) })
  ask(second.input, 'source.estimate', estimateOf, operation)
  expect(await second.last()).toMatchObject({ t: 'result' })
  expect((await pidsIn(pids)).map(isAlive)).toEqual([true])
  expect(killMarked(operation, 'SIGKILL')).toBe(1)
})

test('a command is not read faster than its output is taken', async () => {
  const slow = new PassThrough({ highWaterMark: 1024 })
  const { input, served } = await talk({ output: slow })
  ask(input, 'hook', { command: program('flood'), env: {} })
  await eventually(() => slow.writableNeedDrain)
  let held = -1
  await eventually(() => {
    const same = slow.writableLength === held
    held = slow.writableLength
    return same
  })
  // One read of the pipe at most, as frames, and not the endless rest.
  expect(held).toBeLessThan(1_000_000)
  slow.resume()
  input.end()
  expect(await served).toBe(true)
})

test('recover ends what operations left running and removes their unfinished files only', async () => {
  const archivesDir = await temporaryFolder()
  const pids = join(await temporaryFolder(), 'pids')
  const operation = randomUUID()
  await run(program('daemon'), [pids], { env: { BM_OPERATION: operation } })
  const files = [
    'jerry_a.tar',
    'jerry_b.tar',
    'jerry_b.info.json',
    '.jerry_a.tar.partial',
    '.jerry_a.info.json.0a1b2c3d4e5f.partial',
  ]
  for (const file of files) await writeFile(join(archivesDir, file), '{}')
  await mkdir(join(archivesDir, 'folder'))
  const places = { archivesDir, dataDir: archivesDir, yunohost: ['yunohost'], systemRoot: '' }
  const { input, last } = await talk({ places })
  ask(input, 'recover', {
    operations: [
      { operation, archiveName: 'jerry_a' },
      { operation: randomUUID(), archiveName: null },
    ],
  })
  expect(await last()).toMatchObject({ t: 'result', value: { killed: 1 } })
  expect((await pidsIn(pids)).map(isAlive)).toEqual([false])
  expect(new Set(await readdir(archivesDir))).toEqual(new Set(['jerry_b.tar', 'jerry_b.info.json', 'folder']))
})
