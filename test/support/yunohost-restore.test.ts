// How the stand-in finds and runs the hooks that archives bring must be how the real command was seen to do it.
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { run, type Done } from '../../src/sys/process.ts'
import { createFakeYunohost, type FakeYunohost } from './fake-yunohost.ts'

async function aServer(): Promise<FakeYunohost> {
  const fake = await createFakeYunohost({ apps: [] })
  onTestFinished(() => fake.dispose())
  return fake
}

async function yunohost(fake: FakeYunohost, ...args: string[]): Promise<Done & { readonly stderr: string }> {
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

describe('a restore', () => {
  /** An archive of the part `data_custom` with these members; `info` replaces keys of its description, null leaves one out. */
  async function foreign(fake: FakeYunohost, name: string, hooks: object, info: object = {}): Promise<void> {
    const tree = join(fake.root, `of-${name}`)
    await mkdir(join(tree, 'hooks/restore'), { recursive: true })
    await mkdir(join(tree, 'data/custom/files'), { recursive: true })
    await writeFile(join(tree, 'data/custom/files/a'), 'content')
    for (const [file, text] of Object.entries(hooks) as [string, string][]) {
      await writeFile(join(tree, 'hooks/restore', file), text)
    }
    const described = {
      description: 'foreign',
      created_at: 1_795_000_000,
      size: 7,
      size_details: { system: { data_custom: 7 }, apps: {} },
      apps: {},
      system: { data_custom: Object.keys(hooks).map((file) => `/etc/yunohost/hooks.d/backup/${file}`) },
      from_yunohost_version: '12.1.39',
      ...info,
    }
    const kept = Object.fromEntries(Object.entries(described).filter(([, value]) => value !== null))
    await writeFile(join(tree, 'info.json'), JSON.stringify(kept))
    await run('tar', ['-C', tree, '-cf', inArchives(fake, `${name}.tar`), 'info.json', 'data', 'hooks'])
  }

  const part = ['--system', 'data_custom', '--force']

  test('of a part that YunoHost does not know runs the hook that the archive brings, and keeps it', async () => {
    const fake = await aServer()
    const hook = `set -eu\ncp "$1/data/custom/files/a" ${join(fake.root, 'restored')}\necho done >&$YNH_STDINFO\n`
    await foreign(fake, 'foreign', { '95-data_custom': hook })
    const unasked = await yunohost(fake, 'backup', 'restore', 'foreign', '--system', 'data_custom')
    expect(unasked.stderr).toContain("Not a tty, can't do interactive prompts")
    // It was put there before anybody was asked.
    const folder = join(fake.root, 'etc/yunohost/hooks.d/restore')
    expect(await readdir(folder)).toEqual(['95-data_custom'])
    expect((await stat(folder)).mode & 0o7777).toBe(0o1363)
    const told = await yunohost(fake, 'backup', 'restore', 'foreign', ...part, '--output-as', 'json')
    expect(told.stdout).toContain('INFO done\n')
    expect(told.stdout).toContain('{"system": {"data_custom": "Success"}, "apps": {}}')
    expect(await readFile(join(fake.root, 'restored'), 'utf8')).toBe('content')
    expect(await readdir(folder)).toEqual(['95-data_custom'])
    await foreign(fake, 'newer', { '96-data_custom': 'exit 9\n' })
    expect((await yunohost(fake, 'backup', 'restore', 'newer', ...part)).code).toBe(0)
    expect(await readdir(folder)).toEqual(['95-data_custom'])
  })

  test('runs hooks traced, in the work dir, without HOME, and from the second time on with umask 0', async () => {
    const fake = await aServer()
    const hook = `{ umask; pwd; env | sort; } >"${fake.root}/seen.$YNH_STDINFO"
stat -c '%a %n' . data/custom data/custom/files >>"${fake.root}/seen.$YNH_STDINFO"; mv "${fake.root}/seen.$YNH_STDINFO" "${fake.root}/seen"
echo to-the-log; echo warned >&2`
    await foreign(fake, 'traced', { '95-data_custom': hook })
    const work = join(fake.root, 'home/yunohost.backup/tmp/traced')
    const seen: string[] = []
    for (const _ of ['first', 'second']) {
      const told = await yunohost(fake, 'backup', 'restore', 'traced', ...part)
      expect(told.stderr).toBe('WARNING YunoHost is already installed\nWARNING warned\n')
      seen.push(await readFile(join(fake.root, 'seen'), 'utf8'))
    }
    const [first = '', second = ''] = seen
    expect(first).toMatch(/^0022\n/)
    expect(second).toMatch(/^0000\n/)
    // What has no member of its own is made with that umask.
    expect(first.slice(-60)).toContain('777 .\n755 data/custom\n755 data/custom/files\n')
    expect(second.slice(-60)).toContain('777 .\n777 data/custom\n755 data/custom/files\n')
    for (const line of [
      work,
      `YNH_BACKUP_DIR=${work}`,
      `YNH_BACKUP_CSV=${work}/backup.csv`,
      `YNH_CWD=${work}`,
      'YNH_INTERFACE=cli',
      'BASH_XTRACEFD=7',
    ]) {
      expect(first.split('\n')).toContain(line)
    }
    expect(first).toMatch(/^YNH_STDRETURN=\/.*\/stdreturn$/m)
    expect(first).not.toMatch(/^HOME=/m)
    const operations = join(fake.root, 'var/log/yunohost/operations')
    const [log = ''] = await readdir(operations)
    const logged = await readFile(join(operations, log), 'utf8')
    expect(logged).toContain('DEBUG - + echo to-the-log\nDEBUG - to-the-log\n')
    expect(await readdir(join(fake.root, 'home/yunohost.backup/tmp'))).toEqual([])
  })

  test('runs every hook of a name, and those whose names go on with an underscore', async () => {
    const fake = await aServer()
    const note = `echo "$(basename "$0")" >>${fake.root}/ran\n`
    await foreign(fake, 'many', { '90-data_custom': note, '10-data_custom': `${note}exit 3\n` })
    await mkdir(join(fake.root, 'etc/yunohost/hooks.d/restore'))
    await writeFile(join(fake.root, 'etc/yunohost/hooks.d/restore/50-data_custom_b'), note)
    const told = await yunohost(fake, 'backup', 'restore', 'many', ...part, '--output-as', 'json')
    expect(await readFile(join(fake.root, 'ran'), 'utf8')).toBe(
      '10-data_custom\n50-data_custom_b\n90-data_custom\n',
    )
    expect(told.stderr).toContain(
      'ERROR Could not run script: /etc/yunohost/hooks.d/restore/10-data_custom\n',
    )
    expect(told.stderr).toContain("ERROR Could not restore the 'data_custom' system part\n")
    // One that worked is enough for 0.
    expect(told).toMatchObject({ code: 0 })
    expect(told.stdout).toContain(
      '{"system": {"data_custom": "Error", "data_custom_b": "Success"}, "apps": {}}',
    )
  })

  test('breaks when a hook prints what is no UTF-8, or leaves somebody who holds its output', async () => {
    const fake = await aServer()
    await foreign(fake, 'latin', { '95-data_custom': "printf '\\351\\n' >&2\n" })
    expect((await yunohost(fake, 'backup', 'restore', 'latin', ...part)).stderr).toContain('is no UTF-8')
    await rm(join(fake.root, 'etc/yunohost/hooks.d/restore/95-data_custom'))
    await foreign(fake, 'daemon', { '95-data_custom': `sleep 300 & echo $! >${fake.root}/daemon\n` })
    const told = await yunohost(fake, 'backup', 'restore', 'daemon', ...part)
    expect(told.stderr).toContain('still holds its output')
    process.kill(Number(await readFile(join(fake.root, 'daemon'), 'utf8')))
  })

  test.each([
    ['created_at', { created_at: null }, "KeyError: 'created_at'"],
    ['description', { description: null }, "KeyError: 'description'"],
    ['apps', { apps: null }, "KeyError: 'apps'"],
    ['system', { system: null }, "KeyError: 'system'"],
    ['from_yunohost_version', { from_yunohost_version: null }, 'TypeError'],
    ['from_yunohost_version', { from_yunohost_version: 'backupmanager' }, 'InvalidVersion'],
    ['from_yunohost_version', { from_yunohost_version: '4.1.8' }, 'too-old YunoHost version'],
    ['system', { system: { data_custom: [] } }, 'not available on your system and not in the archive either'],
    [
      'system',
      { system: { data_custom: ['/x/96-data_custom'] } },
      'KeyError: "filename \'hooks/restore/96-data_custom\' not found"',
    ],
    ['size', { size: 1e15 }, 'Not enough space'],
  ])('of an archive without a good %s fails: %j', async (_, info, text) => {
    const fake = await aServer()
    await foreign(fake, 'bad', { '95-data_custom': `touch ${fake.root}/ran\n` }, info)
    const told = await yunohost(fake, 'backup', 'restore', 'bad', ...part)
    expect(told.code).toBe(1)
    expect(told.stderr).toContain(text)
    expect(await readdir(fake.root)).not.toContain('ran')
  })

  test('before the postinstall needs to know the main domain', async () => {
    const fake = await aServer()
    await foreign(fake, 'early', { '95-data_custom': 'exit 0\n' })
    await rm(join(fake.root, 'etc/yunohost/installed'))
    const told = await yunohost(fake, 'backup', 'restore', 'early', '--system', 'data_custom')
    expect(told.code).toBe(1)
    expect(told.stderr).toContain('The main domain name cannot be retrieved from inside the archive')
  })
})
