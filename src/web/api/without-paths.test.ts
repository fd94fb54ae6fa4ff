// Nothing that the API answers may tell where things lie on this machine, but in the archives directory.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { withoutPaths } from './without-paths.ts'

const cut = (text: string) => withoutPaths(text, '/home/yunohost.backup/archives')

test.each([
  ['/var/lib/backupmanager/backupmanager.db', '…'],
  ['ENOENT: no such file or directory, open /etc/shadow', 'ENOENT: no such file or directory, open …'],
  ["EACCES: permission denied, open '/root/my secrets/key.pem'", "EACCES: permission denied, open '…'"],
  ['tar: /srv/photos: Cannot open', 'tar: … Cannot open'],
  ['tar:/srv/photos: Cannot open', 'tar:… Cannot open'],
  ['--directory=/opt/app failed', '--directory=… failed'],
  ['cannot read “/opt/héllo wörld/x”.', 'cannot read “…”.'],
  ['(/opt/a, /opt/b)', '(…, …)'],
  ['~/.ssh/id_ed25519', '…'],
  ['/home/yunohost.backup/archives/../../x', '…'],
  ['/home/yunohost.backup/archives2/x', '…'],
  ['read /opt/my data/photos/a.jpg now', 'read … now'],
])('%s becomes %s', (text, shown) => {
  expect(cut(text)).toBe(shown)
})

test.each([
  '/home/yunohost.backup/archives/jerry_nocodb_20260508.tar',
  "open '/home/yunohost.backup/archives/a.tar'",
  'https://jerry.example/backup/api/v1/health',
  'http://127.0.0.1:8787/x',
  'endpoints are listed in /api/v1/openapi.json.',
  'data/custom/opt/app',
  './restore and and/or 1/2',
  'no path / at all',
])('%s stays', (text) => {
  expect(cut(text)).toBe(text)
})

test('an absolute path is never in what is left, whatever stands around it', () => {
  const segment = fc.stringMatching(/^[a-z][a-z0-9_.-]{3,8}$/)
  const path = fc.array(segment, { minLength: 2, maxLength: 5 }).map((parts) => `/${parts.join('/')}`)
  const around = fc.constantFrom(' ', ': ', '"', "'", '=', '(', ', ', '\n', '\t', '[', '<', '|')
  fc.assert(
    fc.property(path, around, around, (secret, before, after) => {
      expect(cut(`x${before}${secret}${after}y`)).not.toContain(secret)
    }),
  )
})
