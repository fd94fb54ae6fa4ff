// Waits for a run: the server executes it when there is one, this process does otherwise.
import type { Run } from '../domain/run.ts'
import type { CliContext, Instance } from './context.ts'
import { cliActor } from './with-instance.ts'

/** The run as it ended. Ctrl-C cancels it, wherever it executes. */
export async function executeAndWait(context: CliContext, instance: Instance, queued: Run): Promise<Run> {
  const off = context.onSignal(() => {
    instance.engine.cancelRun(queued.id, cliActor()).catch((error: unknown) => {
      context.stderr.write(`could not cancel: ${String(error)}\n`)
    })
  })
  const lock = instance.lock()
  try {
    if (!lock) return await instance.engine.waitForRun(queued.id)
    await instance.engine.start({ schedule: false, only: queued.id })
    return await instance.engine.waitForRun(queued.id)
  } finally {
    off()
    if (lock) {
      await instance.engine.stop()
      lock.release()
    }
  }
}
