import { randomUUID } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { describe, expect, test } from 'vitest'
import { temporaryFolder } from '../../../test/support/temp.ts'
import { Problem } from '../../domain/problem.ts'
import type { RestorePlan, StepState } from '../../domain/restore.ts'
import type { AnySource, RestoreTransaction, SourceIo } from '../source.ts'
import { journalPath, readJournal } from './journal.ts'
import { carryOut, recoverRestore } from './transaction.ts'

/** A source whose restore replaces three small files; `at` may fail, stop or hang anywhere. */
async function world(at: (moment: string) => void | Promise<void> = () => undefined) {
  const dir = await temporaryFolder()
  const archivesDir = join(dir, 'archives')
  await mkdir(archivesDir)
  for (const name of ['a', 'b', 'c']) await writeFile(join(dir, name), 'former')
  const stop = new AbortController()
  const log: string[] = []
  const io: SourceIo = {
    run: () => Promise.reject(new Error('no program was expected')),
    signal: stop.signal,
    log: (_, text) => void log.push(text),
    progress: () => undefined,
    places: { archivesDir, dataDir: dir, yunohost: [], systemRoot: '' },
    operation: randomUUID(),
    now: () => 0,
  }
  const changes = {
    replace: {
      async undo({ path }: { readonly path?: unknown }) {
        await at(`undo ${String(path)}`)
        const there = await stat(`${String(path)}.former`).catch(() => null)
        if (there) await rename(`${String(path)}.former`, String(path))
      },
      async finish({ path }: { readonly path?: unknown }) {
        await at(`finish ${String(path)}`)
        await rm(`${String(path)}.former`, { force: true })
      },
    },
  }
  const apply = async (_request: unknown, _plan: unknown, tx: RestoreTransaction) => {
    await tx.step('put_files_in_place', async () => {
      for (const name of ['a', 'b', 'c']) {
        const path = join(dir, name)
        await tx.will({ kind: 'replace', data: { path } })
        await at(`announced ${name}`)
        await rename(path, `${path}.former`)
        await at(`moved ${name}`)
        await writeFile(path, 'new')
        await at(`written ${name}`)
      }
    })
    await tx.step('run_commands', async () => at('commands'))
    await tx.commit()
    await at('committed')
  }
  const source = {
    id: 'fake',
    settings: z.strictObject({}),
    restore: { changes, apply },
  } as unknown as AnySource
  const plan: RestorePlan = {
    archive: 'x',
    type: 'fake',
    target: dir,
    steps: [
      { code: 'put_files_in_place', facts: {} },
      { code: 'run_commands', facts: {} },
      { code: 'start_service', facts: {} },
      { code: 'remove_former', facts: {} },
    ],
    warnings: [],
    refusals: [],
    replaces: true,
    safety: null,
    bytes: null,
    files: null,
  }
  const request = { archive: 'x', settings: {}, options: {} }
  const states: StepState[] = plan.steps.map(() => 'waiting')
  const go = () => carryOut(source, request, plan, io, (i, state) => void (states[i] = state))
  const contents = async () => {
    const found = (await readdir(dir)).filter((name) => /^[abc](\.former)?$/.test(name)).toSorted()
    return Promise.all(found.map(async (name) => `${name}=${await readFile(join(dir, name), 'utf8')}`))
  }
  return { dir, archivesDir, io, stop, log, source, plan, request, states, go, contents }
}

const former = ['a=former', 'b=former', 'c=former']
const restored = ['a=new', 'b=new', 'c=new']
const moments = ['a', 'b', 'c'].flatMap((name) => [`announced ${name}`, `moved ${name}`, `written ${name}`])

/** What happens to the code when the machine dies: it never comes back. */
class Dead extends Error {}

