import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { sha256OfHeader } from './content-digest.ts'

const hash = createHash('sha256').update('chunk').digest()
const good = `sha-256=:${hash.toString('base64')}:`

test.each([
  ['alone', good],
  ['with spaces', ` ${good} `],
  ['beside other algorithms', `sha-512=:AAAA:, ${good}, unixsum=:AA==:`],
  ['with a parameter', `${good};a=1`],
])('SHA-256 %s is found', (_, header) => {
  expect(sha256OfHeader(header)).toBe(hash.toString('hex'))
})

test.each([
  ['no header', undefined],
  ['an empty one', ''],
  ['another algorithm', 'sha-512=:AAAA:'],
  ['a hash without colons', `sha-256=${hash.toString('base64')}`],
  ['hex', `sha-256=:${hash.toString('hex')}:`],
  ['a short hash', 'sha-256=:AAAA:'],
  ['base64url', `sha-256=:${Buffer.alloc(32, 0xff).toString('base64url')}=:`],
  ['two of them', `${good}, sha-256=:${Buffer.alloc(32).toString('base64')}:`],
  ['capitals', good.replace('sha', 'SHA')],
])('%s gives none', (_, header) => {
  expect(sha256OfHeader(header)).toBeNull()
})
