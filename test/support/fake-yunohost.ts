// A pretended YunoHost server in a temporary folder, for tests and the demo. The command itself: README.md beside it.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, readFile, rename, rm, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from '../../src/sys/process.ts'

/** The stand-in itself; `FakeYunohost.command` wraps it with its world. */
export const standInPath = fileURLToPath(new URL('yunohost', import.meta.url))

/**
 * When a command dies or hangs. `backup create`: while collecting, half-way in the tar, between the tar and its sidecar;
 * `app remove` and `backup restore`: half-way of the app, after each part.
 */
export type Stage = 'collect' | 'tar' | 'sidecar' | 'remove' | 'restore' | 'restore_part'

/** See README.md. Every command reads them anew at each step. */
export interface Modes {
  readonly slow_ms?: number
  readonly app_error?: readonly string[]
  readonly app_warning?: readonly string[]
  readonly part_error?: readonly string[]
  readonly part_warning?: readonly string[]
  readonly restore_error?: readonly string[]
  /** By archive. */
  readonly restore_error_in?: Readonly<Record<string, readonly string[]>>
  readonly remove_error?: readonly string[]
  /** The version of YunoHost that has the option `--no-remove-on-failure`. */
  readonly no_remove_on_failure?: boolean
  readonly no_space?: boolean
  /** Bytes of the tar after which writing fails with ENOSPC. */
  readonly disk_full_after?: number
  readonly kill?: Stage
  readonly hang?: Stage
  /** `kill` and `hang` happen the first time only. */
  readonly once?: boolean
  readonly refuse_lock?: boolean
  readonly lock_warn_ms?: number
}

export interface SeedApp {
  readonly id: string
  readonly name?: string
  readonly version?: string
  readonly description?: string
  /** Size of the app's data folder, which is left out by `core_only`. Absent or 0: it has none. */
  readonly data_bytes?: number
  /** Default: the main domain. It need not exist. */
  readonly domain?: string
  readonly path?: string
  /** Groups and users that may use it. Default: `['all_users']`. */
  readonly allowed?: readonly string[]
  readonly do_not_backup_data?: boolean
  /** Further files below `/var/www/ID`. */
  readonly files?: Readonly<Record<string, string>>
}

export interface FakeYunohost {
  /** One word: an executable that knows its world, for `Places.yunohost` and `BM_YUNOHOST`. */
  readonly command: readonly [string]
  /** For calling the stand-in itself instead of `command`. */
  readonly env: Readonly<Record<string, string>>
  readonly archivesDir: string
  readonly root: string
  /** Replaces all failure modes; also those of a command that runs. */
  setModes(modes: Modes): Promise<void>
  addApp(app: SeedApp): Promise<void>
  /** Calls the command; its parsed JSON answer, null when it printed none. Rejects when it fails. */
  call(...args: string[]): Promise<unknown>
  /** Another process takes YunoHost's lock until `release`. */
  holdLock(): Promise<{ release(): Promise<void> }>
  /** Pid of the process that mode `hang` left behind, null while there is none. */
  hangingPid(): Promise<number | null>
  /** Removes the world. */
  dispose(): Promise<void>
}

export interface FakeYunohostOptions {
  /** Default: a new folder below the system's temporary one. `dispose` removes either. */
  readonly root?: string
  /** Instead of the default apps (nextcloud, nocodb, wordpress, wordpress__2, my_webapp). */
  readonly apps?: readonly SeedApp[]
  readonly modes?: Modes
}

/** Makes a world and the command that lives in it. */
export async function createFakeYunohost(options: FakeYunohostOptions = {}): Promise<FakeYunohost> {
  const root = options.root ?? (await mkdtemp(join(tmpdir(), 'bm-yunohost-')))
  const archivesDir = join(root, 'home/yunohost.backup/archives')
  const env = { FAKE_YUNOHOST_ROOT: root }
  const command = join(root, 'bin/yunohost')
  await mkdir(join(root, 'bin'), { recursive: true })
  await writeFile(command, `#!/bin/sh\nFAKE_YUNOHOST_ROOT=${quoted(root)} exec ${quoted(standInPath)} "$@"\n`)
  await chmod(command, 0o755)
  if (options.apps !== undefined)
    await writeFile(join(root, 'seed.json'), JSON.stringify({ apps: options.apps }))

  const fake: FakeYunohost = {
    command: [command],
    env,
    archivesDir,
    root,
    async setModes(modes) {
      await writeFile(join(root, 'modes.json.new'), JSON.stringify(modes))
      await rename(join(root, 'modes.json.new'), join(root, 'modes.json'))
    },
    async addApp(app) {
      await run(command, ['standin', 'seed', JSON.stringify(app)])
    },
    async call(...args) {
      const { stdout } = await run(command, [...args, '--output-as', 'json'])
      const last = stdout.trimEnd().split('\n').at(-1) ?? ''
      return /^[[{"0-9]/.test(last) ? (JSON.parse(last) as unknown) : null
    },
    holdLock: () => holdLock(join(root, 'var/run/moulinette_yunohost.lock')),
    async hangingPid() {
      const text = await readFile(join(root, 'hang.pid'), 'utf8').catch(() => '')
      return text === '' ? null : Number(text)
    },
    dispose: () => rm(root, { recursive: true, force: true }),
  }
  await fake.setModes(options.modes ?? {})
  // The first command makes the world.
  await run(command, ['tools', 'versions', '--quiet'])
  return fake
}

async function holdLock(path: string): Promise<{ release(): Promise<void> }> {
  const holder = spawn('sleep', ['3600'], { stdio: 'ignore' })
  await once(holder, 'spawn')
  await writeFile(path, String(holder.pid))
  return {
    async release() {
      await unlink(path)
      const gone = once(holder, 'exit')
      holder.kill('SIGKILL')
      await gone
    },
  }
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`
}
