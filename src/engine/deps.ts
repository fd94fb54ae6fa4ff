// What the engine is given. Nothing here is read from the environment or from a global.
import type { Kysely } from 'kysely'
import type { Logger } from 'pino'
import type { AnySource } from '../sources/source.ts'
import type { Schema } from '../store/schema.ts'
import type { Clock } from '../sys/clock.ts'
import type { Helper } from '../sys/helper-client.ts'
import type { InstanceKey } from '../sys/instance-key.ts'
import type { PeerHttp } from '../sys/peer-http.ts'
import type { Vault } from '../sys/vault.ts'

export interface InboxAddress {
  readonly user: string
  readonly host: string
  readonly port: number
  /** The folder with sshd's `ssh_host_*_key.pub`. */
  readonly hostKeys: string
}

export interface EngineDeps {
  readonly db: Kysely<Schema>
  /** Changes when another process (the command line, say) has written to the database. */
  dataVersion(): number
  readonly helper: Helper
  readonly sources: readonly AnySource[]
  readonly clock: Clock
  readonly log: Logger
  readonly version: string
  readonly vault: Vault
  readonly dataDir: string
  readonly timeZone: string
  /** Signs what must be provable later: pairing. */
  readonly identity: InstanceKey
  readonly peerHttp: PeerHttp
  readonly archivesDir: string
  /** Plain HTTP to peers on loopback: development only. */
  readonly allowInsecurePeers: boolean
  /** How other instances reach the inbox for rsync; absent or null: there is none. */
  readonly inbox?: InboxAddress | null
  readonly instance: { readonly id: string; readonly name: string; readonly url: string }
}
