// The command line of a local instance, in this process, beside its server.
import { Readable, Writable } from 'node:stream'
import type { CliContext, Instance } from '../../src/cli/context.ts'
import { runCli } from '../../src/cli/program.ts'
import { sources } from '../../src/sources/registry.ts'
import type { LocalInstance } from './local-instances.ts'
import { testConfig } from './web.ts'

export interface Ended {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** Runs command lines; `served`: a server holds the lock. */
export function localCli(
  local: LocalInstance,
  options: { readonly served?: boolean } = {},
): (args: readonly string[], stdin?: string) => Promise<Ended> {
  const config = testConfig(local.dataDir, { publicUrl: local.url, instanceName: local.name })
  const instance: Instance = {
    config,
    db: local.db,
    engine: local.engine,
    sources,
    lock: () =>
      options.served === false ? { release: () => undefined, [Symbol.dispose]: () => undefined } : null,
    serve: () => Promise.reject(new Error('not here')),
    close: () => Promise.resolve(),
  }
  return async (args, stdin = '') => {
    const written = { out: '', err: '' }
    const into = (stream: 'out' | 'err') =>
      new Writable({
        write(chunk, _encoding, done) {
          written[stream] += String(chunk)
          done()
        },
      })
    const context: CliContext = {
      stdin: Readable.from([stdin]),
      stdout: into('out'),
      stderr: into('err'),
      version: '0.0.0-test',
      config: () => config,
      open: () => Promise.resolve(instance),
      onSignal: () => () => undefined,
      now: () => local.clock.now(),
    }
    const code = await runCli(args, context)
    return { code, ...written }
  }
}
