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
import { lineReader } from './lines.ts'

/** Longest line taken from a helper: the catalogue of many archives comes in one. */
const frameLimit = 64 * 1024 * 1024

export type LastFrame = Extract<HelperFrame, { t: 'result' | 'problem' }>
export type PassingFrame = Exclude<HelperFrame, LastFrame>

/**
 * Resolves with the last frame, or with null when the answer ends without one. Rejects with `helper_unavailable` at the
 * first line that is not a frame, or with what `onFrame` threw.
 */
export function readAnswer(
  output: Readable,
  onFrame: ((frame: PassingFrame) => void) | undefined,
): Promise<LastFrame | null> {
  return new Promise((resolve, reject) => {
    let over = false
    const lines = lineReader(frameLimit, (line) => {
      if (over) return
      try {
        const frame = parseFrame(line)
        if (frame.t !== 'result' && frame.t !== 'problem') return onFrame?.(frame)
        over = true
        resolve(frame)
      } catch (error) {
        over = true
        reject(error)
      }
    })
    output.on('data', (chunk: Buffer) => lines.push(chunk))
    output.on('error', () => undefined)
    output.once('close', () => {
      // A line without its end was cut off; it is not an answer.
      if (!over) resolve(null)
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
