// Tells whoever waits for a transfer why it waits itself, and until when.
import type { Writable } from 'node:stream'
import { localIso } from '../domain/iso-time.ts'
import { Problem } from '../domain/problem.ts'
import { withoutSeries } from '../domain/transfer-retry.ts'
import type { Transfer } from '../domain/transfer.ts'
import { errorLines } from './output.ts'

/**
 * To be given the transfer at every look: writes each new reason in words, with the time of the next try, and only that
 * time when it waits once more for the same reason. Nothing is written twice in a row.
 */
export function createWaitingTeller(out: Writable, timeZone: string): (transfer: Transfer) => void {
  let toldWhy = ''
  let toldUntil = 0
  return (transfer) => {
    const { id, status, wanted, notBefore } = transfer
    if (status !== 'waiting' || wanted !== null) return
    const why = reasonOf(transfer)
    if (why === toldWhy && notBefore === toldUntil) return
    const lines = why === toldWhy ? [`transfer ${id} still waits`] : [`transfer ${id} waits: ${why}`]
    out.write(`${[...lines, `next try: ${localIso(notBefore, timeZone)}`].join('\n  ')}\n`)
    toldWhy = why
    toldUntil = notBefore
  }
}

function reasonOf({ errorCode, errorFacts }: Transfer): string {
  if (errorCode === null) return 'the hours of its destination have not come'
  return errorLines(new Problem(errorCode, withoutSeries(errorFacts))).join('\n  ')
}
