// The recipe in the archive: everything that a restore on a blank server must know beside the files.
import { execFileSync } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { watchedIo } from '../contract.ts'
import { makeWorld, type World } from './custom-dir-world.ts'
import { customDir } from './index.ts'

let world: World
beforeEach(async () => {
  world = await makeWorld()
  writeFileSync(join(world.tree, 'file'), 'x')
  machineFile(
    'etc/passwd',
    'root:x:0:0:root:/root:/bin/bash\nhermes:x:995:994:An agent:/opt/hermes:/bin/sh\n',
  )
  machineFile('etc/group', 'root:x:0:\nhermes:x:994:\nmail:x:8:hermes\nssl-cert:x:110:other,hermes\n')
  machineFile('etc/systemd/system/hermes.service', '[Service]\nExecStart=/opt/hermes/run\n')
})
afterEach(() => world.dispose())

function machineFile(path: string, text: string): string {
  const file = join(world.places.systemRoot, path)
  mkdirSync(join(file, '..'), { recursive: true })
  writeFileSync(file, text)
  return file
}

/** Files of the recipe by their names, as an independent tar reads them. */
function recipeOf(archive = 'made'): Record<string, string> {
  const tar = join(world.places.archivesDir, `${archive}.tar`)
  const folder = 'data/custom/.backupmanager/'
  const names = execFileSync('tar', ['-tf', tar]).toString().trimEnd().split('\n')
  const files = names.filter((name) => name.startsWith(folder) && !name.endsWith('/'))
  return Object.fromEntries(
    files.map((name) => [name.slice(folder.length), execFileSync('tar', ['-xOf', tar, name]).toString()]),
  )
}

describe('the recipe', () => {
  test('has the user as the machine knows it, the unit file, and what the job says', async () => {
    symlinkSync(
      '../hermes.service',
      join(mkdir('etc/systemd/system/multi-user.target.wants'), 'hermes.service'),
    )
    const made = await world.produce({
      restore: {
        system_user: { name: 'hermes' },
        systemd_service: { name: 'hermes' },
        permissions: { owner: 'hermes:hermes', mode: '0750' },
        firewall_ports: [8080, 8443],
        post_restore_commands: ['echo one\necho two', 'true\n'],
      },
    })
    expect(made.warnings).toEqual([])
    expect(recipeOf()).toEqual({
      format: '2\n',
      source: `${world.tree}\n`,
      user: 'hermes:x:995:994:An agent:/opt/hermes:/bin/sh\n',
      group: 'hermes:x:994:\n',
      groups: 'mail\nssl-cert\n',
      service: 'hermes.service\n',
      unit: '[Service]\nExecStart=/opt/hermes/run\n',
      'unit-path': '/etc/systemd/system/hermes.service\n',
      'unit-enabled': 'yes\n',
      owner: 'hermes:hermes\n',
      mode: '0750\n',
      ports: '8080\n8443\n',
      'commands/001': 'echo one\necho two\n',
      'commands/002': 'true\n\n',
    })
  })

  test('of a job without one tells only what is in the archive', async () => {
    await world.produce()
    expect(recipeOf()).toEqual({ format: '2\n', source: `${world.tree}\n` })
  })

  test('is for root alone in the archive', async () => {
    await world.produce({ restore: { post_restore_commands: ['true'] } })
    const listed = execFileSync('tar', ['-tvf', join(world.places.archivesDir, 'made.tar')]).toString()
    const modes = listed.split('\n').filter((line) => line.includes('/.backupmanager/'))
    expect(modes.map((line) => line.slice(0, 10)).toSorted()).toEqual([
      '-rw-------',
      '-rw-------',
      '-rw-------',
      'drwx------',
      'drwx------',
    ])
  })

  test('prefers the home, the shell and the unit file that the job names', async () => {
    const own = join(world.tree, 'own.service')
    writeFileSync(own, '[Unit]\n')
    await world.produce({
      restore: {
        system_user: { name: 'hermes', home: '/srv/home', shell: '/bin/false' },
        systemd_service: { name: 'hermes.service', service_file: own },
      },
    })
    expect(recipeOf()).toMatchObject({
      user: 'hermes:x:995:994:An agent:/srv/home:/bin/false\n',
      unit: '[Unit]\n',
      'unit-path': '/etc/systemd/system/hermes.service\n',
      'unit-enabled': 'no\n',
    })
  })

  test('has the unit file of a package, and the template of an instance', async () => {
    machineFile('lib/systemd/system/packaged.timer', '[Timer]\n')
    machineFile('usr/lib/systemd/system/many@.service', '[Install]\n')
    await world.produce({ restore: { systemd_service: { name: 'packaged.timer' } } }, {}, 'one')
    expect(recipeOf('one')).toMatchObject({ service: 'packaged.timer\n', unit: '[Timer]\n' })
    await world.produce({ restore: { systemd_service: { name: 'many@a' } } }, {}, 'two')
    expect(recipeOf('two')).toMatchObject({
      service: 'many@a.service\n',
      unit: '[Install]\n',
      'unit-path': '/etc/systemd/system/many@.service\n',
    })
  })
})

