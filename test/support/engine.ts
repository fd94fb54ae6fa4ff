// An engine's surroundings for tests of its use cases: a real database in memory, a clock that stands still, and a helper
// whose answers the test writes.
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { pino } from 'pino'
import { onTestFinished } from 'vitest'
import type { CatalogueScan, Verb, VerbArgs, VerbResults } from '../../src/domain/helper-protocol.ts'
import type { Job } from '../../src/domain/job.ts'
import { Problem } from '../../src/domain/problem.ts'
import type { EngineDeps } from '../../src/engine/deps.ts'
import { upsertArchives, type ArchiveEntry } from '../../src/store/archives.ts'
import { openDatabase } from '../../src/store/database.ts'
import { insertJob } from '../../src/store/jobs.ts'
import type { Q } from '../../src/store/schema.ts'
import { sources } from '../../src/sources/registry.ts'
import type { Helper } from '../../src/sys/helper-client.ts'
import { loadInstanceKey } from '../../src/sys/instance-key.ts'
import { createPeerHttp } from '../../src/sys/peer-http/create.ts'
import { createVault } from '../../src/sys/vault.ts'
import { temporaryFolder } from './temp.ts'

export type Answers = { [V in Verb]?: (args: VerbArgs[V]) => VerbResults[V] | Promise<VerbResults[V]> }

export interface EngineBench {
  readonly deps: EngineDeps
  /** Verbs that were called, in order, with their arguments. */
  readonly calls: { readonly verb: Verb; readonly args: unknown }[]
  setNow(time: string | number): void
  addJob(change?: Partial<Omit<Job, 'id'>>): Promise<Job>
  addArchive(name: string, change?: Partial<ArchiveEntry>): Promise<void>
}

/** The directory as the database knows it. */
async function asRecorded(q: Q): Promise<CatalogueScan> {
  const rows = await q.selectFrom('archives').select(['name', 'file', 'size_bytes', 'fingerprint']).execute()
  return {
    archives: rows.map((row) => ({ ...row, sizeBytes: row.size_bytes })),
    unfinished: [],
  }
}

/** A verb without an answer fails like an unreachable helper; but the directory is as recorded. */
export async function engineBench(answers: Answers = {}): Promise<EngineBench> {
  let now = Date.parse('2026-05-08T10:00:00Z')
  const database = await openDatabase(':memory:', { now })
  onTestFinished(() => database.close())
  const calls: EngineBench['calls'] = []
  const helper: Helper = {
    async call(verb, args) {
      calls.push({ verb, args })
      const answer = answers[verb]
      if (!answer && verb === 'catalogue.scan')
        return asRecorded(database.db) as Promise<VerbResults[typeof verb]>
      if (!answer) throw new Problem('helper_unavailable', { verb })
      return answer(args)
    },
  }
  const dataDir = await temporaryFolder()
  const deps: EngineDeps = {
    db: database.db,
    dataVersion: () => database.dataVersion(),
    helper,
    sources,
    clock: { now: () => now },
    log: pino({ level: 'silent' }),
    version: '0.0.0',
    vault: await createVault(dataDir),
    dataDir,
    timeZone: 'Europe/Paris',
    identity: await loadInstanceKey(dataDir),
    peerHttp: createPeerHttp({ allowInsecure: true }),
    archivesDir: join(dataDir, 'archives'),
    allowInsecurePeers: true,
    instance: { id: 'our-id', name: 'jerry', url: 'https://jerry.example' },
  }
  return {
    deps,
    calls,
    setNow(time) {
      now = typeof time === 'number' ? time : Date.parse(time)
    },
    addJob: (change = {}) =>
      insertJob(database.db, {
        uid: randomUUID(),
        name: 'photos',
        type: 'custom_dir',
        config: { source_path: '/srv/photos', excludes: [] },
        cronExpr: '0 3 * * *',
        retention: { mode: 'count', count: 2 },
        enabled: true,
        coreOnly: false,
        hooks: { timeoutS: 300 },
        timeoutS: null,
        createdAt: now,
        updatedAt: now,
        nextRunAt: null,
        drill: null,
        nextDrillAt: null,
        retentionHold: null,
        ...change,
      }),
    addArchive: (name, change = {}) =>
      upsertArchives(database.db, [
        {
          name,
          file: `${name}.tar`,
          fingerprint: `1:${name}`,
          type: 'custom_dir',
          app: 'photos',
          instanceName: 'jerry',
          createdAt: now,
          sizeBytes: 1000,
          sha256: 'a'.repeat(64),
          origin: 'local',
          jobId: null,
          jobUid: null,
          info: {},
          backupInfo: null,
          state: 'ok',
          ...change,
        },
      ]),
  }
}
