import { describe, expect, test } from 'vitest'
import { archiveInfo, recalledApp, recalledParts } from './described.ts'

const app = { apps: { nextcloud: { version: '31.0~ynh1' } }, system: {} }
const system = { apps: {}, system: { data_home: ['/usr/share/yunohost/hooks/backup/17-data_home'] } }
const both = { apps: app.apps, system: system.system }

describe('what an archive remembers', () => {
  test('is the app, with core only if it says so', () => {
    expect(recalledApp({ info: app, backupInfo: null })).toEqual({ app_id: 'nextcloud', core_only: false })
    const backupInfo = { type: 'ynh_app', core_only: true }
    expect(recalledApp({ info: app, backupInfo })).toEqual({ app_id: 'nextcloud', core_only: true })
    expect(recalledApp({ info: system, backupInfo: null })).toBe(null)
  })

  test('are the parts', () => {
    expect(recalledParts({ info: system, backupInfo: null })).toEqual({ parts: ['data_home'] })
    expect(recalledParts({ info: system, backupInfo: { type: 'ynh_system' } })).toEqual({
      parts: ['data_home'],
    })
    expect(recalledParts({ info: app, backupInfo: null })).toBe(null)
  })

  test('is that of an app for an archive made by hand that holds both', () => {
    expect(recalledApp({ info: both, backupInfo: null })).not.toBe(null)
    expect(recalledParts({ info: both, backupInfo: null })).toBe(null)
  })

  test('is nothing for archives of another source, or without a description', () => {
    const custom = { apps: {}, system: { data_custom: ['/etc/yunohost/hooks.d/backup/95-data_custom'] } }
    expect(recalledParts({ info: custom, backupInfo: { type: 'custom_dir' } })).toBe(null)
    expect(recalledApp({ info: both, backupInfo: { type: 'ynh_system' } })).toBe(null)
    for (const info of [{}, { apps: null, system: [] }, { apps: [], system: 'x' }]) {
      expect(recalledApp({ info, backupInfo: null })).toBe(null)
      expect(recalledParts({ info, backupInfo: null })).toBe(null)
    }
  })
})

describe('the description of an archive', () => {
  test('names hooks in both forms, and parts that were called hooks once', () => {
    const paths = ['/a/17-data_home', '18-data_home']
    for (const told of [paths, { paths, size: 3 }]) {
      expect(archiveInfo({ system: { data_home: told } }).parts.get('data_home')).toEqual([
        '17-data_home',
        '18-data_home',
      ])
    }
    expect([...archiveInfo({ hooks: { data_home: paths } }).parts.keys()]).toEqual(['data_home'])
  })

  test('never gives a name that could be an option or a path', () => {
    for (const id of ['--force', '../x', 'A', 'a b', '']) {
      const info = archiveInfo({ apps: { [id]: {}, good: {} }, system: {} })
      expect([...info.apps.keys()]).toEqual(['good'])
      expect(info.odd).toBe(id)
    }
    const info = archiveInfo({ apps: {}, system: { '--apps': [], data_home: [] } })
    expect([...info.parts.keys()]).toEqual(['data_home'])
    expect(info.odd).toBe('--apps')
  })

  test('takes sizes and versions for what they are', () => {
    expect(archiveInfo({ size: 5, from_yunohost_version: '12.1' })).toMatchObject({
      size: 5,
      fromVersion: '12.1',
    })
    expect(archiveInfo({ size: '5', from_yunohost_version: 12 })).toMatchObject({
      size: 0,
      fromVersion: null,
    })
    expect(archiveInfo({ apps: { x1: { version: 3 }, y1: null } }).apps).toEqual(
      new Map([
        ['x1', ''],
        ['y1', ''],
      ]),
    )
  })
})
