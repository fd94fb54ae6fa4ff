// User, service, rights, ports and commands: on a blank server, on one that has them, and back when something fails.
import { chownSync, mkdirSync, readFileSync, renameSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { createFakeYunohost } from '../../../../test/support/fake-yunohost.ts'
import { treeOf } from '../custom-dir-world.ts'
import { eachInRestoreWorld, type RestoreWorld } from './restore-world.ts'

let world: RestoreWorld
eachInRestoreWorld((fresh) => {
  world = fresh
  world.write('file', 'saved')
  chownSync(world.inTree('file'), 12_345, 12_346)
})

const unit = '[Service]\nExecStart=/opt/hermes/run\n'
const recipe = {
  system_user: { name: 'hermes', home: '/opt/hermes', shell: '/bin/false' },
  systemd_service: { name: 'hermes' },
  permissions: { owner: 'hermes:hermes', mode: '0750' },
}

/** A machine that has the user and runs the service. */
function inhabit(): void {
  const { machine } = world
  writeFileSync(
    join(machine, 'etc/passwd'),
    'root:x:0:0:root:/root:/bin/bash\nhermes:x:12345:12346:A:/opt/hermes:/bin/false\n',
  )
  writeFileSync(join(machine, 'etc/group'), 'root:x:0:\nmail:x:8:hermes\nhermes:x:12346:\n')
  world.unit('hermes.service', unit, 'active')
  mkdirSync(join(machine, 'etc/systemd/system/multi-user.target.wants'))
  symlinkSync('../hermes.service', join(machine, 'etc/systemd/system/multi-user.target.wants/hermes.service'))
}

async function saveAndWipe(restore: unknown = recipe): Promise<void> {
  inhabit()
  await world.save({ restore })
  const { machine, folder } = world
  renameSync(join(machine, 'etc'), join(folder, 'former-etc'))
  mkdirSync(join(machine, 'etc/systemd/system'), { recursive: true })
  writeFileSync(join(machine, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/bash\n')
  writeFileSync(join(machine, 'etc/group'), 'root:x:0:\nmail:x:8:\n')
  writeFileSync(join(machine, 'units/hermes.service'), 'inactive\n')
  renameSync(world.tree, join(folder, 'former-tree'))
}

function entry(name: string): { uid: number; gid: number; mode: number } {
  const { uid, gid, mode } = statSync(join(world.tree, name))
  return { uid, gid, mode: mode & 0o7777 }
}

describe('on a blank server', () => {
  beforeEach(() => saveAndWipe({ ...recipe, post_restore_commands: ['echo "$PWD $(id -u)"; echo oh >&2'] }))

  test('the user comes back with its numbers, the service with its file, and all of it in this order', async () => {
    const io = world.io()
    const done = await world.restore({}, { io })
    expect(done).toMatchObject({ status: 'success', remarks: [] })
    expect(done.steps).toEqual([
      'create_user: done',
      'extract_files: done',
      'apply_permissions: done',
      'put_files_in_place: done',
      'install_service: done',
      'start_service: done',
      'run_commands: done',
    ])
    expect(world.lines('etc/passwd')[1]).toBe('hermes:x:12345:12346:A:/opt/hermes:/bin/false')
    expect(world.lines('etc/group')).toEqual(['root:x:0:', 'mail:x:8:hermes', 'hermes:x:12346:'])
    expect(world.lines('etc/systemd/system/hermes.service')).toEqual(unit.trimEnd().split('\n'))
    expect(world.unitState('hermes.service')).toBe('active')
    expect(entry('')).toEqual({ uid: 12_345, gid: 12_346, mode: 0o750 })
    expect(entry('file')).toMatchObject({ uid: 12_345, gid: 12_346 })
    expect(world.calls().map((call) => call.split(' ').slice(0, 2).join(' '))).toEqual([
      'groupadd --gid=12346',
      'useradd --uid=12345',
      'systemctl daemon-reload',
      'systemctl enable',
      'systemctl start',
    ])
    expect(io.lines).toContainEqual({ stream: 'out', text: '/ 0' })
    expect(io.lines).toContainEqual({ stream: 'err', text: 'oh' })
  })

  test('the plan says what will be done, with names and figures', async () => {
    const plan = await world.plan()
    expect(plan).toMatchObject({
      target: world.tree,
      replaces: false,
      safety: null,
      files: 1,
      bytes: 5,
      refusals: [],
    })
    expect(plan.steps.map(({ code, facts }) => [code, facts])).toEqual([
      ['create_user', { user: 'hermes', uid: 12_345 }],
      ['extract_files', { files: 1, bytes: 5, path: world.tree }],
      ['apply_permissions', { path: world.tree, owner: 'hermes:hermes', mode: '0750' }],
      ['put_files_in_place', { path: world.tree }],
      ['install_service', { service: 'hermes.service' }],
      ['start_service', { service: 'hermes.service' }],
      ['run_commands', { count: 1 }],
    ])
    expect(plan.warnings.map(({ code }) => code)).toEqual(['nothing_to_replace', 'commands_not_undone'])
    expect(world.calls()).toEqual([])
  })

  test('numbers that somebody else has are left to the system, and said', async () => {
    writeFileSync(join(world.machine, 'etc/passwd'), 'bob:x:12345:100::/home/bob:/bin/sh\n')
    writeFileSync(join(world.machine, 'etc/group'), 'bobs:x:12346:\n')
    expect((await world.plan()).warnings).toContainEqual({ code: 'ids_differ', facts: { user: 'hermes' } })
    const done = await world.restore()
    expect(done).toMatchObject({
      status: 'success',
      remarks: [{ code: 'ids_differ', facts: { user: 'hermes' } }],
    })
    expect(entry('file')).toEqual({ uid: 900, gid: 900, mode: 0o644 })
  })

  test('without the recipe only the files come back, and the plan says what is left out', async () => {
    expect((await world.plan({ recipe: false })).warnings).toContainEqual({
      code: 'recipe_skipped',
      facts: {},
    })
    const done = await world.restore({ recipe: false })
    expect(done.steps).toEqual(['extract_files: done', 'put_files_in_place: done'])
    expect(world.calls()).toEqual([])
  })

  test.each([
    ['useradd', 'create_user'],
    ['groupadd', 'create_user'],
    ['systemctl-daemon-reload', 'install_service'],
    ['systemctl-enable', 'install_service'],
    ['systemctl-start', 'start_service'],
  ])('a failing %s puts everything back', async (program, step) => {
    const before = world.machineState()
    world.fail(program)
    const undoing = program === 'systemctl-daemon-reload'
    const done = await world.restore()
    expect(done.steps).toContain(`${step}: failed`)
    // What takes an announced unit file back needs a daemon that can be told.
    expect(done.status).toBe(undoing ? 'error' : 'rolled_back')
    expect(withoutFolders(world.machineState())).toEqual(withoutFolders(before))
    expect(world.unitState('hermes.service')).toBe('inactive')
    expect(world.beside()).toEqual([])
  })

  test('a service that fails right after its start puts everything back', async () => {
    const before = world.machineState()
    writeFileSync(join(world.machine, 'crash/hermes.service'), '')
    const done = await world.restore()
    expect(done).toMatchObject({ status: 'rolled_back', problem: { code: 'command_failed' } })
    expect(withoutFolders(world.machineState())).toEqual(withoutFolders(before))
    expect(world.beside()).toEqual([])
  })
})

describe('a command of the recipe', () => {
  test('that fails puts files, user and service back', async () => {
    await saveAndWipe({ ...recipe, post_restore_commands: ['true', 'exit 3'] })
    const before = world.machineState()
    const done = await world.restore()
    expect(done).toMatchObject({
      status: 'rolled_back',
      problem: { code: 'command_failed', facts: { command: 'recipe command 2', detail: 'exit 3' } },
    })
    expect(done.steps).toContain('put_files_in_place: undone')
    expect(withoutFolders(world.machineState())).toEqual(withoutFolders(before))
    expect(world.beside()).toEqual([])
  })

  test('is ended by a cancel, and everything is put back', async () => {
    await saveAndWipe({ post_restore_commands: [`touch '${world.folder}/reached'; exec sleep 1000`] })
    const stop = new AbortController()
    const io = world.io(stop.signal)
    const watch = setInterval(() => {
      if (statSync(`${world.folder}/reached`, { throwIfNoEntry: false })) stop.abort()
    }, 20)
    const done = await world.restore({}, { io }).finally(() => clearInterval(watch))
    expect(done).toMatchObject({ status: 'rolled_back', problem: { code: 'cancelled' } })
    expect(io.running()).toEqual([])
    expect(world.beside()).toEqual([])
  })
})

describe('on a server that has all of it', () => {
  beforeEach(async () => {
    inhabit()
    await world.save({ restore: recipe })
    world.write('file', 'changed since')
    world.write('newer', 'x')
  })

  test('the service stands still during the exchange and runs afterwards; nothing is created', async () => {
    const plan = await world.plan()
    expect(plan.steps.map(({ code }) => code)).toEqual([
      'extract_files',
      'apply_permissions',
      'stop_service',
      'put_files_in_place',
      'start_service',
      'remove_former',
    ])
    expect(plan.warnings).toEqual([{ code: 'services_stopped', facts: { services: 'hermes.service' } }])
    expect(plan.safety).toEqual({
      type: 'custom_dir',
      settings: { source_path: world.tree, excludes: [], one_file_system: true },
    })
    expect((await world.restore()).status).toBe('success')
    expect(world.calls()).toEqual(['systemctl stop hermes.service', 'systemctl start hermes.service'])
    expect(world.text('file')).toBe('saved')
    expect(world.beside()).toEqual(['tree'])
  })

  test('another unit file is replaced, and put back when the start fails', async () => {
    writeFileSync(join(world.machine, 'etc/systemd/system/hermes.service'), '[Service]\nExecStart=/newer\n')
    expect((await world.plan()).warnings).toContainEqual({
      code: 'service_exists',
      facts: { service: 'hermes.service' },
    })
    const [before, files] = [world.machineState(), treeOf(world.tree)]
    writeFileSync(join(world.machine, 'crash/hermes.service'), '')
    const done = await world.restore()
    expect(done.status).toBe('rolled_back')
    expect(world.machineState()).toEqual(before)
    expect(treeOf(world.tree)).toEqual(files)
    // It was running before, so it is started again with what was there.
    expect(world.calls().at(-1)).toBe('systemctl start hermes.service')
  })

  test('a unit file that is a link is replaced by a file, and the link put back', async () => {
    const path = join(world.machine, 'etc/systemd/system/hermes.service')
    const elsewhere = join(world.machine, 'elsewhere.service')
    writeFileSync(elsewhere, '[Service]\nExecStart=/linked\n')
    renameSync(path, join(world.folder, 'unit'))
    symlinkSync(elsewhere, path)
    const before = world.machineState()
    world.fail('systemctl-start')
    // Starting again what was running fails as well: that is told, everything else is back.
    expect((await world.restore()).problem?.code).toBe('put_back_failed')
    expect(world.machineState()).toEqual(before)
    expect(readFileSync(elsewhere, 'utf8')).toBe('[Service]\nExecStart=/linked\n')
  })

  test('a user with other numbers keeps them, and the files get those', async () => {
    writeFileSync(join(world.machine, 'etc/passwd'), 'hermes:x:700:701:A:/elsewhere:/bin/sh\n')
    writeFileSync(join(world.machine, 'etc/group'), 'hermes:x:701:\n')
    expect((await world.plan()).warnings.map(({ code }) => code)).toEqual([
      'ids_differ',
      'user_exists',
      'services_stopped',
    ])
    expect((await world.restore()).status).toBe('success')
    expect(entry('file')).toMatchObject({ uid: 700, gid: 701 })
  })
})

test('a service that nobody has the file of is left alone, and said', async () => {
  await world.save({ restore: { systemd_service: { name: 'ghost' } } })
  const plan = await world.plan()
  expect(plan.warnings).toContainEqual({ code: 'service_unknown', facts: { service: 'ghost.service' } })
  expect((await world.restore()).status).toBe('success')
  expect(world.calls()).toEqual([])
})

describe('ports', () => {
  const restore = { firewall_ports: [8080, 22, 9090] }

  test('are left to the admin where there is no YunoHost', async () => {
    await world.save({ restore })
    const plan = await world.plan()
    expect(plan.warnings).toContainEqual({ code: 'ports_skipped', facts: { ports: '8080, 22, 9090' } })
    expect(plan.steps.map(({ code }) => code)).not.toContain('open_ports')
  })

  test('that are closed are opened, and closed again when something fails later', async () => {
    const yunohost = await createFakeYunohost()
    world.atEnd(() => yunohost.dispose())
    const io = () => {
      const own = world.io()
      return { ...own, places: { ...own.places, yunohost: yunohost.command } }
    }
    const open = async () => ((await yunohost.call('firewall', 'list')) as { tcp: number[] }).tcp
    const before = await open()
    expect(before).toContain(22)
    await world.save({ restore: { ...restore, post_restore_commands: ['exit 1'] } })
    expect((await world.restore({}, { io: io() })).status).toBe('rolled_back')
    expect(await open()).toEqual(before)
    await world.save({ restore }, 'good')
    const done = await world.restore({}, { io: io(), archive: 'good' })
    expect(done.steps).toContain('open_ports: done')
    expect((await open()).toSorted((a, b) => a - b)).toEqual(
      [...before, 8080, 9090].toSorted((a, b) => a - b),
    )
  })
})

/** Folders of `etc` that a program made on its way may stay. */
function withoutFolders(state: unknown): unknown[] {
  return (state as { sha256?: string; target?: string }[]).filter(({ sha256, target }) => sha256 ?? target)
}
