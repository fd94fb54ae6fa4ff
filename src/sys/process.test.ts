import { randomUUID } from 'node:crypto'
import { open, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { isAlive, pidsIn, program } from '../../test/support/programs/programs.ts'
import { temporaryFolder } from '../../test/support/temp.ts'
import { CommandError, run, type Ended, type RunOptions } from './process.ts'

/** The error of a command that must fail. */
async function failure(file: string, args: string[], options?: RunOptions): Promise<CommandError> {
  const error = await run(file, args, options).then(
    () => new Error('the command succeeded'),
    (error: unknown) => error,
  )
  if (!(error instanceof CommandError)) throw error
  return error
}

async function ending(file: string, args: string[], options?: RunOptions): Promise<Ended> {
  return (await failure(file, args, options)).ended
}

test('a command that ends well gives its output and the end of what it complained', async () => {
  const done = await run('sh', ['-c', 'cat; echo careful >&2'], { stdin: 'à boire\n' })
  expect(done).toEqual({ code: 0, stdout: 'à boire\n', stderrTail: 'careful\n' })
})

test('arguments are given as they are, no shell reads them', async () => {
  const { stdout } = await run('printf', ['%s|', '$HOME', '`id`', 'a b', "'"])
  expect(stdout).toBe("$HOME|`id`|a b|'|")
})

test('a failing exit code is an error that carries it, unless it is accepted', async () => {
  const error = await failure(program('print-and-die'), ['3'])
  expect(error.ended).toEqual({ how: 'exit', code: 3 })
  expect(error.stderrTail).toBe('what went wrong\n')
  expect((await run(program('print-and-die'), ['3'], { okCodes: [0, 3] })).code).toBe(3)
})

test('the message of a failure does not hold the arguments', async () => {
  const error = await failure('sh', ['-c', 'exit 1', 'hunter2'])
  expect(error.message).toBe('sh: exit 1')
})

test('a command that dies by a signal says which', async () => {
  expect(await ending(program('print-and-die'), ['0', 'ABRT'])).toEqual({ how: 'signal', signal: 'SIGABRT' })
})

test('a program that does not exist is told apart from one that fails', async () => {
  expect(await ending('no-such-program-here', [])).toEqual({ how: 'not_found' })
  const file = join(await temporaryFolder(), 'not-executable')
  await writeFile(file, 'true\n', { mode: 0o644 })
  expect(await ending(file, [])).toEqual({ how: 'not_found' })
})

test('a missing working directory is not taken for a missing program', async () => {
  await expect(run('true', [], { cwd: '/no/such/folder' })).rejects.toMatchObject({ code: 'ENOENT' })
  await expect(run('true', [], { cwd: '/no/such/folder' })).rejects.not.toBeInstanceOf(CommandError)
})

test('a signal that was aborted before means that nothing is started', async () => {
  const folder = await temporaryFolder()
  const ended = await ending('touch', [join(folder, 'made')], { signal: AbortSignal.abort() })
  expect(ended).toEqual({ how: 'cancelled', forced: false })
  await expect(readFile(join(folder, 'made'))).rejects.toMatchObject({ code: 'ENOENT' })
})

test('cancelling ends a command that listens to SIGTERM without force', async () => {
  const controller = new AbortController()
  const ended = await ending(program('hang'), [], {
    signal: controller.signal,
    onStdoutLine: () => controller.abort(),
  })
  expect(ended).toEqual({ how: 'cancelled', forced: false })
})

test('cancelling ends a command and a grandchild that ignore SIGTERM and hold the output', async () => {
  const pids = join(await temporaryFolder(), 'pids')
  const controller = new AbortController()
  const ended = await ending(program('ignore-term'), [pids], {
    signal: controller.signal,
    graceMs: 200,
    onStdoutLine: () => controller.abort(),
  })
  expect(ended).toEqual({ how: 'cancelled', forced: true })
  expect((await pidsIn(pids)).map(isAlive)).toEqual([false, false])
})

test('cancelling finds a grandchild that left the session by the mark of its operation', async () => {
  const pids = join(await temporaryFolder(), 'pids')
  const controller = new AbortController()
  const ended = await ending(program('new-session'), [pids], {
    signal: controller.signal,
    graceMs: 200,
    env: { BM_OPERATION: randomUUID() },
    onStdoutLine: () => controller.abort(),
  })
  expect(ended).toEqual({ how: 'cancelled', forced: true })
  expect((await pidsIn(pids)).map(isAlive)).toEqual([false])
})

test('an unmarked grandchild in another session does not keep the caller waiting', async () => {
  const pids = join(await temporaryFolder(), 'pids')
  const controller = new AbortController()
  const ended = await ending(program('new-session'), [pids], {
    signal: controller.signal,
    graceMs: 200,
    onStdoutLine: () => controller.abort(),
  })
  expect(ended).toEqual({ how: 'cancelled', forced: false })
  const [pid] = await pidsIn(pids)
  expect(pid !== undefined && process.kill(pid, 'SIGKILL')).toBe(true)
})

test('a timeout ends the whole tree as well', async () => {
  const pids = join(await temporaryFolder(), 'pids')
  const ended = await ending(program('ignore-term'), [pids], { timeoutMs: 500, graceMs: 100 })
  expect(ended).toEqual({ how: 'timeout', forced: true })
  expect((await pidsIn(pids)).map(isAlive)).toEqual([false, false])
})

test('the first reason wins: a cancel during the end of a timeout changes nothing', async () => {
  const controller = new AbortController()
  const started = ending(program('ignore-term'), [], {
    timeoutMs: 300,
    graceMs: 600,
    signal: controller.signal,
  })
  setTimeout(() => controller.abort(), 500)
  expect(await started).toEqual({ how: 'timeout', forced: true })
})

test('more output than may be kept ends the command', async () => {
  expect(await ending(program('flood'), [], { maxStdout: 100_000 })).toEqual({ how: 'output_limit' })
})

test('output that is not kept has no limit', async () => {
  let lines = 0
  const done = await run('seq', ['1', '300000'], { maxStdout: 0, onStdoutLine: () => (lines += 1) })
  expect(done.stdout).toBe('')
  expect(lines).toBe(300_000)
})

test('a command waits while its reader is not ready', async () => {
  const controller = new AbortController()
  let lines = 0
  let chunks = 0
  const ended = ending(program('flood'), [], {
    maxStdout: 0,
    signal: controller.signal,
    onStdoutLine: () => (lines += 1),
    ready: () => {
      chunks += 1
      if (chunks === 3) setTimeout(() => controller.abort(), 200)
      return chunks < 3 ? undefined : new Promise<void>(() => undefined)
    },
  })
  expect((await ended).how).toBe('cancelled')
  expect(lines).toBeLessThan(20_000)
})

test('lines come one by one, also the last one without its end', async () => {
  const out: string[] = []
  const err: string[] = []
  await run(program('print-and-die'), ['0'], {
    onStdoutLine: (line) => out.push(line),
    onStderrLine: (line) => err.push(line),
  })
  expect(out).toEqual(['one line', 'a line without its end'])
  expect(err).toEqual(['what went wrong'])
})

test('the environment is our own and nothing of the caller is inherited', async () => {
  process.env['BM_TEST_SECRET'] = 'hunter2'
  const { stdout } = await run('env', [], { env: { GIVEN: 'yes' } })
  delete process.env['BM_TEST_SECRET']
  const names = stdout
    .trim()
    .split('\n')
    .map((line) => line.split('=')[0])
  expect(new Set(names)).toEqual(new Set(['GIVEN', 'HOME', 'LC_ALL', 'PATH']))
  expect(stdout).toContain('LC_ALL=C.UTF-8')
})

test('standard output can go into a file', async () => {
  const file = join(await temporaryFolder(), 'out')
  const handle = await open(file, 'w')
  const done = await run('seq', ['1', '3'], { stdoutFd: handle.fd })
  await handle.close()
  expect(done.stdout).toBe('')
  expect(await readFile(file, 'utf8')).toBe('1\n2\n3\n')
})

test('a command that does not read its input is not a failure', async () => {
  const done = await run('true', [], { stdin: 'x'.repeat(4_000_000) })
  expect(done.code).toBe(0)
})

test('only the end of a long complaint is kept', async () => {
  const { stderrTail } = await run('sh', ['-c', 'seq 1 100000 >&2'])
  expect(stderrTail.length).toBe(4096)
  expect(stderrTail.endsWith('100000\n')).toBe(true)
})
