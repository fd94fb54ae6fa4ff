// Carries a restore out and kills itself, as a power cut would, right after something was announced or changed, or while a
// program is at it. A program of the tests only: `node killed-restore.ts JSON`.
import { run, type Run } from '../../../sys/process.ts'
import { carryOut } from '../../restore/transaction.ts'
import type { Places, RestoreTransaction, SourceIo } from '../../source.ts'
import { postgresql } from '../index.ts'

/** What the program is told as its one argument. */
export interface KilledRestore {
  readonly places: Places
  readonly archive: string
  readonly settings: Readonly<Record<string, unknown>>
  readonly operation: string
  /** Dies after the announcement or change with this number, counted from 1. */
  readonly dieAt?: number
  /** Dies so many milliseconds after a program was started that has this among its arguments or in its script. */
  readonly dieIn?: { readonly program: string; readonly afterMs: number }
}

/** What a program has in its arguments or its script when it changes anything. */
const changing = /--exit-on-error|(?:CREATE|ALTER|DROP|COMMENT|ANALYZE) ?/

async function main(given: KilledRestore): Promise<void> {
  let moments = 0
  const die = (): void => void process.kill(process.pid, 'SIGKILL')
  const moment = (): void => {
    moments += 1
    if (moments === given.dieAt) die()
  }
  const counted: Run = async (file, args, options = {}) => {
    const said = [...args, typeof options.stdin === 'string' ? options.stdin : ''].join(' ')
    if (given.dieIn && said.includes(given.dieIn.program)) setTimeout(die, given.dieIn.afterMs)
    const done = await run(file, args, { ...options, env: { ...options.env, BM_OPERATION: given.operation } })
    if (changing.test(said)) moment()
    return done
  }
  const io: SourceIo = {
    run: counted,
    signal: new AbortController().signal,
    log: () => undefined,
    progress: () => undefined,
    places: given.places,
    operation: given.operation,
    now: () => Date.parse('2026-05-08T03:00:00Z'),
  }
  const request = { archive: given.archive, settings: postgresql.settings.parse(given.settings), options: {} }
  const plan = await postgresql.restore.plan(request, { ...io, run })
  const telling = (tx: RestoreTransaction): RestoreTransaction => ({
    step: (code, work) => tx.step(code, work),
    remark: (remark) => tx.remark(remark),
    will: async (change) => {
      await tx.will(change)
      moment()
    },
    commit: async () => {
      await tx.commit()
      moment()
    },
  })
  const { restore } = postgresql
  const source = {
    ...postgresql,
    restore: {
      ...restore,
      apply: ((asked, made, tx, own) =>
        restore.apply(asked, made, telling(tx), own)) satisfies typeof restore.apply,
    },
  }
  const outcome = await carryOut(source, request, plan, io, () => undefined)
  process.stdout.write(JSON.stringify(outcome))
}

if (process.argv[1] === import.meta.filename) await main(JSON.parse(process.argv[2] ?? '') as KilledRestore)
