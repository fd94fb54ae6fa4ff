// How the server reaches the root helper: one short-lived process (or socket connection) per operation.
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { verbs, type Verb, type VerbArgs, type VerbResults } from '../domain/helper-protocol.ts'
import { Problem } from '../domain/problem.ts'
import { readAnswer, reported, type LastFrame, type PassingFrame } from './helper-answer.ts'
import { openHelper, type HelperLine, type HelperTarget } from './helper-transport.ts'

export type { HelperTarget } from './helper-transport.ts'

/** How long a helper may take to end what it does after we hung up. */
const patienceMs = 30_000

export interface HelperCall {
  readonly signal?: AbortSignal
  /** Marks every process of the operation; a new one is made when absent. */
  readonly operation?: string
  /** Frames other than the last one, in order. */
  onFrame?(frame: PassingFrame): void
  /** Bytes that the verb hands over, in order; while the promise is pending the helper has to wait. */
  onData?(bytes: Uint8Array): Promise<void> | undefined
  /** Bytes are not used any more once that promise has resolved: their memory is given back at once. */
  readonly transient?: boolean
  /** Milliseconds the helper may take to end after we hung up. Default: the helper's own. */
  readonly patienceMs?: number
}

/**
 * Calls the helper. Rejects with a `Problem`: what the helper reported, `cancelled` when the signal aborted (only after
 * the helper confirmed that nothing is left running, or is gone), `helper_unavailable` when it cannot be reached or died.
 * A result that comes all the same after an abort is returned: that work is done.
 */
export interface Helper {
  call<V extends Verb>(verb: V, args: VerbArgs[V], options?: HelperCall): Promise<VerbResults[V]>
}

export interface HelperOptions {
  readonly target: HelperTarget
  /** The helper's own environment: `BM_ARCHIVES_DIR`, `BM_DATA_DIR`, `BM_YUNOHOST`. Systemd and sudo set their own. */
  readonly env?: Readonly<Record<string, string>>
  /** Milliseconds a helper may take to end after we hung up; then it is killed, if it is ours to kill. */
  readonly patienceMs?: number
}

/** The {@link Helper} that starts, or connects to, a new helper for every call. */
export function createHelper(options: HelperOptions): Helper {
  const helper: Helper = {
    async call(verb, args, call = {}) {
      const operation = call.operation ?? randomUUID()
      if (call.signal?.aborted === true) throw new Problem('cancelled')
      const request = requestLine(operation, verb, args)
      const line = await open(options)
      const patience = call.patienceMs ?? options.patienceMs ?? patienceMs
      const talk = await converse(line, request, call, patience)
      if (talk.last === null && verb !== 'recover')
        await clearUp(helper, operation, nameOfNew(verb, args), patience)
      // The shape of a result is the helper's word: it is the same program, and more trusted than we are.
      if (talk.last?.t === 'result') return talk.last.value as VerbResults[typeof verb]
      throw failureOf(talk.last === null ? talk.error : reported(talk.last), call.signal)
    },
  }
  return helper
}

function requestLine<V extends Verb>(operation: string, verb: V, args: VerbArgs[V]): string {
  const checked = verbs[verb].safeParse(args)
  if (!checked.success) {
    const fields = checked.error.issues.map((issue) => issue.path.join('.')).join(', ')
    throw new Problem('helper_refused', { reason: `arguments of ${verb}: ${fields}` })
  }
  return `${JSON.stringify({ protocol: 1, operation, verb, args: checked.data })}\n`
}

async function open({ target, env }: HelperOptions): Promise<HelperLine> {
  try {
    return await openHelper(target, env ?? {})
  } catch (cause) {
    throw new Problem('helper_unavailable', { reason: reason(cause) }, { cause })
  }
}

/** What came out of a line: the last frame, or null and why there is none. */
type Talk = { readonly last: LastFrame } | { readonly last: null; readonly error: unknown }

/** Asks, listens to the end and waits until the helper has gone. */
async function converse(
  line: HelperLine,
  request: string,
  call: HelperCall,
  patience: number,
): Promise<Talk> {
  // The helper may go without reading us; that it did is seen on the other side.
  line.input.on('error', () => undefined)
  const hangUp = (): void => void line.input.end()
  const impatience = new AbortController()
  const over = new AbortController()
  const onAbort = (): void => {
    hangUp()
    impatience.abort()
  }
  call.signal?.addEventListener('abort', onAbort, { once: true })
  // Starts to count when the helper should end; destroys it when it does not.
  impatience.signal.addEventListener('abort', () => {
    sleep(patience, undefined, { signal: over.signal }).then(
      () => line.destroy(),
      () => undefined,
    )
  })
  line.input.write(request)
  if (call.signal?.aborted === true) onAbort()
  try {
    const last = await readAnswer(line.output, {
      onFrame: call.onFrame?.bind(call),
      onData: call.onData?.bind(call),
      transient: call.transient,
      signal: call.signal,
    })
    hangUp()
    impatience.abort()
    const why = await line.closed
    if (last !== null) return { last }
    return {
      last,
      error: new Problem('helper_unavailable', { reason: `it ended without an answer: ${why}` }),
    }
  } catch (error) {
    hangUp()
    impatience.abort()
    await line.closed
    return { last: null, error }
  } finally {
    over.abort()
    call.signal?.removeEventListener('abort', onAbort)
  }
}

function failureOf(error: unknown, signal: AbortSignal | undefined): unknown {
  return signal?.aborted === true ? new Problem('cancelled', {}, { cause: error }) : error
}

/** A helper that went without a last word may have left processes and partial files behind. */
async function clearUp(
  helper: Helper,
  operation: string,
  archiveName: string | null,
  withinMs: number,
): Promise<void> {
  const signal = AbortSignal.timeout(withinMs)
  try {
    await helper.call('recover', { operations: [{ operation, archiveName }] }, { signal })
  } catch {
    // Unreachable again: the caller is told about the first failure, and the next start of the server recovers.
  }
}

/** The archive that the verb was making, null when it makes none. */
function nameOfNew(verb: Verb, args: VerbArgs[Verb]): string | null {
  if ('archive' in args && typeof args.archive === 'object') return args.archive.name
  const takesIn = verb === 'archive.import' || verb === 'receive.publish'
  return takesIn && 'name' in args && typeof args.name === 'string' ? args.name : null
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