describe('what the recipe names and the machine does not have', () => {
  test('is recorded as far as the job tells it, with a warning', async () => {
    const made = await world.produce({
      restore: {
        system_user: { name: 'ghost', home: '/opt/ghost' },
        systemd_service: { name: 'ghost', service_file: '/no/such.service' },
      },
    })
    expect(made.warnings).toEqual([
      { code: 'recipe_user_missing', facts: { user: 'ghost' } },
      { code: 'recipe_service_missing', facts: { service: 'ghost.service' } },
    ])
    expect(made.targets[0]?.status).toBe('warning')
    expect(recipeOf()).toEqual({
      format: '2\n',
      source: `${world.tree}\n`,
      user: 'ghost:x::::/opt/ghost:\n',
      service: 'ghost.service\n',
      'unit-path': '/etc/systemd/system/ghost.service\n',
      'unit-enabled': 'no\n',
    })
  })

  test('is nothing that a masked unit or a directory could stand for', async () => {
    symlinkSync('/dev/null', join(world.places.systemRoot, 'etc/systemd/system/masked.service'))
    mkdir('etc/systemd/system/folder.service')
    for (const name of ['masked', 'folder']) {
      const made = await world.produce({ restore: { systemd_service: { name } } }, {}, name)
      expect(made.warnings).toMatchObject([{ code: 'recipe_service_missing' }])
    }
  })
})

describe('checking a job', () => {
  const errors = async (restore: unknown): Promise<string[]> => {
    const settings = customDir.settings.parse({ source_path: world.tree, restore })
    const found = await customDir.check(settings, watchedIo(world.places))
    return found.map(({ field, code }) => `${field} ${code}`)
  }

  test('names a unit file that cannot be read', async () => {
    const field = 'config.restore.systemd_service.service_file'
    const service = (service_file: string) => ({ systemd_service: { name: 'a', service_file } })
    expect(await errors(service('/no/such.service'))).toEqual([`${field} file_missing`])
    expect(await errors(service(world.tree))).toEqual([`${field} file_missing`])
    expect(await errors(service('/etc/systemd/system/hermes.service'))).toEqual([])
    expect(await errors(service(join(world.tree, 'file')))).toEqual([])
  })

  test('refuses a directory whose files would stand among those of the recipe', async () => {
    for (const path of ['/.backupmanager', '/.backupmanager/inside', '//.backupmanager/']) {
      const settings = customDir.settings.parse({ source_path: path })
      expect(await customDir.check(settings, watchedIo(world.places))).toMatchObject([
        { field: 'config.source_path', code: 'name_reserved' },
      ])
    }
  })

  test.each([
    [{ system_user: { name: 'a', home: '/a:b' } }],
    [{ system_user: { name: 'a', home: 'relative' } }],
    [{ system_user: { name: 'a', shell: '/bin/sh\n' } }],
    [{ systemd_service: { name: 'a', service_file: 'relative.service' } }],
    [{ systemd_service: { name: 'a', service_file: '/a\nb' } }],
    [{ post_restore_commands: ['a\0b'] }],
  ])('refuses %j', (restore) => {
    expect(customDir.settings.safeParse({ source_path: '/srv', restore }).success).toBe(false)
  })

  test('tells whether GNU tar is there', async () => {
    const io = watchedIo(world.places)
    expect(await customDir.offers({}, io)).toEqual({ missingTool: null, databases: null, error: null })
    const without = {
      ...io,
      run: ((_, args, options) => io.run('/no/tar', args, options)) satisfies typeof io.run,
    }
    expect(await customDir.offers({}, without)).toMatchObject({ missingTool: 'GNU tar' })
  })
})

test('an archive remembers the settings it was made with', async () => {
  const settings = customDir.settings.parse({
    source_path: world.tree,
    excludes: ['*.log'],
    one_file_system: false,
    restore: { firewall_ports: [1] },
  })
  const made = await world.produce(settings)
  const told = customDir.restore.recall({ info: made.info, backupInfo: made.backupInfo })
  expect(customDir.settings.parse(told)).toEqual(settings)
  expect(customDir.restore.recall({ info: made.info, backupInfo: null })).toBeNull()
  expect(customDir.restore.recall({ info: {}, backupInfo: { type: 'mysql', source_path: '/' } })).toBeNull()
})

function mkdir(path: string): string {
  const folder = join(world.places.systemRoot, path)
  mkdirSync(folder, { recursive: true })
  return folder
}
