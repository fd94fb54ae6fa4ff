// Gives memory back before the garbage collector would.

/**
 * For bytes that nobody uses any more: thousands of pieces of 64 KiB are not seen by the collector as the load they are, until
 * it stops everything for them. Only memory that holds nothing else: a piece may share it with what came before or after it.
 */
export function giveBack({ buffer, byteOffset, byteLength }: Uint8Array): void {
  if (byteOffset === 0 && byteLength === buffer.byteLength && buffer instanceof ArrayBuffer)
    buffer.transfer(0)
}
