// The bytes of a request as the system hands them over, one piece at a time, with no more of them in memory than that.
import type { IncomingMessage } from 'node:http'
import { giveBack } from '../../sys/give-back.ts'

/**
 * The pieces of the body. Each is only there until the next one is asked for: its memory is given back then, and not when the
 * garbage collector finds that the little object in front of 64 KiB has gone, hundreds of megabytes later. Whoever stops
 * reading leaves the connection as it is, so that an answer can still be sent. Throws when the connection breaks.
 */
export async function* incomingBytes(incoming: IncomingMessage): AsyncGenerator<Uint8Array, void> {
  const come: Uint8Array[] = []
  let over: { readonly error: Error | null } | null = incoming.readableEnded ? { error: null } : null
  let wake = (): void => undefined
  const onData = (piece: Uint8Array) => {
    come.push(piece)
    incoming.pause()
    wake()
  }
  const onEnd = () => {
    over ??= { error: null }
    wake()
  }
  const onError = (error: Error) => {
    over ??= { error }
    wake()
  }
  const onClose = () => onError(new Error('the connection ended in the middle of the body'))
  if (incoming.destroyed && !incoming.readableEnded) onClose()
  incoming.on('data', onData).on('end', onEnd).on('error', onError).on('close', onClose)
  try {
    for (;;) {
      const piece = come.shift()
      if (piece !== undefined) {
        yield piece
        giveBack(piece)
      } else if (over !== null) {
        const { error } = over
        if (error !== null) throw error
        return
      } else {
        const woken = new Promise<void>((resolve) => (wake = resolve))
        incoming.resume()
        await woken
      }
    }
  } finally {
    incoming.off('data', onData).off('end', onEnd).off('close', onClose).pause()
    // The listener for errors stays: one that comes later must not end the process.
  }
}
