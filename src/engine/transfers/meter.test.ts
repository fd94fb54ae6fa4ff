import { expect, onTestFinished, test } from 'vitest'
import { transfersWorld } from './transfers-world.ts'

const NAME = 'jerry_photos_20260508'

test('what is on its way is known in memory, and done only when it is confirmed', async () => {
  const it = await transfersWorld()
  onTestFinished(() => it.transfers.close())
  await it.addArchive(NAME)
  const tom = await it.addPeer('tom')
  const { id } = await it.transfers.send({ archive: NAME, destinationId: tom.id, trigger: 'manual' }, 'admin')
  const seen: { readonly inFlight: number; readonly done: number }[] = []
  const look = async () => {
    const inFlight = it.transfers.pace(id)?.inFlight ?? -1
    seen.push({ inFlight, done: (await it.row(id)).bytesDone })
  }
  let before: number | null = null
  it.carriers.send = async (_, io) => {
    await io.throttle(500)
    await new Promise((resolve) => setTimeout(resolve, 5))
    await look()
    io.progress(500, 500)
    // What is shown does not go back until the row says it too.
    before = it.transfers.pace(id)?.inFlight ?? null
    while ((await it.row(id)).bytesDone === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    await new Promise((resolve) => setTimeout(resolve, 5))
    await look()
    await io.throttle(300)
    await look()
    // Refused: it has to go once more.
    io.progress(500, 300)
    await look()
  }
  it.transfers.open()
  await it.transfers.idle()
  expect(before).toBe(500)
  expect(seen).toEqual([
    { inFlight: 500, done: 0 },
    { inFlight: 0, done: 500 },
    { inFlight: 300, done: 500 },
    { inFlight: 0, done: 500 },
  ])
  expect(it.transfers.pace(id)).toBeNull()
})
