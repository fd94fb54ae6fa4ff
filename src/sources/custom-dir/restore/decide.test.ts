// What is decided about a restore, by what was seen: pure, as a table.
import { describe, expect, test } from 'vitest'
import type { RestoreOptions } from '../../../domain/restore.ts'
import { sourcePath } from '../paths.ts'
import type { SavedRecipe } from '../recipe-read.ts'
import { decide } from './decide.ts'
import type { Here, ServiceFacts } from './here.ts'
import type { Payload, Saved } from './saved.ts'
import { selectionOf } from './selection.ts'
import type { TargetFacts } from './target.ts'

const source = sourcePath('/opt/hermes')
const service: ServiceFacts = { systemd: true, loaded: true, active: true, enabled: true, unit: '[Unit]\n' }
const recipe: SavedRecipe = {
  user: {
    name: 'hermes',
    uid: 990,
    gecos: '',
    home: '/opt/hermes',
    shell: '/bin/false',
    group: { name: 'hermes', gid: 990 },
    groups: [],
  },
  service: {
    name: 'hermes.service',
    unitPath: '/etc/systemd/system/hermes.service',
    unit: '[Unit]\n',
    enabled: true,
  },
  owner: 'hermes:hermes',
  mode: '0750',
  ports: [8080, 22],
  commands: ['true'],
}
const hermes = { uid: 990, gid: 990, home: '/opt/hermes', shell: '/bin/false' }

interface Change {
  readonly options?: RestoreOptions
  readonly saved?: Partial<Saved>
  readonly payload?: Partial<Payload>
  readonly recipe?: Partial<SavedRecipe>
  readonly target?: Partial<TargetFacts>
  readonly here?: Partial<Here>
  readonly service?: Partial<ServiceFacts>
}

/** A machine with everything that the archive has: user, service, and the directory with files in it. */
function decided(change: Change = {}) {
  const options = change.options ?? {}
  const payload: Payload = {
    files: 3,
    folders: 1,
    bytes: 300,
    stored: 200,
    largest: 10,
    needed: 12_288,
    tarBytes: 5000,
    devices: 0,
    firstDevice: '',
    directories: new Map([['/opt/hermes', { mode: 0o755, uid: 0, gid: 0, owner: '', group: '' }]]),
    found: new Set(['a']),
    owners: new Set(['hermes']),
    groups: new Set(['hermes']),
    ...change.payload,
  }
  return decide({
    archive: 'made',
    options,
    saved: {
      file: { path: '/archives/made.tar', fingerprint: '', gzip: false },
      damage: '',
      unsafe: null,
      format: 2,
      source,
      recipe: { ok: true, recipe: { ...recipe, ...change.recipe } },
      selection: source && selectionOf(source, options.paths),
      payload,
      ...change.saved,
    },
    target: {
      shown: options.target_path ?? '/opt/hermes',
      path: options.target_path ?? '/opt/hermes',
      kind: 'directory',
      near: null,
      base: '/opt',
      missing: [],
      baseIsFile: false,
      mountPoint: false,
      mountsBelow: [],
      freeBytes: 10_000_000,

      totalBytes: 1e15,
      safe: { above: '/srv', own: true },
      unwritable: null,
      formerBytes: 77,
      lostAndFound: false,
      chosen: [],
      ...change.target,
    },
    here: {
      missingTools: [],
      names: {
        users: new Map([['hermes', hermes]]),
        groups: new Map([['hermes', 990]]),
        uidTaken: false,
        gidTaken: false,
      },
      service: { ...service, ...change.service },
      openPorts: [22],
      ...change.here,
    },
  })
}

const nobody = { users: new Map(), groups: new Map(), uidTaken: false, gidTaken: false }
const usual = [
  'extract_files',
  'apply_permissions',
  'stop_service',
  'put_files_in_place',
  'open_ports',
  'start_service',
  'run_commands',
  'remove_former',
]

