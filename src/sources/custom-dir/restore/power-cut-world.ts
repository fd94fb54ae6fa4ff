// A machine that dies in the middle of a restore, at a moment of the test's choice. Tests only.
import { readFileSync, writeFileSync } from 'node:fs'
import type { RestoreOptions } from '../../../domain/restore.ts'
import { expect } from 'vitest'
import { journalPath, newJournal } from '../../restore/journal.ts'
import { recoverRestore } from '../../restore/transaction.ts'
import type { Change, RestoreTransaction, SourceIo } from '../../source.ts'
import { customDir } from '../index.ts'
import type { RestoreWorld } from './restore-world.ts'

export class PowerCut extends Error {}

/** Where the machine dies: at the nth change, right after it was announced, or once it was made. */
export interface Cut {
  readonly change: number
  readonly when: 'announced' | 'made'
}

/** A transaction without a journal: nobody would put anything back. */
export function bareTransaction(will: (change: Change) => Promise<void>): RestoreTransaction {
  return {
    step: (_, work) => work(),
    remark: () => undefined,
    commit: () => Promise.resolve(),
    will,
  }
}

/**
 * Carries a plan out without anybody who would put things back, and stops at the cut. True when it was reached; past the
 * last change, the restore is committed and what is left to tidy up is not.
 */
async function runInto(
  world: RestoreWorld,
  cut: Cut,
  options: RestoreOptions,
  io: SourceIo,
): Promise<boolean> {
  const request = world.request(options)
  const plan = await customDir.restore.plan(request, io)
  if (plan.refusals.length > 0) throw new Error(`refused: ${JSON.stringify(plan.refusals)}`)
  const journal = newJournal(io.places.archivesDir, io.operation)
  let count = 0
  const tx: RestoreTransaction = {
    ...bareTransaction(async (change) => {
      if (count === cut.change && cut.when === 'made') throw new PowerCut()
      await journal.add(change)
      count += 1
      if (count === cut.change && cut.when === 'announced') throw new PowerCut()
    }),
    commit: () => journal.commit(),
  }
  try {
    await customDir.restore.apply(request, plan, tx, io)
  } catch (error) {
    if (error instanceof PowerCut) return true
    throw error
  }
  if (count === cut.change && cut.when === 'made') return true
  await journal.commit()
  return false
}

/** What the next start does, twice: the second time as if the machine had died right before it was told of the end. */
async function recover(world: RestoreWorld, options: RestoreOptions, io: SourceIo): Promise<string> {
  const path = journalPath(io.places.archivesDir, io.operation)
  const journal = readFileSync(path)
  const fresh = { ...world.io(), places: io.places }
  const first = await recoverRestore(customDir, world.request(options), io.operation, fresh)
  writeFileSync(path, journal)
  const second = await recoverRestore(customDir, world.request(options), io.operation, fresh)
  if (first.status !== second.status)
    throw new Error(`${first.status}, then ${second.status}: ${second.problem?.detail}`)
  return first.problem === null ? first.status : `${first.status}: ${first.problem.code}`
}

/**
 * Restores again and again, each time with a power cut at another moment, and recovers. `look.former`
 * looks at the machine that everything was put back on; `look.restored` once, after a cut behind the last change, which
 * ends it. Returns the number of changes.
 */
export async function atEveryMoment(
  world: RestoreWorld,
  options: RestoreOptions,
  look: { former(moment: string): void; restored(): void },
  makeIo: () => SourceIo = () => world.io(),
): Promise<number> {
  for (let change = 1; ; change += 1) {
    for (const when of ['announced', 'made'] as const) {
      const io = makeIo()
      const cut = await runInto(world, { change, when }, options, io)
      const ended = await recover(world, options, io)
      const moment = `change ${change} ${when}`
      expect(ended, moment).toBe(cut ? 'rolled_back: interrupted' : 'success')
      if (cut) look.former(moment)
      else look.restored()
      if (!cut) return change - 1
    }
  }
}
