import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { eventually } from '../../../test/support/eventually.ts'
import { queueIn, sendQueue } from './send-queue.ts'

const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1
   1: 0100007F:A001 0100007F:1F90 01 0001F400:00000000 01:00000018 00000000     0        0 2 2
`

test('what the kernel still has to send is found by both ports', () => {
  expect(queueIn(table, 0xa001, 0x1f90)).toBe(128_000)
  expect(queueIn(table, 0x1f90, 0xa001)).toBeNull()
  expect(queueIn('', 1, 2)).toBeNull()
  expect(queueIn('garbage\n\n1: 2', 1, 2)).toBeNull()
})

test('a connection that nobody reads from has something waiting, one that is read from has not', async () => {
  let other: Socket | undefined
  const server = createServer((socket) => {
    other = socket.pause()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  onTestFinished(() => {
    socket.destroy()
    other?.destroy()
    server.close()
  })
  await new Promise((resolve) => socket.once('connect', resolve))
  expect(await sendQueue(socket)).toBe(0)
  socket.write(Buffer.alloc(30_000_000))
  await eventually(async () => ((await sendQueue(socket)) ?? 0) > 0)
  other?.resume()
  await eventually(async () => (await sendQueue(socket)) === 0)
})
