import { execFileSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { isProblem } from '../domain/problem.ts'
import { backupCsv } from './backup-csv.ts'
import { backupInfo, backupInfoBytes } from './backup-info.ts'
import { archiveOfPartial, archiveOfTar, customPart } from './format.ts'
import { info, infoBytes } from './info-json.ts'

const order = {
  name: 'jerry_files_20260508',
  createdAt: Date.parse('2026-05-08T03:00:00.250Z'),
  timeZone: 'America/St_Johns',
  description: '',
  app: 'files',
  instance: { id: 'abc', name: 'jerry', url: 'https://jerry.example.test' },
  job: { uid: 'u-1', name: 'Files' },
  backupmanagerVersion: '0.1.0',
}

test('info.json has the seven keys in YunoHost’s order, on one line without an end', () => {
  const value = info({
    description: 'é "x"',
    createdAt: 1_778_209_200_999,
    size: 42,
    part: customPart,
    yunohostVersion: '12.1.25',
  })
  expect(infoBytes(value).toString()).toBe(
    '{"description":"é \\"x\\"","created_at":1778209200,"size":42,"size_details":{"system":{"data_custom":42},"apps":{}},' +
      '"apps":{},"system":{"data_custom":["/etc/yunohost/hooks.d/backup/95-data_custom"]},"from_yunohost_version":"12.1.25"}',
  )
})

test('backup.csv is read back by Python’s csv module, quotes, commas and newlines included', () => {
  const rows = [
    ['/opt/a "b", c\nd', 'data/custom/opt/a "b", c\nd'],
    ['/é', 'data/custom/é'],
  ] as const
  const csv = backupCsv(rows)
  expect(csv.toString()).toContain('"/é","data/custom/é"\r\n')
  const script =
    'import csv,json,sys,io; print(json.dumps(list(csv.reader(io.TextIOWrapper(sys.stdin.buffer,"utf-8",newline="")))))'
  expect(JSON.parse(execFileSync('python3', ['-c', script], { input: csv }).toString())).toEqual(rows)
})

describe('backup_info.json', () => {
  test('says who made what for whom, with the offset of the zone', () => {
    expect(
      backupInfo(order, {
        type: 'custom_dir',
        yunohostVersion: null,
        sha256: 'ff',
        sha256Bytes: 5120,
        tools: { tar: '1.34' },
        extra: { excludes: [] },
      }),
    ).toEqual({
      format: 2,
      instance_name: 'jerry',
      instance_url: 'https://jerry.example.test',
      instance_id: 'abc',
      app: 'files',
      type: 'custom_dir',
      created_at: '2026-05-08T00:30:00.250-02:30',
      backupmanager_version: '0.1.0',
      yunohost_version: null,
      job: { uid: 'u-1', name: 'Files' },
      sha256: 'ff',
      sha256_bytes: 5120,
      tools: { tar: '1.34' },
      excludes: [],
    })
  })

  test('leaves out hashes that nobody gave', () => {
    const value = backupInfo(order, { type: 'ynh_app', yunohostVersion: '12.1.25', tools: {} })
    expect(Object.keys(value)).not.toContain('sha256')
    expect(Object.keys(value)).not.toContain('sha256_bytes')
  })

  test('refuses to grow beyond what a reader looks for', () => {
    const value = { filler: 'x'.repeat(2 * 1024 * 1024) }
    expect(() => backupInfoBytes(value)).toThrow(expect.toSatisfy((error) => isProblem(error, 'internal')))
  })
})

test('file names lead to their archive, and names in progress to theirs', () => {
  expect(
    ['a.tar', 'a.tar.gz', 'a b.c.tar', '.a.tar', '.tar', '.tar.gz', 'a.tgz', 'a.TAR', 'a'].map(archiveOfTar),
  ).toEqual(['a', 'a', 'a b.c', null, null, null, null, null, null])
  expect(
    [
      '.a.tar.partial',
      '.a.tar.list.partial',
      '.a.b.list.partial',
      '.a.links.partial',
      '.a.info.json.0123456789ab.partial',
      '.a.partial',
      '.a.x.partial',
      'a.tar.partial',
    ].map(archiveOfPartial),
  ).toEqual(['a', 'a.tar', 'a.b', 'a', 'a', null, null, null])
})
