// One life of the root helper: one request, one verb, one answer, and nothing left running.
import type { Readable, Writable } from 'node:stream'
import type { HelperFrame, HelperRequest } from '../domain/helper-protocol.ts'
import { Problem } from '../domain/problem.ts'
import type { AnySource, Places } from '../sources/source.ts'
import { endTree, findMarked } from '../sys/process-tree.ts'
import type { Run } from '../sys/process.ts'
import { frameWriter, type Frames } from './frames.ts'
import { problemFrame } from './problem-frame.ts'
import { readRequest, watchHangUp } from './request.ts'
import { perform } from './verb-table.ts'

/** For what a verb left running; commands that are stopped have their own. */
const graceMs = 5000

export interface Serving {
  readonly input: Readable
  readonly output: Writable
  readonly places: Places
  readonly run: Run
  sources(): Promise<readonly AnySource[]>
  /** Epoch milliseconds. */
  now(): number
  /** Aborted when the helper itself is told to stop. */
  readonly signal?: AbortSignal
  /** More environment for every command. */
  readonly env?: Readonly<Record<string, string>>
  /** Time for the request to arrive. Default 10 seconds. */
  readonly requestWithinMs?: number
}

/**
 * Reads one request, does it and answers. When the other side hangs up (ends or closes its writing side, or stops
 * reading) everything the verb runs is ended, and the answer is `cancelled`. True when a last frame was sent.
 */
export async function serveRequest(serving: Serving): Promise<boolean> {
  const { input, output } = serving
  const stop = new AbortController()
  const hangUp = (): void => stop.abort()
  const signal = serving.signal === undefined ? stop.signal : AbortSignal.any([stop.signal, serving.signal])
  const frames = frameWriter(output, hangUp)
  try {
    const request = await readRequest(input, { withinMs: serving.requestWithinMs ?? 10_000, signal })
    watchHangUp(input, hangUp)
    return await frames.finish(await answer(request, serving, frames, signal))
  } catch (error) {
    return frames.finish(problemFrame(error))
  }
}

async function answer(
  request: HelperRequest,
  serving: Serving,
  frames: Frames,
  signal: AbortSignal,
): Promise<Extract<HelperFrame, { t: 'result' | 'problem' }>> {
  const { operation, verb } = request
  const spare = new Set(findMarked(operation))
  let last: Extract<HelperFrame, { t: 'result' | 'problem' }>
  try {
    const value = await perform(verb, request.args, {
      io: {
        run: marked(serving, operation, frames, signal),
        signal,
        log: (stream, text) => frames.log(stream, text),
        progress: (done, total) => frames.progress(done, total),
        places: serving.places,
        operation,
        now: () => serving.now(),
      },
      sources: () => serving.sources(),
      onStep: (step, state, detail) => frames.step(step, state, detail),
      onChunk: (chunk) => frames.chunk(chunk),
      data: (bytes) => frames.data(bytes),
    })
    last = { t: 'result', value }
  } catch (error) {
    last = problemFrame(signal.aborted ? new Problem('cancelled', {}, { cause: error }) : error)
  }
  const byItself = !signal.aborted
  // What an admin's command starts on purpose (a service, a tunnel) stays, also for the rest of its run.
  if ((verb === 'hook' || verb === 'restore.apply') && byItself) return last
  const { signalled, left } = await endTree({ operation, ...(byItself && { spare }) }, graceMs)
  if (signalled > 0) frames.log('info', `ended ${signalled} processes that were left running`)
  if (left.length > 0) frames.log('err', `processes that cannot be ended: ${left.join(', ')}`)
  return last
}

/** Every command carries the operation's mark, ends with the request and waits for the reader of its output. */
function marked({ run, env }: Serving, operation: string, frames: Frames, signal: AbortSignal): Run {
  return (file, args, options = {}) =>
    run(file, args, {
      signal,
      ready: () => frames.ready(),
      ...options,
      env: { ...env, ...options.env, BM_OPERATION: operation },
    })
}
