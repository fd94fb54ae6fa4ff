// The program behind `root-helper`: places from its own environment, one request on standard input, then the end.
import { readFileSync } from 'node:fs'
import { parseArgs, parseEnv } from 'node:util'
import type { Places } from '../sources/source.ts'
import { systemClock } from '../sys/clock.ts'
import { run } from '../sys/process.ts'
import { words } from '../sys/words.ts'
import { serveRequest } from './dispatcher.ts'

/**
 * Serves one request on standard input and output. `argv`: what follows `root-helper`, with `--env-file FILE` for a
 * caller like sudo that passes no environment. Resolves with the exit code: 0 when a result or a problem was sent,
 * 78 when the environment does not say where things are.
 */
export async function rootHelperMain(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const own = { ...env, ...fromFile(argv) }
  const places = placesOf(own)
  if (typeof places === 'string') {
    process.stderr.write(`root-helper: ${places}\n`)
    return 78
  }
  process.umask(0o022)
  const stop = new AbortController()
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => stop.abort())
  const answered = await serveRequest({
    input: process.stdin,
    output: process.stdout,
    places,
    run,
    sources: async () => (await import('../sources/registry.ts')).sources,
    now: () => systemClock.now(),
    signal: stop.signal,
    // Whoever starts the helper decides where programs are found: systemd, sudo's secure_path, or a shell.
    ...(own['PATH'] === undefined ? {} : { env: { PATH: own['PATH'] } }),
  })
  process.stdin.destroy()
  return answered ? 0 : 1
}

function fromFile(argv: readonly string[]): NodeJS.Dict<string> {
  const { values } = parseArgs({ args: [...argv], options: { 'env-file': { type: 'string' } } })
  const file = values['env-file']
  return file === undefined ? {} : parseEnv(readFileSync(file, 'utf8'))
}

/** Where things are, or what is missing. */
function placesOf(env: NodeJS.ProcessEnv): Places | string {
  const archivesDir = env['BM_ARCHIVES_DIR'] ?? ''
  const dataDir = env['BM_DATA_DIR'] ?? ''
  if (!archivesDir.startsWith('/')) return 'BM_ARCHIVES_DIR must be set to an absolute path'
  if (!dataDir.startsWith('/')) return 'BM_DATA_DIR must be set to an absolute path'
  const inboxDir = env['BM_INBOX_DIR'] ?? ''
  if (inboxDir !== '' && !inboxDir.startsWith('/')) return 'BM_INBOX_DIR must be an absolute path'
  const yunohost = words(env['BM_YUNOHOST'] ?? '')
  return {
    archivesDir,
    dataDir,
    yunohost: yunohost.length === 0 ? ['yunohost'] : yunohost,
    systemRoot: env['BM_SYSTEM_ROOT'] ?? '',
    ...(inboxDir !== '' && { inboxDir }),
  }
}
