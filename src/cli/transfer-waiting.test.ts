import { Writable } from 'node:stream'
import { expect, test } from 'vitest'
import type { Transfer } from '../domain/transfer.ts'
import { text } from './output.ts'
import { createWaitingTeller } from './transfer-waiting.ts'

const noon = Date.UTC(2026, 4, 8, 10)
const hour = 3_600_000
const quota: Transfer = {
  id: 3,
  direction: 'send',
  archiveName: 'a',
  destinationId: 1,
  mode: 'auto',
  chosen: 'http',
  status: 'waiting',
  trigger: 'manual',
  actor: 'admin',
  attempt: 1,
  notBefore: noon,
  queuedAt: 0,
  startedAt: 0,
  finishedAt: null,
  bytesDone: 0,
  bytesTotal: 1000,
  bytesSent: 0,
  errorCode: 'quota_exceeded',
  errorFacts: { failures: 1, failingSince: 0 },
  wanted: null,
}

function teller() {
  let written: string[] = []
  const out = new Writable({
    write(chunk, _encoding, done) {
      written.push(String(chunk))
      done()
    },
  })
  const tell = createWaitingTeller(out, 'Europe/Paris')
  return (change: Partial<Transfer> = {}) => {
    written = []
    tell({ ...quota, ...change })
    return written.join('')
  }
}

test('a reason is told in words, with the time of the next try, once', () => {
  const told = teller()
  const first = told()
  expect(first).toContain(`transfer 3 waits: ${text('problem.quota_exceeded.title')}\n`)
  expect(first).toContain(text('problem.quota_exceeded.hint'))
  expect(first).toMatch(/\n  next try: 2026-05-08T12:00:00\+02:00\n$/)
  expect(told()).toBe('')
})

test('waiting once more for the same reason tells only the new time', () => {
  const told = teller()
  told()
  expect(told({ status: 'running' })).toBe('')
  const again = told({ notBefore: noon + hour, errorFacts: { failures: 2, failingSince: 0 } })
  expect(again).toBe('transfer 3 still waits\n  next try: 2026-05-08T13:00:00+02:00\n')
})

test('another reason is told, and so are hours that have not come', () => {
  const told = teller()
  told()
  expect(told({ errorCode: 'peer_unreachable', errorFacts: {} })).toContain(
    text('problem.peer_unreachable.title'),
  )
  expect(told({ errorCode: null })).toContain('waits: the hours of its destination have not come\n')
})

test('nothing is told of one that does not wait, or is being paused or cancelled', () => {
  const told = teller()
  for (const status of ['queued', 'running', 'paused', 'error', 'success', 'cancelled'] as const)
    expect(told({ status })).toBe('')
  expect(told({ wanted: 'cancel' })).toBe('')
})