describe('the steps', () => {
  test.each<[string, Change, string[]]>([
    ['of a usual restore in place', {}, usual],
    ['with a user that is missing', { here: { names: nobody } }, ['create_user', ...usual]],
    [
      'with a service that stands still',
      { service: { active: false } },
      usual.filter((s) => s !== 'stop_service'),
    ],
    [
      'with a service that nobody starts at boot',
      {
        service: { active: false, enabled: false },
        recipe: { service: { ...recipe.service!, enabled: false } },
      },
      usual.filter((s) => !s.endsWith('_service')),
    ],
    [
      'with another unit file',
      { service: { unit: '[Unit]\nnewer\n' } },
      usual.toSpliced(4, 0, 'install_service'),
    ],
    [
      'with a unit that is not started at boot any more',
      { service: { enabled: false } },
      usual.toSpliced(4, 0, 'install_service'),
    ],
    [
      'with a service that nobody has the file of',
      { service: { loaded: false, unit: null }, recipe: { service: { ...recipe.service!, unit: null } } },
      usual.filter((s) => !s.endsWith('_service')),
    ],
    [
      'with ports that are open',
      { here: { openPorts: [22, 8080] } },
      usual.filter((s) => s !== 'open_ports'),
    ],
    ['without a firewall', { here: { openPorts: null } }, usual.filter((s) => s !== 'open_ports')],
    ['where nothing is', { target: { kind: 'absent' } }, usual.slice(0, -1)],
    ['where an empty directory is', { target: { kind: 'empty' } }, usual.slice(0, -1)],
    [
      'without the recipe',
      { options: { recipe: false } },
      ['extract_files', 'put_files_in_place', 'remove_former'],
    ],
    [
      'in another place',
      { options: { target_path: '/opt/other' }, target: { kind: 'absent' } },
      ['extract_files', 'put_files_in_place'],
    ],
    ['in another place with the recipe', { options: { target_path: '/opt/other', recipe: true } }, usual],
    [
      'of chosen paths, of which the directory itself is none',
      { options: { paths: ['a'] }, recipe: { owner: null } },
      usual.filter((s) => s !== 'apply_permissions' && s !== 'remove_former'),
    ],
  ])('%s', (_, change, steps) => {
    const { plan } = decided(change)
    expect(plan.refusals).toEqual([])
    expect(plan.steps.map(({ code }) => code)).toEqual(steps)
  })

  test('tell names and figures', () => {
    const { plan } = decided({ here: { names: nobody }, payload: { owners: new Set(), groups: new Set() } })
    expect(Object.fromEntries(plan.steps.map(({ code, facts }) => [code, facts]))).toEqual({
      create_user: { user: 'hermes', uid: 990 },
      extract_files: { files: 3, bytes: 200, path: '/opt/hermes' },
      apply_permissions: { path: '/opt/hermes', owner: 'hermes:hermes', mode: '0750' },
      stop_service: { service: 'hermes.service' },
      put_files_in_place: { path: '/opt/hermes', former: 77 },
      open_ports: { ports: '8080' },
      start_service: { service: 'hermes.service' },
      run_commands: { count: 1 },
      remove_former: { path: '/opt/hermes' },
    })
  })
})

describe('what is replaced', () => {
  const safety = {
    type: 'custom_dir',
    settings: { source_path: '/opt/hermes', excludes: [], one_file_system: true },
  }
  const chosen = (exists: boolean) => [{ path: 'a', exists, blocked: null, missing: [] }]
  test.each<[string, Change, boolean]>([
    ['a directory with something in it', {}, true],
    ['an empty one', { target: { kind: 'empty' } }, false],
    ['nothing', { target: { kind: 'absent' } }, false],
    ['a chosen path that is there', { options: { paths: ['a'] }, target: { chosen: chosen(true) } }, true],
    ['a chosen path that is not', { options: { paths: ['a'] }, target: { chosen: chosen(false) } }, false],
  ])('%s', (_, change, replaces) => {
    expect(decided(change).plan).toMatchObject({ replaces, safety: replaces ? safety : null })
  })
})

test.each<[Change, string]>([
  [{}, 'whole'],
  [{ target: { mountPoint: true } }, 'entries'],
  [{ target: { mountPoint: true, kind: 'empty' } }, 'entries'],
  [{ options: { paths: ['a'] }, target: { mountPoint: true } }, 'paths'],
])('%j goes the way %s', (change, way) => {
  expect(decided(change).way).toBe(way)
})

