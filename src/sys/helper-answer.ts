// Reads what a helper answers: frames, one per line, of which exactly one is the last.
import type { Readable } from 'node:stream'
import { frameSchema, type HelperFrame } from '../domain/helper-protocol.ts'
import {
  fieldErrorCodes,
  Problem,
  problems,
  type FieldErrorCode,
  type ProblemCode,
} from '../domain/problem.ts'
import { giveBack } from './give-back.ts'
import { lineReader } from './lines.ts'

/** Longest line taken from a helper: the catalogue of many archives comes in one. */
const frameLimit = 64 * 1024 * 1024

export type LastFrame = Extract<HelperFrame, { t: 'result' | 'problem' }>
export type PassingFrame = Exclude<HelperFrame, LastFrame | Extract<HelperFrame, { t: 'data' }>>

export interface Listening {
  onFrame?: ((frame: PassingFrame) => void) | undefined
  /** Raw bytes, in order. While what it returns is pending, nothing else is handed out and no more is read. */
  onData?: ((bytes: Uint8Array) => Promise<void> | undefined) | undefined
  /** Bytes are not used any more once that promise has resolved: their memory is given back at once. */
  transient?: boolean | undefined
  /** Once aborted, bytes are thrown away and nobody is waited for: what counts then is the last frame. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Resolves with the last frame, or with null when the answer ends without one. Rejects with `helper_unavailable` at the
 * first line that is not a frame, or with what a listener threw. Everything before the last frame was handed out, and
 * waited for, by then. The rest of the output is read and thrown away, so that the other side can end.
 */
export function readAnswer(
  output: Readable,
  { onFrame, onData, transient = false, signal }: Listening,
): Promise<LastFrame | null> {
  return new Promise((resolve, reject) => {
    /** What one piece of output held beyond what could be handed out yet; never more than a few pieces. */
    let queue: (HelperFrame | Uint8Array)[] = []
    let next = 0
    let waiting = false
    let closed = false
    let over = false
    const ended = (): boolean => over
    const held = (): boolean => waiting && signal?.aborted !== true

    const finish = (settle: () => void): void => {
      over = true
      queue = []
      signal?.removeEventListener('abort', handOut)
      output.resume()
      settle()
    }
    const fail = (error: unknown): void => {
      if (!over) finish(() => reject(error))
    }
    const wait = (until: Promise<void>, bytes: Uint8Array): void => {
      waiting = true
      output.pause()
      const go = (): void => {
        waiting = false
        if (transient) giveBack(bytes)
        handOut()
      }
      until.then(go, (error: unknown) => (signal?.aborted === true ? go() : fail(error)))
    }
    const take = (item: HelperFrame | Uint8Array): void => {
      if (item instanceof Uint8Array) {
        const until = signal?.aborted === true ? undefined : onData?.(item)
        if (until !== undefined) wait(until, item)
      } else if (item.t === 'result' || item.t === 'problem') finish(() => resolve(item))
      else if (item.t !== 'data') onFrame?.(item)
    }
    const handOut = (): void => {
      try {
        while (!ended() && !held()) {
          const item = queue[next]
          if (item === undefined) break
          next += 1
          take(item)
        }
      } catch (error) {
        fail(error)
      }
      if (over || held()) return
      queue = []
      next = 0
      // A line without its end was cut off; it is not an answer.
      if (closed) finish(() => resolve(null))
      else output.resume()
    }

    const lines = lineReader(frameLimit, (line) => {
      if (over) return
      try {
        const frame = parseFrame(line)
        if (frame.t === 'data') lines.raw(frame.bytes, (piece) => void (over || queue.push(piece)))
        else queue.push(frame)
      } catch (error) {
        fail(error)
      }
    })
    signal?.addEventListener('abort', handOut, { once: true })
    output.on('data', (chunk: Buffer) => {
      if (over) return
      lines.push(chunk)
      // A pause does not hold back what comes when the other side has ended: it waits in the queue.
      handOut()
    })
    output.on('error', () => undefined)
    output.once('close', () => {
      closed = true
      if (!over) handOut()
    })
  })
}

/** The problem that a helper reported. Its `detail` is the cause, for logs. */
export function reported(frame: Extract<HelperFrame, { t: 'problem' }>): Problem {
  const options = {
    errors: frame.errors.map(({ field, code, facts }) => ({
      field,
      code: isFieldErrorCode(code) ? code : ('unexpected' as const),
      ...(facts && { facts }),
    })),
    ...(frame.detail !== '' && { cause: new Error(frame.detail) }),
  }
  if (isProblemCode(frame.code)) return new Problem(frame.code, frame.facts, options)
  return new Problem('internal', { detail: frame.code }, options)
}

function parseFrame(line: string): HelperFrame {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    throw new Problem('helper_unavailable', { reason: `not a frame: ${line.slice(0, 200)}` })
  }
  const frame = frameSchema.safeParse(value)
  if (!frame.success) throw new Problem('helper_unavailable', { reason: 'a frame of an unknown form' })
  return frame.data
}

function isProblemCode(code: string): code is ProblemCode {
  return Object.hasOwn(problems, code)
}

function isFieldErrorCode(code: string): code is FieldErrorCode {
  return (fieldErrorCodes as readonly string[]).includes(code)
}
