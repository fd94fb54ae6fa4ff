// Started by crash.test.ts: writes runs for ever and prints each one's id once its end is stored.
import { randomUUID } from 'node:crypto'
import { writeSync } from 'node:fs'
import { openDatabase } from '../database.ts'
import { findJob } from '../jobs.ts'
import { claimRun, finishRun, insertRun, setRunProgress } from '../runs.ts'
import { addJob, runEnd, T0 } from '../testing.ts'

const [, , file = ''] = process.argv
const { db } = await openDatabase(file, { now: T0 })
const job = (await findJob(db, 'crash')) ?? (await addJob(db, { name: 'crash' }))
for (;;) {
  const order = { jobId: job.id, trigger: 'manual', actor: 'child', queuedAt: T0, notBefore: T0 } as const
  const run = await insertRun(db, { ...order, operation: randomUUID() })
  if (!run) throw new Error('a run was left open')
  await claimRun(db, run.id, T0)
  await setRunProgress(db, run.id, run.id, null)
  await finishRun(db, run.id, runEnd({ sizeBytes: run.id, logTail: 'x'.repeat(2000) }))
  writeSync(1, `${run.id}\n`)
}
