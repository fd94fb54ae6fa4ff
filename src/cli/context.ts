// What a command is given: how to read and print, and how to open the instance when it needs it.
import type { Readable, Writable } from 'node:stream'
import type { Kysely } from 'kysely'
import type { Config } from '../config.ts'
import type { EngineControl } from '../engine/create.ts'
import type { AnySource } from '../sources/source.ts'
import type { Schema } from '../store/schema.ts'
import type { InstanceLock } from '../store/lock.ts'

/** An opened instance. Commands close it. */
export interface Instance {
  readonly config: Config
  readonly db: Kysely<Schema>
  readonly engine: EngineControl
  readonly sources: readonly AnySource[]
  /** Null when another process (the server, mostly) is executing runs. */
  lock(): InstanceLock | null
  /** Listens; the address people open. Needs the lock and a started engine. */
  serve(): Promise<{ readonly url: string; close(): Promise<void> }>
  close(): Promise<void>
}

export interface CliContext {
  readonly stdin: Readable
  readonly stdout: Writable
  readonly stderr: Writable
  readonly version: string
  /** Parsed configuration; exits with 78 through `ExitError` when a variable is wrong. */
  config(): Config
  /** Opens database, keys and engine; starts nothing. */
  open(options?: { readonly thorough?: boolean }): Promise<Instance>
  /** Called for SIGINT and SIGTERM until the returned function is called. */
  onSignal(stop: (signal: NodeJS.Signals) => void): () => void
  /** Epoch milliseconds. */
  now(): number
}
