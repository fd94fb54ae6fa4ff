// New secrets, and how they are found and proven.
import { createHash, randomBytes } from 'node:crypto'
import bcrypt from 'bcrypt'
import type { TokenProof } from '../../store/tokens.ts'

const COST = 10

/** The one that is being made, or the last one that was. Whoever asks for many must not take all threads. */
let making: Promise<unknown> = Promise.resolve()

/** A new secret (64 hex characters) and what is stored of it. Takes some 50 ms, on another thread; one after the other. */
export async function mintSecret(): Promise<{ readonly secret: string; readonly proof: TokenProof }> {
  const secret = randomBytes(32).toString('hex')
  const hash = making.then(() => bcrypt.hash(secret, COST))
  // Whoever waits next does so for its end, good or bad.
  making = hash.catch(() => undefined)
  return { secret, proof: { lookup: lookupOf(digestOf(secret)), hash: await hash } }
}

/** SHA-256 as 64 hex characters. */
export function digestOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex')
}

/** The part of the digest by which a row is found. */
export function lookupOf(digest: string): string {
  return digest.slice(0, 16)
}
