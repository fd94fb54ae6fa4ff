import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { isAlive, pidsIn, program } from '../../test/support/programs/programs.ts'
import { temporaryFolder } from '../../test/support/temp.ts'
import { endTree, findGroup, findMarked, killMarked } from './process-tree.ts'
import { run } from './process.ts'

/** Leaves a process behind that has this mark and no parent. */
async function leaveBehind(operation: string): Promise<number> {
  const pids = join(await temporaryFolder(), 'pids')
  await run(program('daemon'), [pids], { env: { BM_OPERATION: operation } })
  const [pid] = await pidsIn(pids)
  if (pid === undefined) throw new Error('no process was left behind')
  return pid
}

test('marked processes are found wherever they went, and only those', async () => {
  const operation = randomUUID()
  const pid = await leaveBehind(operation)
  expect(findMarked(operation)).toEqual([pid])
  expect(findMarked(operation.slice(0, -1))).toEqual([])
  expect(findMarked(randomUUID())).toEqual([])
  expect(killMarked(operation, 'SIGKILL')).toBe(1)
})

test('ending a tree says how many there were and that nothing is left', async () => {
  const operation = randomUUID()
  const pid = await leaveBehind(operation)
  expect(await endTree({ operation }, 5000)).toEqual({ signalled: 1, forced: false, left: [] })
  expect(isAlive(pid)).toBe(false)
})

test('ending a tree of which nothing is left does nothing', async () => {
  expect(await endTree({ operation: randomUUID() }, 5000)).toEqual({ signalled: 0, forced: false, left: [] })
  expect(findGroup(2 ** 22 - 1)).toEqual([])
})

test('the process that looks for a mark never finds itself', async () => {
  const operation = randomUUID()
  const tree = new URL('process-tree.ts', import.meta.url).pathname
  const code = `const t = await import(process.argv[1]); console.log(t.findMarked(process.env.BM_OPERATION).length, t.killMarked(process.env.BM_OPERATION, 'SIGKILL'))`
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', code, tree], {
    env: { BM_OPERATION: operation },
  })
  expect(stdout.trim()).toBe('0 0')
})
