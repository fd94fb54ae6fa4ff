// Starts a run and waits for it: the server executes it when there is one, this process does otherwise.
import { isTerminal } from '../domain/run-state.ts'
import type { Run } from '../domain/run.ts'
import { getRun } from '../store/runs.ts'
import type { CliContext, Instance } from './context.ts'
import { cliActor } from './with-instance.ts'

const LOOK_MS = 200

/** Ends what a process that was killed has left behind. False when somebody is executing runs, and knows better. */
export async function recoverIfAlone(instance: Instance): Promise<boolean> {
  const lock = instance.lock()
  if (!lock) return false
  try {
    await instance.engine.recover()
    return true
  } finally {
    lock.release()
  }
}

/**
 * The run as it ended. Ctrl-C cancels it, wherever it executes. A server that stops, or another command line that ends,
 * meanwhile leaves the work to this process.
 */
export async function executeAndWait(context: CliContext, instance: Instance, queued: Run): Promise<Run> {
  const off = context.onSignal(() => {
    instance.engine.cancelRun(queued.id, cliActor()).catch((error: unknown) => {
      context.stderr.write(`could not cancel: ${String(error)}\n`)
    })
  })
  try {
    for (;;) {
      const run = await getRun(instance.db, queued.id)
      if (run && isTerminal(run.status)) return run
      const lock = instance.lock()
      if (lock) {
        try {
          await instance.engine.start({ schedule: false, only: queued.id })
          return await instance.engine.waitForRun(queued.id)
        } finally {
          await instance.engine.stop()
          lock.release()
        }
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
    }
  } finally {
    off()
  }
}
