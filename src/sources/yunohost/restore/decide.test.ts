import { describe, expect, test } from 'vitest'
import { planDigest } from '../../../sys/plan-digest.ts'
import {
  cloud,
  gib,
  home,
  installedCloud,
  plan,
  refusals,
  remarks,
  settings,
  steps,
  type Facts,
} from './plan-facts.ts'

describe('the plan', () => {
  test('of an app that is not installed only restores it, and replaces nothing', () => {
    const one = plan(cloud)
    expect(one).toMatchObject({
      target: 'cloud',
      type: 'ynh_app',
      replaces: false,
      safety: null,
      bytes: 1000,
      files: 10,
    })
    expect(steps(one)).toEqual(['restore_app cloud | 1.0~ynh1'])
    expect(one.refusals).toEqual([])
    expect(one.warnings).toEqual([{ code: 'nothing_to_replace', facts: {} }])
  })

  test('of an installed app saves it with its data, removes it and restores it', () => {
    const one = plan(installedCloud)
    expect(one.replaces).toBe(true)
    expect(one.safety).toEqual({ type: 'ynh_app', settings: { app_id: 'cloud', core_only: false } })
    expect(steps(one)).toEqual(['remove_app cloud', 'restore_app cloud | 1.0~ynh1'])
    expect(one.refusals).toEqual([])
    expect(remarks(installedCloud)).toEqual(['services_stopped cloud'])
  })

  test('of parts saves those that this server can save', () => {
    const one = plan({ parts: { data_home: {}, data_custom: {} } })
    expect(one.target).toBe('data_home, data_custom')
    expect(one.replaces).toBe(true)
    expect(one.safety).toEqual({ type: 'ynh_system', settings: { parts: ['data_home'] } })
    expect(steps(one)).toEqual(['restore_parts data_home, data_custom'])
    expect(one.warnings.map(({ code }) => code)).toEqual([
      'parts_put_back',
      'no_safety_archive',
      'no_put_back',
    ])
  })

  test('of parts alone that cannot be saved asks for no safety archive, and says so', () => {
    const one = plan({ parts: { data_custom: {} } })
    expect(one.safety).toBe(null)
    expect(one.replaces).toBe(true)
    expect(one.refusals).toEqual([])
  })

  test('restores parts before apps, which may need them', () => {
    const both: Facts = { ...cloud, ...home }
    expect(steps(plan(both))).toEqual(['restore_parts data_home', 'restore_app cloud | 1.0~ynh1'])
    expect(steps(plan(both, { targets: ['cloud'] }))).toEqual(['restore_app cloud | 1.0~ynh1'])
    expect(steps(plan(both, { targets: ['data_home'] }))).toEqual(['restore_parts data_home'])
  })

  test('is the same when only sizes have changed', () => {
    const more = { apps: { cloud: { bytes: 5, files: 3 } } }
    expect(planDigest(plan(cloud))).toBe(planDigest(plan({ ...more, survey: { freeBytes: gib * 2 } })))
    expect(planDigest(plan(cloud))).not.toBe(planDigest(plan(installedCloud)))
  })
})

describe('data that no safety archive would hold', () => {
  const dataDir = '/home/yunohost.app/cloud'
  const apps = { cloud: { settings: settings({ dataDir }), hasData: true } }
  const data = new Map([['cloud', { filled: true, mount: null }]])

  test('is kept under another name when the app is not installed', () => {
    const one = plan({ apps, survey: { data } })
    expect(one.replaces).toBe(true)
    expect(one.warnings).toEqual([{ code: 'data_set_aside', facts: { app: 'cloud', path: dataDir } }])
  })

  test.each([
    ['is saved with the app', { dataDir }, false],
    ['is left out of backups', { dataDir, sparesData: true }, true],
    ['belongs to something else', { dataDir: '/home/yunohost.app/other' }, true],
  ])('of an installed app that %s: kept aside or not', (_what, installed, aside) => {
    const said = remarks({ apps, survey: { data }, installed: { cloud: installed } })
    expect(said.includes(`data_set_aside cloud | ${dataDir}`)).toBe(aside)
  })

  test.each([
    ['an empty folder', dataDir, new Map([['cloud', { filled: false, mount: null }]])],
    ['a path that climbs', '/home/yunohost.app/../../etc', data],
    ['a folder at the top', '/home', data],
    ['a folder that holds the archives', '/home/yunohost.backup', data],
    ['a folder that holds our own data', '/var/lib', data],
  ])('is never %s', (_what, path, looked) => {
    const strange = { cloud: { settings: settings({ dataDir: path }), hasData: true } }
    expect(remarks({ apps: strange, survey: { data: looked } })).toEqual(['nothing_to_replace'])
  })

  test('is refused where a disk is mounted in it, which YunoHost would empty', () => {
    const mounted = new Map([['cloud', { filled: true, mount: `${dataDir}/films` }]])
    const told = `archive data_is_mount_point cloud | ${dataDir}/films`
    expect(refusals({ apps, survey: { data: mounted } })).toEqual([told])
    expect(refusals({ apps, survey: { data: mounted }, installed: { cloud: { dataDir } } })).toEqual([told])
  })
})

