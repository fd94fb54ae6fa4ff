// A file that grows by what arrives, hashed on the way; it goes on where an earlier attempt stopped.
import { createHash, type Hash } from 'node:crypto'
import { constants } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'

/** After so many bytes they are synced: more than that is never lost. */
const syncBytes = 52_428_800
const readBytes = 524_288

export class PartFile {
  readonly #handle: FileHandle
  #hash: Hash = createHash('sha256')
  #size = 0
  #synced = 0

  private constructor(handle: FileHandle) {
    this.#handle = handle
  }

  /**
   * Opens or makes the file (0600; never a link's target) and hashes what is there; one that is longer than `most` begins
   * anew. Rejects with the signal's reason or the system's error.
   */
  static async open(path: string, most: number, signal: AbortSignal): Promise<PartFile> {
    const { O_RDWR, O_CREAT, O_NOFOLLOW } = constants
    const part = new PartFile(await open(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600))
    try {
      await part.#takeUp(most, signal)
      return part
    } catch (error) {
      await part.#handle.close()
      throw error
    }
  }

  /** Bytes that are in it. */
  get size(): number {
    return this.#size
  }

  /** SHA-256 of what is in it. */
  digest(): string {
    return this.#hash.copy().digest('hex')
  }

  async append(bytes: Uint8Array): Promise<void> {
    let written = 0
    while (written < bytes.length) {
      const left = bytes.length - written
      written += (await this.#handle.write(bytes, written, left, this.#size + written)).bytesWritten
    }
    this.#hash.update(bytes)
    this.#size += bytes.length
    if (this.#size - this.#synced >= syncBytes) await this.sync()
  }

  /** Empties it. */
  async beginAnew(): Promise<void> {
    await this.#handle.truncate(0)
    this.#hash = createHash('sha256')
    this.#size = 0
    await this.sync()
  }

  async sync(): Promise<void> {
    await this.#handle.sync()
    this.#synced = this.#size
  }

  close(): Promise<void> {
    return this.#handle.close()
  }

  async #takeUp(most: number, signal: AbortSignal): Promise<void> {
    if ((await this.#handle.stat()).size > most) return this.beginAnew()
    const piece = Buffer.allocUnsafeSlow(readBytes)
    for (;;) {
      signal.throwIfAborted()
      const { bytesRead } = await this.#handle.read(piece, 0, readBytes, this.#size)
      if (bytesRead === 0) break
      this.#hash.update(piece.subarray(0, bytesRead))
      this.#size += bytesRead
    }
    // What an earlier process left may not be on the disk yet.
    await this.sync()
  }
}
