// What one attempt at a transfer is given.
import { peerRsync, type SendByRsync } from '../../destinations/peer-rsync/index.ts'
import { peerHttp } from '../../destinations/peer-http/index.ts'
import type { CarrierIo, FetchByHttp, SendByHttp } from '../../destinations/carrier.ts'
import type { Destination, Transfer } from '../../domain/transfer.ts'
import { Problem } from '../../domain/problem.ts'
import { setTransferFacts } from '../../store/transfers.ts'
import type { PeerTarget } from '../../sys/peer-http.ts'
import type { EngineDeps } from '../deps.ts'
import type { Engine } from '../engine.ts'
import { peerTarget } from '../peers/target.ts'
import type { Space } from '../space.ts'
import type { Meter } from './meter.ts'
import { pushThroughHelper } from './ssh.ts'

/** The ways in which archives travel. */
export interface Carriers {
  readonly http: { readonly send: SendByHttp; readonly fetch: FetchByHttp }
  /** Absent: nothing goes by rsync. */
  readonly rsync?: { readonly send: SendByRsync }
}

export function defaultCarriers(deps: EngineDeps): Carriers {
  return {
    http: peerHttp(deps.peerHttp),
    rsync: peerRsync(deps.peerHttp, pushThroughHelper(deps)),
  }
}

export interface Attempt {
  readonly transfer: Transfer
  readonly destination: Destination
  readonly carriers: Carriers
  readonly verifyArchive: Engine['verifyArchive']
  readonly space: Space
  readonly io: CarrierIo
  readonly meter: Meter
}

/** `not_supported` for a destination that is not a peer; else see `peerTarget`. */
export function targetOf(deps: EngineDeps, destination: Destination): Promise<PeerTarget> {
  if (destination.peerId === null) {
    return Promise.reject(
      new Problem('not_supported', { detail: `a destination of the kind ${destination.kind}` }),
    )
  }
  return peerTarget(deps, destination.peerId)
}

/** Notes which way it goes and how large it is. */
export function begun(
  deps: EngineDeps,
  attempt: Attempt,
  bytesTotal: number,
  chosen: 'http' | 'rsync' = 'http',
): Promise<void> {
  attempt.meter.total(bytesTotal)
  return setTransferFacts(deps.db, attempt.transfer.id, { chosen, bytesTotal })
}
