// The real engine without its root helper: a stand-in helper answers from what a test says the machine is like.
// Nothing executes runs (the engine is not started), so a started run stays queued.
import { join } from 'node:path'
import type { Kysely } from 'kysely'
import { pino } from 'pino'
import type { DrillResult } from '../../src/domain/drill.ts'
import type { FieldError } from '../../src/domain/problem.ts'
import { Problem } from '../../src/domain/problem.ts'
import type {
  CatalogueScan,
  InstalledApp,
  SourceOffers,
  Verb,
  VerbArgs,
  VerbResults,
} from '../../src/domain/helper-protocol.ts'
import type { RestorePlan } from '../../src/domain/restore.ts'
import { createEngine, type EngineControl } from '../../src/engine/create.ts'
import type { AnySource } from '../../src/sources/source.ts'
import type { Schema } from '../../src/store/schema.ts'
import type { Clock } from '../../src/sys/clock.ts'
import type { Helper } from '../../src/sys/helper-client.ts'
import { loadInstanceKey } from '../../src/sys/instance-key.ts'
import { createPeerHttp } from '../../src/sys/peer-http/create.ts'
import { createVault } from '../../src/sys/vault.ts'
import { fakeContents, type FakeContents } from './fake-contents.ts'

/** What the stand-in helper finds on the machine; a test changes it as it likes. */
export interface FakeMachine {
  apps: readonly InstalledApp[]
  parts: readonly string[]
  yunohostVersion: string | null
  disk: { totalBytes: number; freeBytes: number }
  /** What `source.check` answers. */
  checkErrors: readonly FieldError[]
  unfinished: CatalogueScan['unfinished']
  /** Archives that verification finds damaged, and how. */
  readonly damaged: Map<string, string>
  /** Verifications wait for it. */
  verifyGate: Promise<void>
  /** Settings that `source.check` was asked about, the last ones last. */
  readonly checked: unknown[]
  /** What `drill.run` answers. */
  drill: DrillResult
  /** What `source.offers` answers, by type. */
  readonly offers: Map<string, SourceOffers>
  /** What is in every archive. */
  readonly contents: FakeContents
  /** What `restore.plan` answers. */
  plan: (args: VerbArgs['restore.plan']) => RestorePlan
  /** Every verb is refused with it. */
  broken: Problem | null
  /** Names that were deleted, in their order. */
  readonly deleted: string[]
}

export interface FakeEngine {
  readonly engine: EngineControl
  readonly machine: FakeMachine
}

/** The engine over a database that the test owns. */
export async function fakeEngine(deps: {
  readonly db: Kysely<Schema>
  readonly clock: Clock
  readonly sources: readonly AnySource[]
  readonly dataDir: string
  readonly timeZone?: string
  readonly instanceName?: string
  readonly instanceUrl?: string
}): Promise<FakeEngine> {
  const machine = fakeMachine()
  const identity = await loadInstanceKey(deps.dataDir)
  const engine = await createEngine({
    db: deps.db,
    dataVersion: () => 0,
    helper: fakeHelper(deps.db, machine),
    sources: deps.sources,
    clock: deps.clock,
    log: pino({ level: 'silent' }),
    version: '0.0.0-test',
    vault: await createVault(deps.dataDir),
    dataDir: deps.dataDir,
    timeZone: deps.timeZone ?? 'Europe/Paris',
    identity,
    peerHttp: createPeerHttp({ allowInsecure: true }),
    archivesDir: join(deps.dataDir, 'archives'),
    allowInsecurePeers: true,
    instance: {
      id: identity.id,
      name: deps.instanceName ?? 'jerry',
      url: deps.instanceUrl ?? 'https://jerry.example/backup',
    },
  })
  // No tar lies behind these archives: what is in them is what the test says.
  return { engine: { ...engine, contents: machine.contents }, machine }
}