test.each<[string, NonNullable<Facts['archived']>, string]>([
  ['was cut off', { damage: 'data cut off at byte 9' }, 'archive_truncated'],
  ['is not safe', { unsafe: { member: '../x', why: 'climbs' } }, 'archive_unsafe'],
])('nothing of what an archive that %s says it holds is in the plan', (_what, archived, code) => {
  expect(plan({ ...installedCloud, ...home, archived })).toMatchObject({
    target: '',
    steps: [],
    warnings: [],
    refusals: [{ field: 'archive', code }],
    replaces: false,
    safety: null,
    bytes: null,
    files: null,
  })
})

describe('a restore is refused', () => {
  const damaged = 'archive archive_damaged'
  test.each<[string, Facts, string[]]>([
    ['without YunoHost', { ...cloud, server: { version: null } }, ['archive yunohost_missing']],
    [
      'for a damaged tar',
      { ...cloud, archived: { damage: 'data cut off at byte 9' } },
      ['archive archive_truncated data cut off at byte 9'],
    ],
    [
      'for a member that climbs out',
      { ...cloud, archived: { unsafe: { member: '../x', why: 'climbs' } } },
      ['archive archive_unsafe ../x | climbs'],
    ],
    [
      'without a description',
      { ...cloud, info: null },
      [`${damaged} info.json is missing or cannot be read`],
    ],
    [
      'for a name that would be an option',
      { ...cloud, info: { odd: '--x' } },
      [`${damaged} no app or part can be named "--x"`],
    ],
    [
      'when YunoHost means another archive by the name',
      { ...cloud, survey: { known: false } },
      ['archive archive_not_listed jerry_cloud_20260508'],
    ],
    [
      'without the version of YunoHost',
      { ...cloud, info: { fromVersion: null } },
      [`${damaged} info.json does not say which YunoHost it comes from`],
    ],
    [
      'for an archive of YunoHost 4.1',
      { ...cloud, info: { fromVersion: '4.1.8' } },
      ['archive archive_too_old 4.1.8'],
    ],
    ['when it holds nothing', {}, [`${damaged} it holds neither apps nor system parts`]],
    [
      'without the app’s settings',
      { apps: { cloud: { settings: null } } },
      [`${damaged} the settings or the restore script of cloud are not in it`],
    ],
    [
      'without the app’s restore script',
      { apps: { cloud: { hasScript: false } } },
      [`${damaged} the settings or the restore script of cloud are not in it`],
    ],
    [
      'when the domain does not exist here',
      { apps: { cloud: { settings: settings({ domain: 'gone.example' }) } } },
      ['archive domain_missing cloud | gone.example'],
    ],
    [
      'when another app has the address',
      { ...cloud, installed: { blog: { address: 'example.org/cloud' } } },
      ['archive url_taken blog | example.org/cloud'],
    ],
    [
      'when another app has the whole domain',
      { ...cloud, installed: { blog: { address: 'example.org/' } } },
      ['archive url_taken blog | example.org/'],
    ],
    ['of ourselves', { apps: { backupmanager: {} } }, ['targets name_reserved backupmanager']],
    [
      'of two installed apps at once',
      {
        apps: { cloud: {}, wiki: { settings: settings({ path: '/wiki' }) } },
        installed: { cloud: {}, wiki: { address: 'example.org/wiki' } },
      },
      ['targets one_installed_app cloud, wiki'],
    ],
    [
      'of an installed app together with parts',
      { ...installedCloud, ...home },
      ['targets one_installed_app cloud, data_home'],
    ],
    [
      'of a part without any hook',
      { parts: { data_own: { hasHook: false } } },
      ['targets part_unknown data_own'],
    ],
    [
      'without room for what is unpacked',
      { ...cloud, survey: { freeBytes: 104_862_599 } },
      ['archive no_space 104862600 | 104862599'],
    ],
    [
      'without twice the room for parts',
      { ...home, survey: { freeBytes: 104_867_599 } },
      ['archive no_space 104867600 | 104867599'],
    ],
    [
      'by the real size when the description says too little',
      { ...cloud, archived: { bytes: gib }, survey: { freeBytes: gib } },
      [`archive no_space ${gib + 104_857_600} | ${gib}`],
    ],
  ])('%s', (_why, facts, told) => {
    expect(refusals(facts)).toEqual(told)
  })

  test('for a target that is not in the archive, by its name', () => {
    expect(refusals(cloud, { targets: ['wiki', 'data_home'] })).toEqual([
      'targets target_not_in_archive wiki',
      'targets target_not_in_archive data_home',
    ])
  })

  test('not, when what is in the way is not among the chosen', () => {
    const two: Facts = {
      apps: { cloud: {}, backupmanager: {} },
      installed: { cloud: {}, backupmanager: { address: null } },
    }
    expect(refusals(two, { targets: ['cloud'] })).toEqual([])
  })

  test('not for an address below another one, on another domain, or its own', () => {
    for (const address of ['example.org/cloud2', 'example.org/clou', 'other.org/cloud', 'other.org/']) {
      expect(refusals({ ...cloud, installed: { blog: { address } } })).toEqual([])
    }
    expect(refusals({ ...cloud, installed: { cloud: { address: 'example.org/' } } })).toEqual([])
    expect(refusals({ ...cloud, installed: { tool: { address: null } } })).toEqual([])
  })

  test('not for a domain that comes back with the part conf_ldap, or for an app without one', () => {
    const apps = { cloud: { settings: settings({ domain: 'gone.example' }) } }
    expect(refusals({ apps, parts: { conf_ldap: {} } })).toEqual([])
    expect(refusals({ apps: { cloud: { settings: settings({ domain: null, path: null }) } } })).toEqual([])
  })
})
