// A server on which nothing of ours is installed: the stand-in for YunoHost, an /etc of its own (users, groups, units) that
// only its commands see, and a systemctl that records what it was told. For restores by the hook that an archive carries.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { chmod } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'
import { anOrder, watchedIo } from '../../src/sources/contract.ts'
import type { AnySource, Places } from '../../src/sources/source.ts'
import { run, type Run } from '../../src/sys/process.ts'
import { createFakeYunohost, type FakeYunohost } from './fake-yunohost.ts'

export interface Told {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
  /** The last line of stdout: what the command answers. */
  readonly answer: string
}

export interface RestoreOptions {
  readonly umask?: string
  readonly env?: Readonly<Record<string, string>>
}

export interface StockServer {
  readonly fake: FakeYunohost
  readonly places: Places
  /** Folder for directories that are saved and restored; not where the archives are. */
  readonly folder: string
  /** Makes an archive with the real source. */
  archive(
    source: Pick<AnySource, 'settings' | 'produce'>,
    settings: Readonly<Record<string, unknown>>,
    name?: string,
  ): Promise<string>
  /** `yunohost backup restore NAME --system PART --force`, as root's shell would call it. Never rejects for its exit code. */
  restore(name: string, part: string, options?: RestoreOptions): Promise<Told>
  /** What systemctl was told, one call per line. */
  systemctl(): string[]
  /** Puts a program in front of all others of its name; `$REAL` is the one that it hides. */
  shadow(program: string, script: string): Promise<void>
  /** Everything that YunoHost logged of restores. */
  log(): string
  /** Names of restore hooks that are installed. */
  hooks(): string[]
  /** A file of the server's own /etc. */
  etc(path: string): string
}

/** What programs look up there that a hook calls. */
const etcNeeded = [
  ...[
    'passwd',
    'group',
    'shadow',
    'gshadow',
    'subuid',
    'subgid',
    'login.defs',
    'nsswitch.conf',
    'default',
    'pam.d',
  ],
  ...[
    'security',
    'ld.so.cache',
    'ld.so.conf',
    'ld.so.conf.d',
    'alternatives',
    'localtime',
    'mysql',
    'postgresql-common',
  ],
]

const withEtc = 'mount --bind "$PRIVATE_ETC" /etc; exec "$@"'

const systemctl = `echo "$*" >>"$STATE/systemctl.log"
case "$*" in
  is-active*) exec test -e "$STATE/active" ;;
  *fail*) echo "Job failed." >&2; exit 1 ;;
  stop*) rm -f "$STATE/active" ;;
  start* | restart*) touch "$STATE/active" ;;
esac
`

/** Makes the server; it is removed when the test has finished. Needs root. */
export async function stockServer(): Promise<StockServer> {
  if (process.getuid?.() !== 0) throw new Error('this test makes users, owners and mounts: run it as root')
  const fake = await createFakeYunohost({ apps: [] })
  onTestFinished(() => fake.dispose())
  const { root } = fake
  const folder = join(root, 'real')
  const programs = join(root, 'programs')
  const etc = join(root, 'private-etc')
  for (const path of [folder, programs, etc]) mkdirSync(path)
  // Programs that hooks start as another user are found too.
  await chmod(root, 0o711)
  const copied = etcNeeded.map((name) => `/etc/${name}`).filter((path) => existsSync(path))
  execFileSync('cp', ['-a', '--', ...copied, etc])
  const path = `${join(root, 'bin')}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:${dirname(process.execPath)}`
  const places: Places = {
    archivesDir: fake.archivesDir,
    dataDir: join(root, 'data-of-ours'),
    yunohost: fake.command,
    systemRoot: join(root, 'saved-system'),
  }
  const server: StockServer = {
    fake,
    places,
    folder,
    archive: async (source, settings, name = 'jerry_tree_20260508') => {
      const io = watchedIo(places)
      const saved = `${places.systemRoot}/etc`
      // Names of users are those of the system that is saved.
      const there: Run = (file, args, options) =>
        existsSync(saved) && file === 'tar'
          ? io.run('unshare', ['--mount', 'sh', '-euc', withEtc, 'sh', file, ...args], {
              ...options,
              env: { ...options?.env, PRIVATE_ETC: saved },
            })
          : io.run(file, args, options)
      await source.produce(source.settings.parse(settings), anOrder(name), { ...io, run: there })
      return name
    },
    restore: async (name, part, { umask = '0022', env = {} } = {}) => {
      const command = [
        ...fake.command,
        'backup',
        'restore',
        name,
        '--system',
        part,
        '--force',
        '--output-as',
        'json',
      ]
      let stderr = ''
      const done = await run(
        'unshare',
        ['--mount', 'sh', '-euc', `umask "$UMASK"; ${withEtc}`, 'sh', ...command],
        {
          okCodes: [0, 1],
          onStderrLine: (line) => (stderr += `${line}\n`),
          env: {
            PATH: `${programs}:${path}`,
            PRIVATE_ETC: etc,
            UMASK: umask,
            STATE: programs,
            ...env,
          },
        },
      )
      return {
        code: done.code,
        stdout: done.stdout,
        stderr,
        answer: done.stdout.trimEnd().split('\n').at(-1) ?? '',
      }
    },
    systemctl: () => lines(join(programs, 'systemctl.log')),
    shadow: async (program, script) => {
      const real = execFileSync('sh', ['-c', `command -v ${program}`], { env: { PATH: path } })
        .toString()
        .trim()
      writeFileSync(join(programs, program), `#!/bin/sh\nREAL=${real}\n${script}\n`)
      await chmod(join(programs, program), 0o755)
    },
    log: () => {
      const operations = join(root, 'var/log/yunohost/operations')
      return existsSync(operations)
        ? readdirSync(operations)
            .map((file) => readFileSync(join(operations, file), 'utf8'))
            .join('')
        : ''
    },
    hooks: () => readdirSync(join(root, 'etc/yunohost/hooks.d/restore')),
    etc: (path) => join(etc, path),
  }
  await server.shadow('systemctl', systemctl)
  return server
}

/** Writes a file below the system that is saved, e.g. `/etc/passwd`. */
export function ofSavedSystem(server: StockServer, path: string, text: string): void {
  const target = `${server.places.systemRoot}${path}`
  mkdirSync(dirname(target), { recursive: true })
  writeFileSync(target, text)
}

function lines(path: string): string[] {
  return existsSync(path) ? readFileSync(path, 'utf8').trimEnd().split('\n') : []
}
