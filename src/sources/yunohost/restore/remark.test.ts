import { describe, expect, test } from 'vitest'
import { cloud, home, installedCloud, remarks, settings, type Facts } from './plan-facts.ts'

describe('an admin is told', () => {
  test.each<[string, Facts, string]>([
    [
      'that the archive is of a newer YunoHost',
      { ...cloud, info: { fromVersion: '13.0' } },
      'yunohost_newer 13.0 | 12.1.25',
    ],
    [
      'that the app has another version',
      { ...cloud, installed: { cloud: { version: '2.0~ynh1' } } },
      'app_version_differs cloud | 1.0~ynh1 | 2.0~ynh1',
    ],
    [
      'that the app moves to another address',
      { ...cloud, installed: { cloud: { address: 'example.org/other' } } },
      'app_of_other_domain cloud | example.org/cloud',
    ],
    ['that the archive says it is of the core only', { ...cloud, survey: { coreOnly: true } }, 'core_only'],
    [
      'that the app’s data is not in the archive',
      { apps: { cloud: { settings: settings({ dataDir: '/home/yunohost.app/cloud' }) } } },
      'data_core_only cloud | /home/yunohost.app/cloud',
    ],
    ['that a large part is empty', { parts: { data_mail: { files: 0 } } }, 'data_core_only data_mail'],
    [
      'which users are missing',
      {
        apps: {
          cloud: { settings: settings({ permissions: new Map([['main', ['alice', 'bob', 'carol']]]) }) },
        },
      },
      'users_missing cloud | bob, carol',
    ],
    [
      'which right is lost',
      { apps: { cloud: { settings: settings({ permissions: new Map([['api', ['bob']]]) }) } } },
      'permission_lost cloud.api',
    ],
    ['that there are device nodes', { ...cloud, archived: { devices: 2 } }, 'devices 2'],
    ['what stands still', installedCloud, 'services_stopped cloud'],
    ['what is put back how', home, 'parts_put_back data_home'],
  ])('%s', (_what, facts, told) => {
    expect(remarks(facts)).toContain(told)
  })

  test('nothing about users when these come back with the archive, or about groups that are here', () => {
    const permissions = new Map([
      ['main', ['bob']],
      ['api', ['family', 'visitors', 'admins']],
      ['none', []],
    ])
    const apps = { cloud: { settings: settings({ permissions }) } }
    const said = remarks({ apps, parts: { conf_ldap: {} } }).join(' ')
    expect(said).not.toMatch(/users_missing|permission_lost/)
    expect(remarks({ apps })).toEqual([
      'permission_lost cloud.main',
      'users_missing cloud | bob',
      'nothing_to_replace',
    ])
  })

  test('nothing of another version or address when both are as they were', () => {
    expect(remarks({ ...cloud, installed: { cloud: { address: 'example.org/cloud/' } } })).toEqual([
      'services_stopped cloud',
    ])
  })
})