describe('a restore that is carried out', () => {
  test('changes everything, tidies up, and tells the state of every step', async () => {
    const it = await world()
    expect(await it.go()).toEqual({ status: 'success', problem: null, remarks: [] })
    expect(await it.contents()).toEqual(restored)
    expect(it.states).toEqual(['done', 'done', 'skipped', 'done'])
  })

  test('keeps its outcome for a server that has died meanwhile, until it was told', async () => {
    const it = await world()
    await it.go()
    const told = await recoverRestore(it.source, it.request, it.io.operation, it.io)
    expect(told).toEqual({ found: true, status: 'success', problem: null, remarks: [] })
    expect(await it.contents()).toEqual(restored)
    expect(await readdir(it.archivesDir)).toEqual([])
  })

  test.each([...moments, 'commands'])('that fails (%s) leaves everything as it was', async (moment) => {
    const it = await world((now) => {
      if (now === moment) throw new Problem('command_failed', { command: 'x' })
    })
    const outcome = await it.go()
    expect(outcome).toMatchObject({ status: 'rolled_back', problem: { code: 'command_failed' } })
    expect(await it.contents()).toEqual(former)
    expect(it.states[0]).toBe(moment === 'commands' ? 'undone' : 'failed')
    const told = await recoverRestore(it.source, it.request, it.io.operation, it.io)
    expect(told).toEqual({ ...outcome, found: true })
    expect(await it.contents()).toEqual(former)
    expect(await readdir(it.archivesDir)).toEqual([])
  })

  test('that is cancelled in the middle leaves everything as it was, and its put-back is not cancelled', async () => {
    const it = await world((now) => {
      if (now === 'written b') it.stop.abort()
    })
    expect(await it.go()).toMatchObject({ status: 'rolled_back', problem: { code: 'cancelled' } })
    expect(await it.contents()).toEqual(former)
  })

  test('that was cancelled before it changed anything says that nothing was changed', async () => {
    const it = await world()
    it.stop.abort()
    expect(await it.go()).toMatchObject({ status: 'error', problem: { code: 'cancelled' } })
    expect(await it.contents()).toEqual(former)
  })

  test('that cannot put one thing back puts the rest back, says what is where, and keeps its journal', async () => {
    const it = await world((now) => {
      if (now === 'commands') throw new Error('broken')
      if (now.startsWith('undo') && now.endsWith('/b')) throw new Error('disk gone')
    })
    const outcome = await it.go()
    expect(outcome).toMatchObject({ status: 'error', problem: { code: 'put_back_failed' } })
    expect(outcome.problem?.detail).toContain(join(it.dir, 'b'))
    expect(await it.contents()).toEqual(['a=former', 'b=new', 'b.former=former', 'c=former'])
    expect(await readJournal(it.archivesDir, it.io.operation)).not.toBeNull()
  })

  test('that cannot tidy up is a success with a remark', async () => {
    const it = await world((now) => {
      if (now.startsWith('finish')) throw new Error('busy')
    })
    const outcome = await it.go()
    expect(outcome).toMatchObject({ status: 'success', remarks: [{ code: 'former_left' }] })
  })

  test('refuses a change that nobody knows how to take back', async () => {
    const it = await world()
    const source = { ...it.source, restore: { ...it.source.restore, changes: {} } }
    const outcome = await carryOut(source, it.request, it.plan, it.io, () => undefined)
    expect(outcome.status).toBe('error')
    expect(await it.contents()).toEqual(former)
  })
})

describe('after a crash', () => {
  /** Runs until the moment, and leaves everything as it is then. */
  async function crashAt(moment: string) {
    let dead = false
    const it = await world((now) => {
      // A dead process takes nothing back either.
      if (dead) throw new Dead()
      if (now === moment) {
        dead = true
        throw new Dead()
      }
    })
    const before = await it.go()
    expect(before.status === 'error' || before.status === 'success').toBe(true)
    dead = false
    const again = await world()
    return { ...it, source: again.source }
  }

  test.each(moments)('%s: the next start puts everything back, however often it is asked', async (moment) => {
    const it = await crashAt(moment)
    const found = await recoverRestore(it.source, it.request, it.io.operation, {
      ...it.io,
      operation: randomUUID(),
    })
    expect(found).toMatchObject({ found: true, status: 'rolled_back' })
    expect(await it.contents()).toEqual(former)
    expect(await readdir(it.archivesDir)).toEqual([])
    const again = await recoverRestore(it.source, it.request, it.io.operation, it.io)
    expect(again).toMatchObject({ found: false })
    expect(await it.contents()).toEqual(former)
  })

  test('behind the point of no return the next start finishes', async () => {
    const it = await world((now) => {
      if (now === 'committed') throw new Dead()
    })
    const journal = journalPath(it.archivesDir, it.io.operation)
    // What the machine would have found: the journal as the commit left it, nothing tidied up.
    let saved = ''
    const source = {
      ...it.source,
      restore: {
        ...it.source.restore,
        changes: {
          replace: {
            undo: async () => Promise.reject(new Error('must not be undone')),
            finish: async () => {
              saved ||= await readFile(journal, 'utf8')
              throw new Dead()
            },
          },
        },
      },
    }
    await carryOut(source, it.request, it.plan, it.io, () => undefined)
    await writeFile(journal, saved)
    const found = await recoverRestore(it.source, it.request, it.io.operation, it.io)
    expect(found).toMatchObject({ found: true, status: 'success' })
    expect(await it.contents()).toEqual(restored)
  })

  test('a journal that cannot be read is said, not taken for none', async () => {
    const it = await world()
    await writeFile(journalPath(it.archivesDir, it.io.operation), '{"version":1,"pha')
    await expect(recoverRestore(it.source, it.request, it.io.operation, it.io)).rejects.toMatchObject({
      code: 'record_damaged',
    })
  })
})
