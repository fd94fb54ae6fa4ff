// The composition root: the only file that sees every part. Used by `main.ts` and by tests.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Writable } from 'node:stream'
import type { Instance } from './cli/context.ts'
import { helperEnvironment, type Config } from './config.ts'
import { createEngine } from './engine/create.ts'
import { sources } from './sources/registry.ts'
import { databaseFile, openDatabase } from './store/database.ts'
import { acquireInstanceLock } from './store/lock.ts'
import { systemClock, type Clock } from './sys/clock.ts'
import { createHelper } from './sys/helper-client.ts'
import { createPeerHttp } from './sys/peer-http/create.ts'
import { loadInstanceKey } from './sys/instance-key.ts'
import { loadKeyFile } from './sys/key-file.ts'
import { createLogger, type Logger } from './sys/log.ts'
import { run } from './sys/process.ts'
import { createVault } from './sys/vault.ts'
import { version } from './version.ts'

export interface OpenInstance {
  readonly clock?: Clock
  readonly log?: Logger
  /** Default: standard output, which is the journal's for a server. */
  readonly logTo?: Writable
  /** Where a direct helper finds programs; default: the system's folders. */
  readonly path?: string
  /** Read the whole database for damage before using it: the server does, short commands beside it need not. */
  readonly thorough?: boolean
}

/**
 * Opens keys, database and engine under `config.dataDir` (made, mode 700, when missing). Starts nothing.
 * Rejects with `database_damaged` or `database_newer` without having touched the file.
 */
export async function openInstance(config: Config, given: OpenInstance = {}): Promise<Instance> {
  const clock = given.clock ?? systemClock
  const log =
    given.log ?? createLogger({ level: config.logLevel, destination: given.logTo ?? process.stdout })
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 })
  // The default place of a machine without YunoHost; a folder elsewhere may be a disk that is not mounted now.
  if (config.archivesDir.startsWith(`${config.dataDir}/`)) {
    await mkdir(config.archivesDir, { recursive: true, mode: 0o700 })
  }
  const database = await openDatabase(join(config.dataDir, databaseFile), {
    now: clock.now(),
    thorough: given.thorough ?? false,
  })
  try {
    const identity = await loadInstanceKey(config.dataDir)
    const csrfKey = await loadKeyFile(config.dataDir, 'csrf.key')
    const peerHttp = createPeerHttp({ allowInsecure: config.allowInsecurePeers })
    const engine = await createEngine({
      db: database.db,
      dataVersion: () => database.dataVersion(),
      helper: createHelper({
        target: config.rootHelper,
        env: { ...helperEnvironment(config), ...(given.path === undefined ? {} : { PATH: given.path }) },
      }),
      sources,
      clock,
      log,
      version,
      vault: await createVault(config.dataDir),
      dataDir: config.dataDir,
      timeZone: config.timeZone,
      identity,
      peerHttp,
      archivesDir: config.archivesDir,
      allowInsecurePeers: config.allowInsecurePeers,
      inbox: config.inbox,
      instance: { id: identity.id, name: config.instanceName, url: config.publicUrl },
    })
    return {
      config,
      db: database.db,
      engine,
      sources,
      lock: () => acquireInstanceLock(config.dataDir, clock.now()),
      async serve() {
        // Only a server needs it: commands start faster without.
        const [{ createWeb, serveWeb }, { createRenderer }] = await Promise.all([
          import('./web/server.ts'),
          import('./web/views.ts'),
        ])
        const web = createWeb({
          engine,
          db: database.db,
          sources,
          config,
          clock,
          run,
          log,
          version,
          instanceId: identity.id,
          csrfKey,
          renderer: createRenderer({ cache: true }),
        })
        return serveWeb(web, config.listen)
      },
      close: async () => {
        peerHttp.close()
        await database.close()
      },
    }
  } catch (error) {
    await database.close()
    throw error
  }
}
