import { describe, expect, test } from 'vitest'
import { readSettings } from './settings-yml.ts'

const written = `_permissions:
  api:
    additional_urls: []
    allowed: &id001
    - visitors
    auth_header: false
  main:
    additional_urls:
    - /dav
    - re:cloud.example.org/\\.well-known/.*
    allowed:
    - all_users
    - alice
    - 'the team'
    label: 'it''s: mine'
  sso:
    allowed: *id001
    url: /
checksum__etc_nginx_conf.d_cloud.example.org.d_nextcloud.conf: 0123456789abcdef
current_revision: '1234'
data_dir: /home/yunohost.app/nextcloud/
description: a long text that was folded because it is longer than eighty characters
  domain: not-this.example.org
domain: "cloud.example.org"
do_not_backup_data: 1
path: /
`

describe('the settings of an app', () => {
  test('are read as PyYAML writes them', () => {
    const read = readSettings(written)
    expect(read).toMatchObject({
      domain: 'cloud.example.org',
      path: '/',
      dataDir: '/home/yunohost.app/nextcloud',
      sparesData: true,
    })
    expect(Object.fromEntries(read.permissions)).toEqual({
      api: ['visitors'],
      sso: ['visitors'],
      main: ['all_users', 'alice', 'the team'],
    })
  })

  test.each([
    ['path: /nextcloud/', '/nextcloud'],
    ['path: nextcloud', '/nextcloud'],
    ["path: '/'", '/'],
    ['path: /a/b', '/a/b'],
  ])('give the path of %j as %j', (text, path) => {
    expect(readSettings(text).path).toBe(path)
  })

  test('lack what is not there or not understood, and never fail', () => {
    const none = { domain: null, path: null, dataDir: null, sparesData: false, permissions: new Map() }
    const odd = [
      '',
      '- a\n- b',
      'domain: {a: b}',
      'domain:\n  deeper: x',
      'data_dir: relative',
      'x'.repeat(200_000),
    ]
    for (const text of [
      ...odd,
      'domain: |',
      '\0\0',
      'domain: "unfinished',
      '_permissions:\n  main:\n    allowed: 3',
    ]) {
      expect(readSettings(text)).toEqual(none)
    }
    expect(readSettings('do_not_backup_data: 0').sparesData).toBe(false)
  })

  test('take no time for a hostile text', () => {
    const text = `${'  '.repeat(3000)}- ${"'".repeat(9000)}\n${"a: 'b".repeat(5000)}\n`.repeat(20)
    expect(readSettings(text).domain).toBe(null)
  })
})