function fakeMachine(): FakeMachine {
  return {
    apps: [
      {
        id: 'nextcloud',
        name: 'Nextcloud',
        description: 'Files, calendars, contacts',
        version: '29.0.4~ynh1',
      },
      { id: 'nocodb', name: 'NocoDB', description: 'Tables on top of a database', version: '0.250.0~ynh1' },
    ],
    parts: ['conf_ynh_settings', 'data_home', 'data_mail'],
    yunohostVersion: '12.1.38',
    disk: { totalBytes: 500 * 2 ** 30, freeBytes: 200 * 2 ** 30 },
    checkErrors: [],
    unfinished: [],
    damaged: new Map(),
    verifyGate: Promise.resolve(),
    checked: [],
    drill: { verdict: 'passed', findings: [{ code: 'files_compared', facts: { files: 12_402 } }] },
    offers: new Map(),
    contents: fakeContents(),
    plan: (args) => ({
      archive: args.archive,
      type: args.type,
      target: args.options.target_path ?? args.options.target_database ?? '/srv/photos',
      steps: [{ code: 'extract_files', facts: { files: 3, bytes: 4096, path: '/srv/photos' } }],
      warnings: [],
      refusals: [],
      replaces: false,
      safety: null,
      bytes: 4096,
      files: 3,
    }),
    broken: null,
    deleted: [],
  }
}

type Answers = { [V in Verb]: (args: VerbArgs[V]) => Promise<VerbResults[V]> }

/** Reading archives needs archives: see `test/support/server.ts`. */
const notHere = () => Promise.reject(new Problem('helper_refused', { detail: 'the fake has no archives' }))

function fakeHelper(db: Kysely<Schema>, machine: FakeMachine): Helper {
  const answers: Answers = {
    disk: async () => machine.disk,
    'yunohost.facts': async () => ({
      apps: machine.apps,
      parts: machine.parts,
      version: machine.yunohostVersion,
    }),
    'source.check': async ({ settings }) => {
      machine.checked.push(settings)
      return { errors: machine.checkErrors }
    },
    'source.estimate': async () => ({ bytes: 412 * 2 ** 20, files: 1200 }),
    'source.produce': async () =>
      Promise.reject(new Problem('helper_refused', { detail: 'the fake makes none' })),
    'source.offers': async ({ type }) =>
      machine.offers.get(type) ?? {
        missingTool: machine.yunohostVersion === null && type.startsWith('ynh_') ? 'yunohost' : null,
        databases: null,
        error: null,
      },
    'restore.plan': async (args) => machine.plan(args),
    'restore.apply': async () => ({ status: 'success', problem: null, remarks: [] }),
    'restore.recover': async () => ({ found: false, status: 'rolled_back', problem: null, remarks: [] }),
    'drill.run': async () => machine.drill,
    hook: async () => ({ exitCode: 0 }),
    'catalogue.scan': async () => ({ archives: await present(db), unfinished: machine.unfinished }),
    'catalogue.read': async ({ names }) => ({
      archives: names.map((name) => ({ name, info: null, backupInfo: null, error: null })),
    }),
    'archive.verify': async ({ name }) => {
      await machine.verifyGate
      const row = await db
        .selectFrom('archives')
        .selectAll()
        .where('name', '=', name)
        .executeTakeFirstOrThrow()
      const damage = machine.damaged.get(name) ?? ''
      return {
        sha256: row.sha256 ?? 'a'.repeat(64),
        sizeBytes: row.size_bytes,
        members: 7,
        damage,
        innerSha256: null,
      }
    },
    'archive.delete': async ({ name }) => {
      machine.deleted.push(name)
      return { removed: [`${name}.tar`, `${name}.info.json`] }
    },
    'archive.members': notHere,
    'archive.bytes': notHere,
    'archive.member': notHere,
    'archive.extract': notHere,
    'archive.compare': notHere,
    'archive.import': notHere,
    'archive.chunks': notHere,
    'receive.place': async () => ({ folder: null }),
    'receive.publish': notHere,
    'inbox.configure': async ({ peers }) => ({ keys: peers.length }),
    'inbox.open': notHere,
    'inbox.take': notHere,
    'inbox.clear': async () => ({ removed: 0 }),
    'rsync.send': notHere,
    'ssh.probe': notHere,
    recover: async () => ({ killed: 0, removed: [] }),
  }
  return {
    call: async (verb, args) => {
      if (machine.broken !== null) throw machine.broken
      return answers[verb](args)
    },
  }
}

/** The directory is what the database says it is: archives whose file is there. */
async function present(db: Kysely<Schema>): Promise<CatalogueScan['archives']> {
  const rows = await db.selectFrom('archives').selectAll().where('missing_at', 'is', null).execute()
  return rows.map((row) => ({
    name: row.name,
    file: row.file,
    sizeBytes: row.size_bytes,
    fingerprint: row.fingerprint,
  }))
}
