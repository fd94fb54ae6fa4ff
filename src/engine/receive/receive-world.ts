// What the tests of this folder share: a receiving engine on a temporary folder, and a sender of small chunks.
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { engineBench, type Answers, type EngineBench } from '../../../test/support/engine.ts'
import type { WireUploadStart } from '../../domain/api/archives.ts'
import type { VerbArgs } from '../../domain/helper-protocol.ts'
import { Problem } from '../../domain/problem.ts'
import type { Caller } from '../../domain/token.ts'
import { insertPeer } from '../../store/peers.ts'
import type { UploadStarted } from '../federation.ts'
import { createUploads, type UploadsControl } from './uploads.ts'

export const chunkBytes = 65_536
export const archiveName = 'tom_photos_20260508'

export interface ReceiveWorld {
  readonly bench: EngineBench
  uploads: UploadsControl
  readonly caller: Caller
  readonly file: Buffer
  readonly digest: string
  /** The same folder and database in a new process, so to speak. */
  restart(): Promise<void>
  start(change?: Partial<WireUploadStart>, caller?: Caller): Promise<UploadStarted>
  /** Starts an upload that is open afterwards; its id. */
  open(change?: Partial<WireUploadStart>): Promise<string>
  /** Chunk `n` of the file, or other bytes; said to be what it is unless told otherwise. */
  send(id: string, n: number, given?: Sent): Promise<unknown>
  sendAll(id: string): Promise<void>
}

export interface Sent {
  readonly bytes?: Uint8Array
  readonly length?: number
  readonly digest?: string
  readonly body?: AsyncIterable<Uint8Array>
  readonly signal?: AbortSignal
  readonly caller?: Caller
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** What YunoHost needs to know of any archive. */
export const goodInfo = {
  description: 'photos',
  created_at: 1_778_234_400,
  size: 1,
  size_details: { system: {}, apps: {} },
  apps: {},
  system: { data_custom: ['/etc/yunohost/hooks.d/backup/95-data_custom'] },
  from_yunohost_version: '12.1.36',
}

/** A body in pieces. */
export async function* pieces(bytes: Uint8Array, size = 10_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) {
    await Promise.resolve()
    yield bytes.subarray(at, at + size)
  }
}

/** A peer's token here. */
export async function peerCaller(
  bench: EngineBench,
  name: string,
  change: Partial<Parameters<typeof insertPeer>[1]> = {},
): Promise<Caller> {
  const peerId = await insertPeer(
    bench.deps.db,
    {
      uid: null,
      name,
      url: `https://${name}.example`,
      sealedKey: '',
      publicKey: null,
      certPin: null,
      scopes: null,
      quotaBytes: null,
      quotaCount: null,
      holdDays: 0,
      ssh: null,
      ...change,
    },
    bench.deps.clock.now(),
  )
  return {
    tokenId: peerId,
    actor: `peer:${name}`,
    owner: `peer:${peerId}`,
    name,
    peerId,
    scopes: ['upload', 'delete'],
  }
}

/** `sizeBytes`: of the file; it has random bytes. `answers`: what the root helper says instead of doing well. */
export async function receiveWorld(
  options: { readonly sizeBytes?: number; readonly answers?: Answers; readonly silenceMs?: number } = {},
): Promise<ReceiveWorld> {
  const bench = await engineBench({
    disk: () => ({ totalBytes: 10 ** 12, freeBytes: 5 * 10 ** 11 }),
    'receive.place': () => ({ folder: null }),
    'receive.publish': (args) => publish(bench.deps.archivesDir, args),
    'catalogue.read': ({ names }) => ({
      archives: names.map((name) => ({ name, info: goodInfo, backupInfo: null, error: null })),
    }),
    ...options.answers,
  })
  const create = () =>
    createUploads(bench.deps, options.silenceMs === undefined ? {} : { silenceMs: options.silenceMs })
  const caller = await peerCaller(bench, 'tom')
  const file = randomBytes(options.sizeBytes ?? 4 * chunkBytes + 100)
  const world: ReceiveWorld = {
    bench,
    uploads: create(),
    caller,
    file,
    digest: sha256(file),
    async restart() {
      await world.uploads.close()
      world.uploads = create()
      await world.uploads.recover()
    },
    start: (change = {}, by = caller) =>
      world.uploads.start(by, {
        filename: `${archiveName}.tar`,
        total_size: file.length,
        chunk_size: chunkBytes,
        checksum: world.digest,
        info: goodInfo,
        ...change,
      }),
    async open(change) {
      const started = await world.start(change)
      if (started.kind === 'present') throw new Error('it is here already')
      return started.upload.id
    },
    send(id, n, given = {}) {
      const bytes = given.bytes ?? file.subarray(n * chunkBytes, (n + 1) * chunkBytes)
      const chunk = {
        length: given.length ?? bytes.length,
        digest: given.digest ?? sha256(bytes),
        body: given.body ?? pieces(bytes),
      }
      const signal = given.signal ?? new AbortController().signal
      return world.uploads.chunk(given.caller ?? caller, id, n, chunk, signal)
    },
    async sendAll(id) {
      for (let n = 0; n * chunkBytes < file.length; n += 1) await world.send(id, n)
    },
  }
  return world
}

/** As the root helper does it: what was put in place before is found. */
function publish(archivesDir: string, order: VerbArgs['receive.publish']) {
  mkdirSync(archivesDir, { recursive: true })
  const target = join(archivesDir, order.file)
  if (existsSync(order.part)) {
    if (existsSync(target)) throw new Problem('archive_exists', { name: order.name })
    writeFileSync(join(archivesDir, `${order.name}.info.json`), JSON.stringify(order.info))
    renameSync(order.part, target)
  }
  return { file: order.file, fingerprint: `1:${order.sizeBytes}:1:1`, sizeBytes: statSync(target).size }
}
