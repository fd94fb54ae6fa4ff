// Surroundings for tests of the transfers engine: peers with destinations, carriers that the test conducts, and what the peers
// would answer.
import { engineBench, type Answers, type EngineBench } from '../../../test/support/engine.ts'
import { eventually } from '../../../test/support/eventually.ts'
import type { CarrierIo, FetchByHttp, SendByHttp } from '../../destinations/carrier.ts'
import type { SendByRsync } from '../../destinations/peer-rsync/index.ts'
import type { PeerSsh } from '../../domain/peer.ts'
import type { Destination, Transfer } from '../../domain/transfer.ts'
import { Problem } from '../../domain/problem.ts'
import { destinationOfPeer } from '../../store/destinations.ts'
import { getArchive, setState } from '../../store/archives.ts'
import { ensurePeerDestination } from '../../store/peer-destination.ts'
import { insertPeer } from '../../store/peers.ts'
import { getTransfer } from '../../store/transfers.ts'
import type { PeerHttp, PeerRequest, PeerResponse } from '../../sys/peer-http.ts'
import { peerKeyPlace } from '../peers/target.ts'
import type { EngineDeps } from '../deps.ts'
import { createTransfers, type TransfersControl } from './transfers.ts'

type Send = (order: Parameters<SendByHttp>[0], io: CarrierIo) => Promise<void>
type Fetch = FetchByHttp
type Rsync = (order: Parameters<SendByRsync>[0], io: CarrierIo) => Promise<void>

export interface World extends EngineBench {
  readonly deps: EngineDeps
  readonly transfers: TransfersControl
  readonly carriers: { send: Send; fetch: Fetch; rsync: Rsync }
  /** Archives that went out, with the peer's name: `tom jerry_photos_20260508`. */
  readonly sent: string[]
  /** Requests to peers: `GET /archives?limit=1000`. */
  readonly asked: string[]
  /** Another process that works on the same database. */
  other(): TransfersControl
  addPeer(name: string, ssh?: PeerSsh): Promise<Destination>
  row(id: number): Promise<Transfer>
  /** Resolves when it is in that state. */
  becomes(id: number, status: Transfer['status']): Promise<void>
}

export type PeerAnswers = (
  request: PeerRequest,
  peer: string,
) => { readonly status: number; readonly json?: unknown }

/** A carrier that never comes to an end by itself, and stops when it is told to. */
export const hangs: Send = (_, { signal }) =>
  new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })

/** Fails so many times, then succeeds. */
export function failing(times: number, problem: () => Problem): Send {
  let left = times
  return () => (left-- > 0 ? Promise.reject(problem()) : Promise.resolve())
}

export const unreachable = () => new Problem('peer_unreachable', { detail: 'connection refused' })

export async function transfersWorld(
  answers: Answers = {},
  peerSays: PeerAnswers = () => ({ status: 404 }),
): Promise<World> {
  const bench = await engineBench(answers)
  const sent: string[] = []
  const asked: string[] = []
  const carriers: World['carriers'] = {
    send: () => Promise.resolve(),
    fetch: () => Promise.reject(unreachable()),
    rsync: () => Promise.resolve(),
  }
  const peerHttp: PeerHttp = {
    request(target, request): Promise<PeerResponse> {
      asked.push(`${request.method} ${request.path}`)
      const { status, json = null } = peerSays(request, new URL(target.url).hostname.split('.')[0] ?? '')
      return Promise.resolve({ status, headers: {}, json })
    },
    download: () => Promise.reject(unreachable()),
    certificateOf: () => Promise.reject(unreachable()),
    close: () => undefined,
  }
  const deps: EngineDeps = { ...bench.deps, peerHttp }
  const given = {
    carriers: {
      http: {
        send: async (order: Parameters<SendByHttp>[0], io: CarrierIo) => {
          const { cargo } = order
          await carriers.send(order, io)
          sent.push(`${new URL(order.target.url).hostname.split('.')[0]} ${cargo.name}`)
          io.progress(cargo.sizeBytes, cargo.sizeBytes)
          return { alreadyThere: false, sizeBytes: cargo.sizeBytes, sha256: cargo.sha256 }
        },
        fetch: (order: Parameters<FetchByHttp>[0], io: CarrierIo) => carriers.fetch(order, io),
      },
      rsync: {
        send: async (order: Parameters<SendByRsync>[0], io: CarrierIo) => {
          const { cargo } = order
          await carriers.rsync(order, io)
          sent.push(`${new URL(order.target.url).hostname.split('.')[0]} ${cargo.name} by rsync`)
          return { alreadyThere: false, sizeBytes: cargo.sizeBytes, sha256: cargo.sha256 }
        },
      },
    },
    random: () => 0,
  }
  const verifyArchive: Parameters<typeof createTransfers>[1]['verifyArchive'] = async (name) => {
    const hashed = await deps.helper.call('archive.verify', { name })
    const state = hashed.damage === '' ? 'ok' : 'corrupted'
    const hash = state === 'ok' ? { sha256: hashed.sha256 } : {}
    await setState(deps.db, name, { state, detail: hashed.damage || null, ...hash })
    const archive = await getArchive(deps.db, name)
    if (!archive) throw new Problem('archive_not_found', { archive: name })
    return archive
  }
  const make = () => createTransfers(deps, { verifyArchive }, given)
  const transfers = make()
  return {
    ...bench,
    deps,
    transfers,
    carriers,
    sent,
    asked,
    other: make,
    async addPeer(name, ssh) {
      const now = deps.clock.now()
      const peer = {
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
        ssh: ssh ?? null,
      }
      const id = await insertPeer(deps.db, peer, now)
      const sealedKey = deps.vault.seal('f'.repeat(64), peerKeyPlace(id))
      await deps.db.updateTable('remote_instances').set({ api_key: sealedKey }).where('id', '=', id).execute()
      await ensurePeerDestination(deps.db, id, name, now)
      const destination = await destinationOfPeer(deps.db, id)
      if (!destination) throw new Error('no destination')
      return destination
    },
    async row(id) {
      const transfer = await getTransfer(deps.db, id)
      if (!transfer) throw new Error(`no transfer ${id}`)
      return transfer
    },
    async becomes(id, status) {
      await eventually(async () => (await getTransfer(deps.db, id))?.status === status, `${id} ${status}`)
    },
  }
}
