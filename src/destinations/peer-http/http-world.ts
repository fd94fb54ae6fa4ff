// The client for peers, with plain HTTP to loopback allowed, for tests of what uses it.
import { onTestFinished } from 'vitest'
import type { PeerHttp } from '../../sys/peer-http.ts'
import { createPeerHttp } from '../../sys/peer-http/create.ts'

/** Closed when the running test has finished. */
export function loopbackHttp(): PeerHttp {
  const http = createPeerHttp({ allowInsecure: true })
  onTestFinished(() => http.close())
  return http
}