describe('remarks', () => {
  const differs = { users: new Map([['hermes', { ...hermes, uid: 5 }]]), groups: new Map([['hermes', 990]]) }
  test.each<[string, Change, string[]]>([
    ['a usual restore', {}, ['services_stopped', 'commands_not_undone']],
    [
      'nothing there',
      { target: { kind: 'absent' } },
      ['nothing_to_replace', 'services_stopped', 'commands_not_undone'],
    ],
    [
      'a mount point with lost+found',
      { target: { mountPoint: true, lostAndFound: true }, options: { recipe: false } },
      ['mount_point', 'kept_as_found', 'recipe_skipped'],
    ],
    ['chosen paths', { options: { paths: ['a'], recipe: false } }, ['paths_only', 'recipe_skipped']],
    [
      'device nodes',
      { payload: { devices: 2 }, options: { devices: true, recipe: false } },
      ['devices', 'recipe_skipped'],
    ],
    [
      'owners that nobody knows',
      {
        payload: { owners: new Set(['hermes', 'alice']), groups: new Set(['family']) },
        options: { recipe: false },
      },
      ['owner_by_number', 'recipe_skipped'],
    ],
    [
      'an owner that will be created',
      { here: { names: nobody } },
      ['services_stopped', 'commands_not_undone'],
    ],
    [
      'another number of the user',
      { here: { names: { ...differs, uidTaken: false, gidTaken: false } } },
      ['ids_differ', 'services_stopped', 'commands_not_undone'],
    ],
    [
      'a number that somebody else has',
      { here: { names: { ...nobody, uidTaken: true } } },
      ['ids_differ', 'services_stopped', 'commands_not_undone'],
    ],
    [
      'another home of the user',
      { recipe: { user: { ...recipe.user!, home: '/elsewhere' } } },
      ['user_exists', 'services_stopped', 'commands_not_undone'],
    ],
    [
      'no firewall',
      { here: { openPorts: null } },
      ['services_stopped', 'ports_skipped', 'commands_not_undone'],
    ],
    [
      'another place',
      { options: { target_path: '/opt/other', recipe: true } },
      ['recipe_other_target', 'services_stopped', 'commands_not_undone'],
    ],
    ['an empty recipe that is skipped', { options: { recipe: false }, recipe: emptyRecipe() }, []],
  ])('%s', (_, change, codes) => {
    expect(decided(change).plan.warnings.map(({ code }) => code)).toEqual(codes)
  })

  test('name the owners, sorted, and no more than twenty', () => {
    const owners = new Set(Array.from({ length: 30 }, (_, i) => `u${String(i).padStart(2, '0')}`))
    const { plan } = decided({ payload: { owners, groups: new Set(['a']) }, options: { recipe: false } })
    const facts = plan.warnings.find(({ code }) => code === 'owner_by_number')?.facts
    expect(facts?.['number']).toBe(31)
    expect(String(facts?.['owner'])).toMatch(/^a, u00, .*, u18, …$/)
  })
})

describe('refusals', () => {
  test.each<[string, Change, string[]]>([
    ['a newer format before anything else', { saved: { format: 3, damage: 'x' } }, ['archive archive_newer']],
    [
      'an unsafe member before damage',
      { saved: { unsafe: { member: 'm', why: 'climbs' }, damage: 'x' } },
      ['archive archive_unsafe'],
    ],
    [
      'nothing but the archive when that is wrong',
      { saved: { damage: 'x' }, target: { kind: 'link' } },
      ['archive archive_damaged'],
    ],
    [
      'a recipe that nobody can read',
      { saved: { recipe: { ok: false, why: 'x' } } },
      ['archive archive_damaged'],
    ],
    [
      'such a recipe does not matter without it',
      { saved: { recipe: { ok: false, why: 'x' } }, options: { recipe: false } },
      [],
    ],
    [
      'an archive without the directory',
      { payload: { directories: new Map() } },
      ['archive archive_damaged'],
    ],
    [
      'several things at once',
      { target: { kind: 'link' }, payload: { devices: 1 } },
      ['archive path_is_link', 'devices device_in_archive'],
    ],
    ['a target of the system', { target: { path: '/etc' } }, ['archive name_reserved']],
    [
      'chosen paths in a target of the system do no harm',
      { target: { path: '/etc' }, options: { paths: ['a'] } },
      [],
    ],
    ['too little room', { target: { freeBytes: 1_000_000 } }, ['archive no_space']],
    ['a disk that does not tell its room is tried', { target: { freeBytes: null } }, []],
    [
      'a missing parent of another place',
      { options: { target_path: '/x/y' }, target: { missing: ['/x'] } },
      ['target_path path_parent_missing'],
    ],
    ['a missing parent of what was saved is made', { target: { missing: ['/opt'], kind: 'absent' } }, []],
    [
      'an owner without a user',
      { here: { names: nobody }, recipe: { user: null } },
      ['config.restore.permissions.owner owner_unknown'],
    ],
    [
      'an owner that is a number needs none',
      { here: { names: nobody }, recipe: { user: null, owner: '5:6' } },
      [],
    ],
    [
      'a missing program',
      { here: { missingTools: ['GNU tar', 'useradd'] } },
      ['archive tool_missing', 'recipe tool_missing'],
    ],
  ])('%s', (_, change, refusals) => {
    expect(decided(change).plan.refusals.map(({ field, code }) => `${field} ${code}`)).toEqual(refusals)
  })
})

function emptyRecipe(): SavedRecipe {
  return { user: null, service: null, owner: null, mode: null, ports: [], commands: [] }
}
