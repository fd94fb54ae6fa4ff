// The stand-in must do what the real command was seen to do; everything that uses it stands on that.
import { mkdir, readdir, readFile, readlink, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { CommandError, run, type Done } from '../../src/sys/process.ts'
import { eventually } from './eventually.ts'
import {
  createFakeYunohost,
  standInPath,
  type FakeYunohost,
  type FakeYunohostOptions,
} from './fake-yunohost.ts'

interface Told extends Done {
  readonly stderr: string
}

async function aServer(options: FakeYunohostOptions = {}): Promise<FakeYunohost> {
  const fake = await createFakeYunohost(options)
  onTestFinished(() => fake.dispose())
  return fake
}

async function yunohost(fake: FakeYunohost, ...args: string[]): Promise<Told> {
  let stderr = ''
  const done = await run(fake.command[0], args, {
    okCodes: [0, 1, 2],
    onStderrLine: (line) => (stderr += `${line}\n`),
  })
  return { ...done, stderr }
}

function inArchives(fake: FakeYunohost, name: string): string {
  return join(fake.archivesDir, name)
}

async function members(path: string): Promise<string[]> {
  return (await run('tar', ['-tf', path])).stdout.trimEnd().split('\n')
}

describe('output and exit codes', () => {
  test('log lines stand before the JSON on stdout, and --quiet leaves only the JSON', async () => {
    const fake = await aServer()
    const loud = await yunohost(
      fake,
      'backup',
      'create',
      '--apps',
      'nocodb',
      '-n',
      'a',
      '--output-as',
      'json',
    )
    expect(loud.stdout).toMatch(/^INFO .*\n(?:.*\n)*SUCCESS Backup 'a' created\n\{"name": "a", .*\}\n$/)
    const quiet = await yunohost(
      fake,
      '--quiet',
      '--output-as',
      'json',
      'backup',
      'create',
      '--apps',
      'nocodb',
      '-n',
      'b',
    )
    expect(quiet.stdout).toMatch(/^\{"name": "b", .*\}\n$/)
    expect((await yunohost(fake, 'app', 'list', '--output-as', 'none')).stdout).toBe('')
    expect((await yunohost(fake, 'app', 'list', '--output-as', 'plain')).stdout).toContain('#apps\n')
  })

  test('an error is 1 with its text on stderr, silent with --quiet, and wrong usage is 2', async () => {
    const fake = await aServer()
    const failed = await yunohost(fake, 'backup', 'info', 'nope')
    expect(failed).toMatchObject({ code: 1, stdout: '' })
    expect(failed.stderr).toBe("ERROR Unknown local backup archive named 'nope'\n")
    expect(await yunohost(fake, '--quiet', 'backup', 'info', 'nope')).toMatchObject({ code: 1, stderr: '' })
    expect((await yunohost(fake, 'backup', 'frobnicate')).code).toBe(2)
  })

  test('it works by its own path with its world in the environment', async () => {
    const fake = await aServer()
    const done = await run(standInPath, ['tools', 'versions', '--output-as', 'json'], { env: fake.env })
    expect(JSON.parse(done.stdout)).toMatchObject({ yunohost: { version: '12.1.39', repo: 'stable' } })
  })

  test('facts have the shapes that scripts read', async () => {
    const fake = await aServer()
    expect(await fake.call('domain', 'list')).toMatchObject({ main: 'example.test' })
    expect(await fake.call('user', 'list')).toMatchObject({ users: { alice: { username: 'alice' } } })
    expect(await fake.call('user', 'group', 'list')).toMatchObject({
      groups: { admins: { members: ['alice'] } },
    })
    expect(await fake.call('settings', 'get', 'misc.backup.backup_compress_tar_archives')).toBe(0)
    expect(await fake.call('app', 'info', 'nocodb', '--full')).toMatchObject({ name: 'NocoDB', settings: {} })
    await fake.call('firewall', 'open', '8999', 'torrents', '--no-reload')
    expect(await fake.call('firewall', 'list')).toEqual({ tcp: [22, 25, 80, 443, 8999], udp: [5353] })
    await fake.call('firewall', 'close', '8999')
    expect(await fake.call('firewall', 'list', '--raw')).toMatchObject({
      tcp: { '8999': { open: false, comment: 'torrents' } },
    })
  })
})

describe('an archive', () => {
  test('is PAX, in the order of YunoHost, and its sidecar is a copy of the member', async () => {
    const fake = await aServer()
    await fake.call(
      'backup',
      'create',
      '--apps',
      'nocodb',
      '--system',
      'data_home',
      '-n',
      'first',
      '-d',
      'né',
    )
    const tar = inArchives(fake, 'first.tar')
    const names = await members(tar)
    expect(names.slice(0, 2)).toEqual(['data/home/alice/', 'data/home/alice/notes.txt'])
    const order = [
      'hooks/restore/17-data_home',
      'apps/nocodb/backup/var/www/nocodb/',
      'backup.csv',
      'info.json',
      'apps/nocodb/',
    ]
    const places = order.map((name) => names.indexOf(name))
    expect(places).toEqual(places.toSorted((a, b) => a - b))
    expect(places).not.toContain(-1)
    expect(names.some((name) => /^[./]/.test(name))).toBe(false)
    const sidecar = await readFile(inArchives(fake, 'first.info.json'), 'utf8')
    expect((await run('tar', ['-xOf', tar, 'info.json'])).stdout).toBe(sidecar)
    expect(Object.keys(JSON.parse(sidecar) as object)).toEqual([
      'description',
      'created_at',
      'size',
      'size_details',
      'apps',
      'system',
      'from_yunohost_version',
    ])
    const csv = (await run('tar', ['-xOf', tar, 'backup.csv'])).stdout
    expect(csv).toContain('"/var/www/nocodb","apps/nocodb/backup/var/www/nocodb"\r\n')
    expect((await readFile(tar)).includes(' mtime=')).toBe(true)
    expect(await readdir(join(fake.archivesDir, '../tmp'))).toEqual([])
  })

  test('is a .tar.gz with an absolute link beside it when compression is on', async () => {
    const fake = await aServer()
    await fake.call('settings', 'set', 'misc.backup.backup_compress_tar_archives', '-v', 'yes')
    await fake.call('backup', 'create', '--apps', 'nocodb', '-n', 'gz')
    expect(await readlink(inArchives(fake, 'gz.tar'))).toBe(inArchives(fake, 'gz.tar.gz'))
    expect(await fake.call('backup', 'list')).toEqual({ archives: ['gz'] })
    await fake.call('backup', 'delete', 'gz')
    expect(await readdir(fake.archivesDir)).toEqual([])
  })

  test('stands under its final name while it is written, without its sidecar', async () => {
    const fake = await aServer({ modes: { hang: 'tar' } })
    const stop = new AbortController()
    const args = ['backup', 'create', '--apps', 'nocodb', '-n', 'half']
    const work = run(fake.command[0], args, { signal: stop.signal, graceMs: 100 })
    work.catch(() => undefined)
    await eventually(() => fake.hangingPid())
    expect(await readdir(fake.archivesDir)).toEqual(['half.tar'])
    expect(await fake.call('backup', 'list')).toEqual({ archives: ['half'] })
    stop.abort()
    await expect(work).rejects.toBeInstanceOf(CommandError)
  })

  test('name is checked, and a name that exists is refused', async () => {
    const fake = await aServer()
    for (const name of ['a/b', 'a b', 'dot.', 'x'.repeat(51)]) {
      const told = await yunohost(fake, 'backup', 'create', '--apps', 'nocodb', '-n', name)
      expect(told.code).toBe(1)
      expect(told.stderr).toContain("Invalid argument 'name'")
    }
    await writeFile(inArchives(fake, 'partial.tar'), '')
    const told = await yunohost(fake, 'backup', 'create', '--apps', 'nocodb', '-n', 'partial')
    expect(told.stderr).toBe("ERROR A backup archive with the name 'partial' already exists.\n")
  })

  test('is made with exit code 0 when only some targets failed, with 1 when all did', async () => {
    const fake = await aServer({ modes: { app_error: ['nextcloud'] } })
    const args = ['backup', 'create', '--output-as', 'json', '-n']
    const some = await yunohost(fake, ...args, 'some', '--apps', 'nextcloud', 'nocodb', 'nope')
    expect(some.code).toBe(0)
    expect(JSON.parse(some.stdout.trimEnd().split('\n').at(-1) ?? '')).toMatchObject({
      results: { apps: { nextcloud: 'Error', nocodb: 'Success', nope: 'Skipped' } },
    })
    const none = await yunohost(fake, ...args, 'none', '--apps', 'nextcloud')
    expect(none.code).toBe(1)
    expect(none.stderr).toContain('ERROR Failed to collect files to be backed up')
    expect(await readdir(join(fake.archivesDir, '../tmp'))).toEqual([])
  })

  test('that did not fit stays half written, with a traceback', async () => {
    const fake = await aServer({ modes: { disk_full_after: 15_000 } })
    const told = await yunohost(fake, 'backup', 'create', '--apps', 'nocodb', '-n', 'full')
    expect(told.code).toBe(1)
    expect(told.stderr).toMatch(
      /Could not add the files .*\nTraceback[^]*\[Errno 28\] No space left on device/,
    )
    expect(await readdir(fake.archivesDir)).toEqual(['full.tar'])
  })
})

describe('the list of archives', () => {
  test('makes a missing sidecar again, and warns about what it cannot read', async () => {
    const fake = await aServer()
    await fake.call('backup', 'create', '--apps', 'nocodb', '-n', 'good')
    await fake.call('backup', 'create', '--apps', 'nocodb', '-n', 'cut')
    await rm(inArchives(fake, 'good.info.json'))
    await rm(inArchives(fake, 'cut.info.json'))
    await truncate(inArchives(fake, 'cut.tar'), 20_000)
    await writeFile(inArchives(fake, 'garbage.tar'), 'not a tar at all')
    await symlink('/nowhere/gone.tar', inArchives(fake, 'broken.tar'))
    const told = await yunohost(fake, 'backup', 'list', '--with-info', '--output-as', 'json')
    expect(Object.keys((JSON.parse(told.stdout) as { archives: object }).archives)).toEqual(['good'])
    expect(told.stderr).toMatch(/WARNING It looks like the backup archive '.*cut\.tar' is corrupted : /)
    expect(told.stderr).toContain('Could not check infos for archive garbage')
    expect(await readdir(fake.archivesDir)).toContain('good.info.json')
    expect((await yunohost(fake, 'backup', 'info', 'broken')).stderr).toContain(
      'broken link to /nowhere/gone.tar',
    )
    expect(await fake.call('backup', 'info', 'good', '--with-details')).toMatchObject({
      from_yunohost_version: '12.1.39',
      apps: { nocodb: { version: '0.263.3~ynh1' } },
    })
  })

  test('runs the admin’s hooks around a deletion', async () => {
    const fake = await aServer()
    await fake.call('backup', 'create', '--apps', 'nocodb', '-n', 'doomed')
    const hooks = join(fake.root, 'etc/yunohost/hooks.d/post_backup_delete')
    await mkdir(hooks)
    await writeFile(join(hooks, '50-note'), `echo "$1" > ${join(fake.root, 'deleted')}\n`)
    await fake.call('backup', 'delete', 'doomed')
    expect(await readFile(join(fake.root, 'deleted'), 'utf8')).toBe('doomed\n')
    expect(await readdir(fake.archivesDir)).toEqual([])
  })
})

describe('the lock', () => {
  test('makes a second command fail after --timeout, while reading goes on', async () => {
    const fake = await aServer()
    const lock = await fake.holdLock()
    onTestFinished(() => lock.release().catch(() => undefined))
    const told = await yunohost(fake, '--timeout', '0', 'backup', 'delete', 'x')
    expect(told.code).toBe(1)
    expect(told.stderr).toContain('ERROR There is already a YunoHost operation running.')
    expect((await yunohost(fake, 'backup', 'list')).code).toBe(0)
  })

  test('of a killed command is taken over by the next one', async () => {
    const fake = await aServer({ modes: { kill: 'tar' } })
    await expect(fake.call('backup', 'create', '--apps', 'nocodb', '-n', 'killed')).rejects.toThrow('signal')
    const lockFile = join(fake.root, 'var/run/moulinette_yunohost.lock')
    expect(await readFile(lockFile, 'utf8')).toMatch(/^\d+$/)
    expect(await readdir(join(fake.archivesDir, '../tmp'))).toEqual(['killed'])
    await fake.setModes({})
    await fake.call('backup', 'delete', 'killed')
    await expect(readFile(lockFile)).rejects.toThrow('ENOENT')
  })
})

describe('a restore', () => {
  test('brings an app back, and refuses one that is installed', async () => {
    const fake = await aServer()
    await fake.call('backup', 'create', '--apps', 'nocodb', '-n', 'app')
    const refused = await yunohost(fake, 'backup', 'restore', 'app', '--apps', 'nocodb')
    expect(refused.stderr).toContain("can't be restored because they are already installed: nocodb")
    await fake.call('app', 'remove', 'nocodb')
    expect(await readdir(join(fake.root, 'var/www'))).not.toContain('nocodb')
    expect(await readdir(join(fake.root, 'home/yunohost.app/nocodb'))).toEqual(['data.bin'])
    expect(await fake.call('backup', 'restore', 'app', '--apps', 'nocodb')).toEqual({
      system: {},
      apps: { nocodb: 'Success' },
    })
    expect(await readdir(join(fake.root, 'var/www/nocodb'))).toEqual(['assets', 'index.php'])
    expect(await fake.call('app', 'info', 'nocodb')).toMatchObject({ version: '0.263.3~ynh1' })
  })

  test('that fails removes the app, from that archive only, and with the newer option leaves it broken', async () => {
    const fake = await aServer({ modes: { restore_error_in: { bad: ['nocodb'] } } })
    for (const name of ['bad', 'good']) await fake.call('backup', 'create', '--apps', 'nocodb', '-n', name)
    await fake.call('app', 'remove', 'nocodb')
    const restore = ['backup', 'restore', 'bad', '--apps', 'nocodb', '--force']
    const option = '--no-remove-on-failure'
    const failed = await yunohost(fake, ...restore)
    expect(failed).toMatchObject({ code: 1 })
    expect(failed.stderr).toContain('ERROR Could not restore nocodb')
    expect(JSON.stringify(await fake.call('app', 'list'))).not.toContain('nocodb')
    expect(await readdir(join(fake.root, 'var/www'))).not.toContain('nocodb')
    expect((await yunohost(fake, ...restore, option)).code).toBe(2)
    expect((await yunohost(fake, 'backup', 'restore', '--help')).stdout).not.toContain(option)
    await fake.setModes({ restore_error_in: { bad: ['nocodb'] }, no_remove_on_failure: true })
    expect((await yunohost(fake, 'backup', 'restore', '--help')).stdout).toContain(option)
    expect((await yunohost(fake, ...restore, option)).code).toBe(1)
    expect(JSON.stringify(await fake.call('app', 'list'))).toContain('nocodb')
    await fake.call('app', 'remove', 'nocodb')
    expect(await fake.call('backup', 'restore', 'good', '--apps', 'nocodb')).toMatchObject({
      apps: { nocodb: 'Success' },
    })
  })
})
