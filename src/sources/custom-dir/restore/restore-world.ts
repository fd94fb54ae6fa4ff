// A machine on which directories are restored: accounts, units and stand-ins for the programs that change them. Tests only.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach } from 'vitest'
import type { Produced } from '../../../domain/helper-protocol.ts'
import type { RestoreOptions, RestoreOutcome, RestorePlan, StepState } from '../../../domain/restore.ts'
import type { Run } from '../../../sys/process.ts'
import { watchedIo, type WatchedIo } from '../../contract.ts'
import { carryOut } from '../../restore/transaction.ts'
import type { RestoreRequest, RestoreTransaction } from '../../source.ts'
import { makeWorld, needRoot, treeOf, type World } from '../custom-dir-world.ts'
import { customDir } from '../index.ts'
import type { Settings } from '../settings.ts'

const standIns = join(import.meta.dirname, '../../../../test/support/machine')
const usualPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

export interface Restored extends RestoreOutcome {
  /** Last state of every step of the plan, as `code: state`. */
  readonly steps: string[]
}

export interface RestoreWorld extends World {
  /** In front of /etc; where the stand-ins keep their state. */
  readonly machine: string
  io(signal?: AbortSignal): WatchedIo
  /** {@link World.produce} on this machine. */
  save(settings?: Readonly<Record<string, unknown>>, name?: string): Promise<Produced>
  /** A path in the tree. */
  inTree(name: string): string
  /** Writes a file of the tree, with the directories above it. */
  write(name: string, data: string | Buffer): void
  text(name: string): string
  /** A file system of its own, of so many megabytes, at a directory. */
  mountAt(folder: string, megabytes: number): void
  request(options?: RestoreOptions, archive?: string): RestoreRequest<Settings>
  plan(options?: RestoreOptions, archive?: string): Promise<RestorePlan>
  /** Plans and carries out, as the helper does. `change`: stands between the restorer and its transaction. */
  restore(
    options?: RestoreOptions,
    how?: {
      readonly io?: WatchedIo
      readonly archive?: string
      change?(tx: RestoreTransaction): RestoreTransaction
    },
  ): Promise<Restored>
  /** What was asked of the stand-ins, and forgets it. */
  calls(): string[]
  /** Makes a stand-in fail: `useradd`, `systemctl-start`. */
  fail(what: string): void
  /** A unit file, in the state that is given. */
  unit(name: string, text: string, state?: 'active' | 'inactive'): void
  unitState(name: string): string
  /** Lines of a file below the machine's root; none when it is not there. */
  lines(path: string): string[]
  /** Everything that can be seen of the accounts and units. */
  machineState(): unknown
  /** Names in the archives directory but for journals, which stay until the engine has heard how a restore ended. */
  archivesLeft(): string[]
  /** Names beside the directory that was saved, hidden ones included. */
  beside(): string[]
}

/** A world of its own for each test of the file: `use` gets it, and may put something into its tree. */
export function eachInRestoreWorld(use: (world: RestoreWorld) => void): void {
  let world: RestoreWorld
  beforeEach(async () => {
    needRoot()
    world = await makeRestoreWorld()
    use(world)
  })
  afterEach(() => world.dispose())
}

/** A `run` that does something right before tar unpacks. */
export function beforeUnpacking(run: Run, act: () => void): Run {
  return (file, args, options) => {
    if (args.includes('--extract')) act()
    return run(file, args, options)
  }
}

/** A `run` that does something to the tree that tar has unpacked. */
export function afterUnpacking(run: Run, act: (tree: string) => void): Run {
  return async (file, args, options) => {
    const done = await run(file, args, options)
    const into = args.find((arg) => arg.startsWith('--directory='))
    if (file === 'tar' && into !== undefined) act(join(into.slice('--directory='.length), 'tree'))
    return done
  }
}

/** The world of the backup tests, with a machine. */
async function makeRestoreWorld(): Promise<RestoreWorld> {
  const world = await makeWorld()
  const machine = world.places.systemRoot
  mkdirSync(join(machine, 'etc/systemd/system'), { recursive: true })
  for (const folder of ['fail', 'crash', 'units']) mkdirSync(join(machine, folder))
  writeFileSync(join(machine, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/bash\n')
  writeFileSync(join(machine, 'etc/group'), 'root:x:0:\nmail:x:8:\n')
  const io = (signal?: AbortSignal): WatchedIo => {
    const watched = watchedIo(world.places, signal)
    const run: Run = (file, args, options = {}) =>
      watched.run(file, args, {
        ...options,
        env: {
          PATH: `${standIns}:${usualPath}:${dirname(process.execPath)}`,
          FAKE_MACHINE: machine,
          ...options.env,
        },
      })
    return { ...watched, run }
  }
  const request = (options: RestoreOptions = {}, archive = 'made'): RestoreRequest<Settings> => ({
    archive,
    options,
    settings: customDir.settings.parse({ source_path: world.tree }),
  })
  const lines = (path: string): string[] =>
    existsSync(join(machine, path)) ? readFileSync(join(machine, path), 'utf8').trimEnd().split('\n') : []
  const inTree = (name: string): string => join(world.tree, name)
  return {
    ...world,
    machine,
    io,
    save: (settings, name) => world.produce(settings, { run: io().run }, name),
    inTree,
    write: (name, data) => {
      mkdirSync(dirname(inTree(name)), { recursive: true })
      writeFileSync(inTree(name), data)
    },
    text: (name) => readFileSync(inTree(name), 'utf8'),
    mountAt: (folder, megabytes) => {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder])
      world.atEnd(() => execFileSync('umount', [folder]))
    },
    request,
    plan: (options, archive) => customDir.restore.plan(request(options, archive), io()),
    restore: async (options, how = {}) => {
      const own = how.io ?? io()
      const asked = request(options, how.archive)
      const plan = await customDir.restore.plan(asked, own)
      if (plan.refusals.length > 0) throw new Error(`refused: ${JSON.stringify(plan.refusals)}`)
      const states = plan.steps.map((): StepState => 'waiting')
      const { change } = how
      const source = change
        ? {
            ...customDir,
            restore: {
              ...customDir.restore,
              apply: ((r, p, tx, i) =>
                customDir.restore.apply(r, p, change(tx), i)) satisfies typeof customDir.restore.apply,
            },
          }
        : customDir
      const outcome = await carryOut(source, asked, plan, own, (step, state) => void (states[step] = state))
      return { ...outcome, steps: plan.steps.map(({ code }, i) => `${code}: ${states[i]}`) }
    },
    calls: () => {
      const made = lines('calls')
      rmSync(join(machine, 'calls'), { force: true })
      return made
    },
    fail: (what) => writeFileSync(join(machine, 'fail', what), ''),
    unit: (name, text, state = 'inactive') => {
      writeFileSync(join(machine, 'etc/systemd/system', name), text)
      writeFileSync(join(machine, 'units', name), `${state}\n`)
    },
    unitState: (name) => lines(`units/${name}`)[0] ?? 'inactive',
    lines,
    machineState: () => {
      const entries = Object.entries(treeOf(join(machine, 'etc')))
      return entries.map(([path, { mode, target, sha256 }]) => ({ path, mode, target, sha256 }))
    },
    archivesLeft: () =>
      world
        .archives()
        .filter((name) => !name.endsWith('.journal'))
        .toSorted(),
    beside: () => readdirSync(dirname(world.tree)).toSorted(),
  }
}
