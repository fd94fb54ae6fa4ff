// Counts the bytes of one attempt: the row is told once a second, pages when the row is, the pace at once.
import type { Transfer } from '../../domain/transfer.ts'
import { setTransferProgress } from '../../store/transfers.ts'
import type { EngineDeps } from '../deps.ts'
import type { TransferPace } from '../federation.ts'
import { createPace } from './pace.ts'

const WRITE_EVERY_MS = 1000

export interface Meter {
  /** Of how many bytes; a fetch learns that when it begins. */
  total(bytes: number): void
  /** `inFlight` is what the row does not count: what went out unanswered, and what is not stored yet. */
  read(): TransferPace | null
  /** So many bytes begin to go over the wire. */
  moved(bytes: number): void
  /** See `CarrierIo.progress`. */
  progress(done: number, sent: number): void
  /** True when the other side has more than ever before. */
  progressed(): boolean
  /** Writes what is not written yet. Never rejects. */
  flush(): Promise<void>
}

export function createMeter(deps: EngineDeps, transfer: Transfer, changed: () => void): Meter {
  const pace = createPace()
  let bytesDone = transfer.bytesDone
  /** What the row says. */
  let stored = bytesDone
  let moreSent = 0
  /** Went out, and nobody said yet what became of it. */
  let underWay = 0
  let lastAt = -WRITE_EVERY_MS
  let dirty = false
  let writing: Promise<void> = Promise.resolve()

  const write = (): void => {
    lastAt = performance.now()
    const told = { bytesDone, moreSent }
    moreSent = 0
    dirty = false
    writing = writing
      .then(() => setTransferProgress(deps.db, transfer.id, told))
      .then(() => void (stored = told.bytesDone))
      .then(changed, (error: unknown) => {
        moreSent += told.moreSent
        dirty = true
        deps.log.warn({ err: error, transfer: transfer.id }, 'could not store the progress of a transfer')
      })
  }
  let total = transfer.bytesTotal
  return {
    total: (bytes) => void (total = bytes),
    read() {
      const known = pace.read(total === null ? null : Math.max(0, total - bytesDone - underWay))
      return known && { ...known, inFlight: underWay + Math.max(0, bytesDone - stored) }
    },
    moved(bytes) {
      pace.moved(bytes)
      underWay += bytes
    },
    progress(done, sent) {
      bytesDone = done
      moreSent += sent
      dirty = true
      underWay = Math.max(0, underWay - sent)
      if (performance.now() - lastAt >= WRITE_EVERY_MS) write()
    },
    progressed: () => bytesDone > transfer.bytesDone,
    async flush() {
      await writing
      if (!dirty) return
      write()
      await writing
    },
  }
}
