// The secret that only nginx knows besides us: it tells its requests from those of other local programs.
import { createHash, timingSafeEqual } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { Logger } from 'pino'
import type { Config } from '../config.ts'

/** The header that nginx adds. */
export const proxyHeader = 'x-backupmanager-proxy'

export interface ProxyDeps {
  readonly config: Pick<Config, 'listen' | 'proxySecretFile'>
  readonly log: Logger
}

/** The secret shared with nginx; null when there is none to compare with. */
export async function proxySecret(deps: ProxyDeps): Promise<string | null> {
  const file = deps.config.proxySecretFile
  if (file === null) return null
  try {
    const secret = (await readFile(file, 'utf8')).trim()
    return secret === '' ? null : secret
  } catch (err) {
    deps.log.error({ err, file }, 'cannot read the secret shared with nginx')
    return null
  }
}

/** Compares in a time that tells nothing about the content or the length. */
export function sameSecret(a: string, b: string): boolean {
  return timingSafeEqual(digest(a), digest(b))
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
