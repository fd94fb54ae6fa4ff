// Carries archives between instances over HTTPS, in chunks (api.md, "Chunked upload") and by ranges.
import type { PeerHttp } from '../../sys/peer-http.ts'
import type { FetchByHttp, SendByHttp } from '../carrier.ts'
import { createFetch } from './fetch.ts'
import { defaultPatience, type Patience } from './patience.ts'
import { createSend } from './send.ts'

/** `patience`: how pauses between tries are waited for; only tests give another one. */
export function peerHttp(
  http: PeerHttp,
  patience: Patience = defaultPatience,
): { readonly send: SendByHttp; readonly fetch: FetchByHttp } {
  return { send: createSend(http, patience), fetch: createFetch(http, patience) }
}
