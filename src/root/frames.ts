// Writes the helper's answer: frames in their order, progress thinned out, never faster than they are read.
import type { Writable } from 'node:stream'
import type { HelperFrame, LogStream } from '../domain/helper-protocol.ts'
import type { StepState } from '../domain/restore.ts'

/** Milliseconds between two progress frames. */
const progressEveryMs = 200
const longestText = 64 * 1024
/** The client refuses larger pieces: see `frameSchema`. */
const longestData = 1024 * 1024

export interface Frames {
  log(stream: LogStream, text: string): void
  progress(done: number, total: number | null): void
  /** State of a step of a restore's plan. */
  step(step: number, state: StepState, detail: string): void
  /** What the next bytes are. */
  chunk(chunk: { readonly n: number; readonly bytes: number; readonly sha256: string }): void
  /** Raw bytes for the client; pending while it is behind. */
  data(bytes: Uint8Array): Promise<void> | undefined
  /** Pending while the reader is behind; never rejects. */
  ready(): Promise<void> | undefined
  /** Sends the last frame; true when the system has taken it. */
  finish(frame: Extract<HelperFrame, { t: 'result' | 'problem' }>): Promise<boolean>
}

/** `gone` is called once when nobody can read any more. */
export function frameWriter(output: Writable, gone: () => void): Frames {
  let broken = output.destroyed
  let lastProgressAt = -Infinity
  let pending: HelperFrame | undefined
  let timer: NodeJS.Timeout | undefined
  const breakOff = (): void => {
    if (broken) return
    broken = true
    gone()
  }
  output.on('error', breakOff)
  output.once('close', breakOff)

  const write = (frame: HelperFrame, done?: (error?: Error | null) => void): void => {
    output.write(`${JSON.stringify(frame)}\n`, done)
  }
  const sendProgress = (): void => {
    clearTimeout(timer)
    timer = undefined
    if (pending === undefined || broken) return
    write(pending)
    pending = undefined
    lastProgressAt = performance.now()
  }

  const ready = (): Promise<void> | undefined => {
    if (broken || !output.writableNeedDrain) return undefined
    return new Promise((resolve) => {
      const go = (): void => {
        output.off('drain', go).off('close', go).off('error', go)
        resolve()
      }
      output.once('drain', go).once('close', go).once('error', go)
    })
  }

  return {
    log(stream, text) {
      if (broken) return
      write({ t: 'log', stream, text: text.slice(0, longestText) })
    },
    progress(done, total) {
      pending = { t: 'progress', done, total }
      if (timer !== undefined || broken) return
      const wait = lastProgressAt + progressEveryMs - performance.now()
      if (wait <= 0) sendProgress()
      else timer = setTimeout(sendProgress, wait)
    },
    step(step, state, detail) {
      if (broken) return
      write({ t: 'restore', step, state, detail: detail.slice(0, longestText) })
    },
    chunk({ n, bytes, sha256 }) {
      if (!broken) write({ t: 'chunk', n, bytes, sha256 })
    },
    data(bytes) {
      if (broken) return undefined
      for (let at = 0; at < bytes.length; at += longestData) {
        const part = bytes.subarray(at, at + longestData)
        write({ t: 'data', bytes: part.length })
        // A copy: the caller may use its buffer again before the system has taken it.
        output.write(Buffer.from(part))
      }
      return ready()
    },
    ready,
    finish(frame) {
      sendProgress()
      if (broken) return Promise.resolve(false)
      return new Promise((resolve) => {
        output.once('close', () => resolve(false))
        write(frame, (error) => resolve(error === undefined || error === null))
      })
    },
  }
}
