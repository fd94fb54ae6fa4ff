// Waits for queued work: the server executes it when there is one, this process does otherwise.
import { isTerminal } from '../domain/run-state.ts'
import type { Restore } from '../domain/restore.ts'
import type { Run } from '../domain/run.ts'
import type { Transfer } from '../domain/transfer.ts'
import { getRestore } from '../store/restores.ts'
import { getRun } from '../store/runs.ts'
import { getTransfer } from '../store/transfers.ts'
import type { CliContext, Instance } from './context.ts'
import { createWaitingTeller } from './transfer-waiting.ts'
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

/** The run as it ended: see {@link finish}. */
export function executeAndWait(context: CliContext, instance: Instance, queued: Run): Promise<Run> {
  return finish(context, instance, {
    only: { run: queued.id },
    ended: async () => {
      const run = await getRun(instance.db, queued.id)
      return run && isTerminal(run.status) ? run : null
    },
    wait: () => instance.engine.waitForRun(queued.id),
    cancel: () => instance.engine.cancelRun(queued.id, cliActor()),
  })
}

/** The restore as it ended: see {@link finish}. */
export function executeRestoreAndWait(
  context: CliContext,
  instance: Instance,
  queued: Restore,
): Promise<Restore> {
  return finish(context, instance, {
    only: { restore: queued.id },
    ended: async () => {
      const restore = await getRestore(instance.db, queued.id)
      return restore && restore.finishedAt !== null ? restore : null
    },
    wait: () => instance.engine.waitForRestore(queued.id),
    cancel: () => instance.engine.cancelRestore(queued.id, cliActor()),
  })
}

/** The transfer as it ended, or was paused: see {@link finish}. Why it waits meanwhile goes to standard error. */
export function executeTransferAndWait(
  context: CliContext,
  instance: Instance,
  queued: Transfer,
): Promise<Transfer> {
  const tellWaiting = createWaitingTeller(context.stderr, instance.config.timeZone)
  const ended = async (): Promise<Transfer | null> => {
    const transfer = await getTransfer(instance.db, queued.id)
    if (transfer) tellWaiting(transfer)
    return transfer && (transfer.finishedAt !== null || transfer.status === 'paused') ? transfer : null
  }
  return finish(context, instance, {
    only: { transfer: queued.id },
    ended,
    async wait() {
      for (;;) {
        const transfer = await ended()
        if (transfer) return transfer
        await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
      }
    },
    cancel: () => instance.engine.transfers.cancel(queued.id, cliActor()),
  })
}

interface Queued<T> {
  readonly only: { readonly run: number } | { readonly restore: number } | { readonly transfer: number }
  /** Null while it is queued or under way. */
  ended(): Promise<T | null>
  wait(): Promise<T>
  cancel(): Promise<unknown>
}

/**
 * Waits for the end. Ctrl-C cancels, wherever it executes. A server that stops, or another command line that ends,
 * meanwhile leaves the work to this process.
 */
async function finish<T>(context: CliContext, instance: Instance, queued: Queued<T>): Promise<T> {
  const off = context.onSignal(() => {
    queued.cancel().catch((error: unknown) => {
      context.stderr.write(`could not cancel: ${String(error)}\n`)
    })
  })
  try {
    for (;;) {
      const ended = await queued.ended()
      if (ended) return ended
      const lock = instance.lock()
      if (lock) {
        try {
          await instance.engine.start({ schedule: false, only: queued.only })
          return await queued.wait()
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
