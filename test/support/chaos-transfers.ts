// Many small archives sent to a real instance through a proxy that misbehaves by seed; for the tests and for the measurements.
import { createHash, randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { peerHttp } from '../../src/destinations/peer-http/index.ts'
import { isProblem, problems } from '../../src/domain/problem.ts'
import type { Cargo, CarrierIo } from '../../src/destinations/carrier.ts'
import { createPeerHttp } from '../../src/sys/peer-http/create.ts'
import { memoryChunks } from '../../src/destinations/peer-http/carrier-world.ts'
import { createChaosProxy } from './chaos-proxy.ts'
import { createTestServer } from './server.ts'
import { smallestTar } from './smallest-tar.ts'

const chunkBytes = 65_536

export interface ChaosResult {
  readonly transfers: number
  /** Archives whose SHA-256 at the receiver is that of the sender. */
  readonly equal: number
  /** Of all archives. */
  readonly bytes: number
  readonly sentTwice: number
  /** Requests that were cut off, lost, truncated or refused by the proxy. */
  readonly faults: number
  /** Whole attempts that failed and were begun again. */
  readonly again: number
}

/** `seed` decides sizes and faults. Starts one real server and ends it. */
export async function chaosTransfers(count: number, seed: number): Promise<ChaosResult> {
  const server = await createTestServer({}, { BM_INSTANCE_NAME: 'tom' })
  const http = createPeerHttp({ allowInsecure: true })
  const proxy = await createChaosProxy({
    target: { host: '127.0.0.1', port: server.port },
    seed,
    http: {},
    plan: {
      cut: { share: 0.06, afterBytes: [0, 90_000] },
      delay: { share: 0.05, ms: [1, 30] },
      truncate: { share: 0.03 },
      lose: { share: 0.03 },
      duplicate: { share: 0.04 },
      refuse: { share: 0.02 },
    },
  })
  try {
    await server.serve()
    const { secret } = (await server.json(['token', 'create', 'chaos', '--scopes', 'upload'])) as {
      secret: string
    }
    const direct = { url: server.url, key: secret, certPin: null }
    const target = { ...direct, url: `http://127.0.0.1:${proxy.port}` }
    const total = { bytes: 0, sent: 0, equal: 0, again: 0 }
    for (let n = 1; n <= count; n += 1) {
      const bytes = smallestTar(randomBytes(1 + ((n * 7919 + seed) % (12 * chunkBytes))))
      const cargo = cargoOf(`chaos_app_2026${String(n).padStart(4, '0')}`, bytes)
      // Begun with small chunks before, so that a small archive has many: the sender then gets this very upload back.
      const signal = AbortSignal.timeout(120_000)
      const begun = await http.request(direct, {
        ...{ method: 'POST', path: '/archives/upload/start', signal },
        json: {
          filename: cargo.file,
          total_size: cargo.sizeBytes,
          chunk_size: chunkBytes,
          checksum: cargo.sha256,
          info: cargo.info,
        },
      })
      if (begun.status !== 201) throw new Error(`start: ${begun.status} ${JSON.stringify(begun.json)}`)
      const io: CarrierIo = {
        signal,
        progress: (_done, sent) => void (total.sent += sent),
        throttle: () => Promise.resolve(),
        say: () => undefined,
      }
      const carrier = peerHttp(http, { sleep: () => Promise.resolve(), random: () => 0 })
      for (;;) {
        try {
          await carrier.send({ target, cargo, chunks: memoryChunks(bytes), parallel: 2 }, io)
          break
        } catch (error) {
          if (
            !isProblem(error) ||
            (problems[error.code].retry === 'never' && error.code !== 'upload_not_found')
          )
            throw error
          total.again += 1
        }
      }
      const there = await readFile(join(server.archivesDir, cargo.file))
      if (sha256(there) === cargo.sha256) total.equal += 1
      total.bytes += bytes.length
    }
    const { cuts, truncated, lost } = proxy.counts
    return {
      transfers: count,
      equal: total.equal,
      bytes: total.bytes,
      sentTwice: total.sent - total.bytes,
      faults: cuts + truncated + lost,
      again: total.again,
    }
  } finally {
    http.close()
    await proxy.close()
    await server.dispose()
  }
}

/** `null` when it is met: re-sent bytes at most 2 % and one chunk per fault. */
export function overTheBar(result: ChaosResult): string | null {
  const allowed = 0.02 * result.bytes + result.faults * chunkBytes
  if (result.equal !== result.transfers) return `${result.transfers - result.equal} archives differ`
  return result.sentTwice <= allowed ? null : `${result.sentTwice} bytes twice, ${allowed} allowed`
}

function cargoOf(name: string, bytes: Buffer): Cargo {
  return {
    name,
    file: `${name}.tar`,
    sizeBytes: bytes.length,
    sha256: sha256(bytes),
    info: {
      description: '',
      created_at: 1_778_200_000,
      size: 1,
      apps: {},
      system: {},
      from_yunohost_version: '12.1.38',
    },
    backupInfo: null,
  }
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}
