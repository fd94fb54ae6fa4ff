// What a verb is given to work with.
import type { AnySource, SourceIo } from '../sources/source.ts'
import type { StepState } from '../domain/restore.ts'
import type { Verb, VerbResults, verbs } from '../domain/helper-protocol.ts'
import type { z } from 'zod'

export interface VerbContext {
  readonly io: SourceIo
  /** Tells the state of a step of a restore's plan. */
  onStep(step: number, state: StepState, detail: string): void
  /** Says what the bytes that are handed over next are: see `archive.chunks`. */
  onChunk(chunk: { readonly n: number; readonly bytes: number; readonly sha256: string }): void
  /** Hands bytes to the client; pending while it is behind. */
  data(bytes: Uint8Array): Promise<void> | undefined
  /** Loaded at the first use: most verbs do without. */
  sources(): Promise<readonly AnySource[]>
}

/** The checked arguments of a verb. */
export type Args<V extends Verb> = z.output<(typeof verbs)[V]>

/** Does what a verb says. Throws what went wrong; the dispatcher turns it into a frame. */
export type Handle<V extends Verb> = (args: Args<V>, context: VerbContext) => Promise<VerbResults[V]>
