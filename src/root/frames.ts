// Writes the helper's answer: frames in their order, progress thinned out, never faster than they are read.
import type { Writable } from 'node:stream'
import type { HelperFrame, LogStream } from '../domain/helper-protocol.ts'

/** Milliseconds between two progress frames. */
const progressEveryMs = 200
const longestText = 64 * 1024

export interface Frames {
  log(stream: LogStream, text: string): void
  progress(done: number, total: number | null): void
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
    ready() {
      if (broken || !output.writableNeedDrain) return undefined
      return new Promise((resolve) => {
        const go = (): void => {
          output.off('drain', go).off('close', go).off('error', go)
          resolve()
        }
        output.once('drain', go).once('close', go).once('error', go)
      })
    },
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
