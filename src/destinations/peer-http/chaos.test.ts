// Many small transfers with a peer that misbehaves by seed: whatever happens, what arrives is what was there.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { randomOf } from '../../archive/fuzz-world.ts'
import { testAuthority } from '../../../test/support/certificates.ts'
import { createChaosProxy } from '../../../test/support/chaos-proxy.ts'
import { temporaryFolder } from '../../../test/support/temp.ts'
import {
  bytesOf,
  cargoOf,
  kib64,
  memoryChunks,
  noPauses,
  recordingIo,
  seededFaults,
  untilItSucceeds,
} from './carrier-world.ts'
import { loopbackHttp } from './http-world.ts'
import { peerHttp } from './index.ts'
import { startReceiver } from './receiver-world.ts'

const seeds = 100
/** Thousands of requests, on a machine that may be busy. */
const patience = 300_000

test(
  '100 archives sent through faults arrive equal, with one chunk more per cut at most',
  { timeout: patience },
  async () => {
    const receiver = await startReceiver(kib64)
    let faults = 0
    let twice = 0
    for (let seed = 1; seed <= seeds; seed++) {
      const random = randomOf(seed)
      const bytes = bytesOf(1 + random.below(8 * kib64))
      const cargo = cargoOf(bytes, `jerry_app${seed}_20260508`)
      const order = {
        target: receiver.target,
        cargo,
        chunks: memoryChunks(bytes, 1 + random.below(40_000)),
        parallel: 1 + random.below(4),
      }
      receiver.fault = seededFaults(seed, 2 + random.below(6))
      receiver.cuts = 0
      const io = recordingIo()
      await untilItSucceeds(() => peerHttp(loopbackHttp(), noPauses()).send(order, io))

      expect(receiver.archives.get(cargo.name)?.equals(bytes), `seed ${seed}`).toBe(true)
      const resent = io.sent - bytes.length
      expect(resent, `seed ${seed}`).toBeLessThanOrEqual(receiver.cuts * kib64 + 0.02 * bytes.length)
      faults += receiver.cuts
      twice += resent
      receiver.uploads.clear()
      receiver.archives.clear()
    }
    // The peer did misbehave.
    expect(faults).toBeGreaterThan(seeds / 3)
    expect(twice).toBeGreaterThan(0)
  },
)

test(
  '100 archives fetched through faults arrive equal, and no byte comes twice that was kept',
  { timeout: patience },
  async () => {
    const folder = await temporaryFolder()
    const receiver = await startReceiver(kib64)
    let cuts = 0
    for (let seed = 1; seed <= seeds; seed++) {
      const random = randomOf(seed)
      const bytes = bytesOf(1 + random.below(8 * kib64))
      const wanted = cargoOf(bytes, `jerry_app${seed}_20260508`)
      receiver.archives.set(wanted.name, bytes)
      const faults = seededFaults(seed, 2 + random.below(3))
      let anew = 0
      receiver.fault = (what) => {
        const fault = faults(what)
        if (fault?.how === 'whole') anew += 1
        return fault
      }
      const part = join(folder, `${seed}.part`)
      const io = recordingIo()
      const order = { target: receiver.target, wanted, part }
      receiver.bytesOut = 0
      receiver.cuts = 0
      const got = await untilItSucceeds(() => peerHttp(loopbackHttp(), noPauses()).fetch(order, io))

      expect(got, `seed ${seed}`).toEqual({ sizeBytes: bytes.length, sha256: wanted.sha256 })
      expect((await readFile(part)).equals(bytes), `seed ${seed}`).toBe(true)
      // Only what the peer itself sent once more came twice.
      expect(io.sent, `seed ${seed}`).toBeLessThanOrEqual(bytes.length * (1 + anew))
      cuts += receiver.cuts
      receiver.archives.clear()
    }
    expect(cuts).toBeGreaterThan(seeds / 3)
  },
)

test(
  'connections over TLS that are cut anywhere cost a chunk each at most, in both directions',
  { timeout: patience },
  async () => {
    const folder = await temporaryFolder()
    const receiver = await startReceiver(kib64, (await testAuthority(folder)).leaf())
    const { port } = new URL(receiver.target.url)
    const proxy = await createChaosProxy({
      target: { host: '127.0.0.1', port: Number(port) },
      seed: 4,
      plan: { cut: { share: 1, afterBytes: [1, 8 * kib64] }, delay: { share: 0.2, ms: [1, 5] } },
    })
    onTestFinished(() => proxy.close())
    const target = { ...receiver.target, url: `https://127.0.0.1:${proxy.port}` }
    const http = loopbackHttp()
    let all = 0
    for (let seed = 1; seed <= 40; seed++) {
      const bytes = bytesOf(1 + randomOf(seed).below(8 * kib64))
      const cargo = cargoOf(bytes, `jerry_app${seed}_20260508`)
      const part = join(folder, `${seed}.part`)
      const before = proxy.counts.cuts
      const [out, back] = [recordingIo(), recordingIo()]
      const order = { target, cargo, chunks: memoryChunks(bytes), parallel: 2 }
      await untilItSucceeds(() => peerHttp(http, noPauses()).send(order, out))
      const cuts = proxy.counts.cuts - before
      await untilItSucceeds(() => peerHttp(http, noPauses()).fetch({ target, wanted: cargo, part }, back))

      expect(receiver.archives.get(cargo.name)?.equals(bytes), `seed ${seed}`).toBe(true)
      expect((await readFile(part)).equals(bytes), `seed ${seed}`).toBe(true)
      expect(out.sent, `seed ${seed}`).toBeLessThanOrEqual(1.02 * bytes.length + cuts * kib64)
      expect(back.sent, `seed ${seed}`).toBe(bytes.length)
      all += proxy.counts.cuts - before
    }
    expect(all).toBeGreaterThan(20)
  },
)
