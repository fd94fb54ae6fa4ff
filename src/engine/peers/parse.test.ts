// Codes and addresses as people paste them.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Invite } from '../../domain/api/pairing.ts'
import { Problem } from '../../domain/problem.ts'
import { formatInvite, parseInvite } from './invite-code.ts'
import { readPeerUrl } from './peer-url.ts'

const invite: Invite = {
  v: 1,
  url: 'https://tom.example/backup',
  id: 'i'.repeat(43),
  secret: 's'.repeat(43),
}

function refused(text: string): boolean {
  try {
    parseInvite(text)
    return false
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    expect(error.errors).toEqual([{ field: 'code', code: 'invitation_invalid' }])
    return true
  }
}

describe('an invitation', () => {
  test('is read as it was written, with and without a pin', () => {
    expect(parseInvite(formatInvite(invite))).toEqual(invite)
    const pinned = { ...invite, pin: 'a'.repeat(64) }
    expect(parseInvite(formatInvite(pinned))).toEqual(pinned)
  })

  test('is read whatever spaces, line breaks and invisible characters came into it', () => {
    const code = formatInvite(invite)
    const space = fc.constantFrom(' ', '\n', '\r\n', '\t', '\u00a0', '\u200b', '\u00ad', '\ufeff')
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(code.length), space), { maxLength: 30 }), (spaces) => {
        let text = code
        for (const [at, what] of spaces) text = text.slice(0, at) + what + text.slice(at)
        expect(parseInvite(text)).toEqual(invite)
      }),
    )
  })

  test('is refused when a part of it is missing, or it is something else', () => {
    const code = formatInvite(invite)
    for (let cut = 0; cut < code.length; cut += 1) expect(refused(code.slice(0, cut))).toBe(true)
    const whole = (value: unknown) => `bm1.${Buffer.from(JSON.stringify(value)).toString('base64url')}`
    for (const text of [
      'bm1.',
      `bm2.${code.slice(4)}`,
      code + '!'.repeat(5000),
      whole(null),
      whole([invite]),
      whole({ ...invite, v: 2 }),
      whole({ ...invite, url: 'javascript:alert(1)' }),
      whole({ ...invite, url: 'ftp://tom.example' }),
      whole({ ...invite, secret: 'short' }),
      whole({ ...invite, id: '../../etc' }),
    ]) {
      expect(refused(text)).toBe(true)
    }
  })

  test('is never read out of anything else, and never fails in another way', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => refused(`bm1.${text}`)))
  })
})

describe('the address of a peer', () => {
  test.each([
    ['https://tom.example', 'https://tom.example'],
    [' https://tom.example/ ', 'https://tom.example'],
    ['https://tom.example/backup//', 'https://tom.example/backup'],
    ['https://TOM.example:443/Backup', 'https://tom.example/Backup'],
    ['https://[2001:db8::1]:8443/b', 'https://[2001:db8::1]:8443/b'],
  ])('%j is %s', (given, url) => {
    expect(readPeerUrl(given, false)).toEqual({ ok: true, url })
  })

  test.each([
    ['', 'url_invalid'],
    ['tom.example', 'url_invalid'],
    ['ssh://tom.example', 'url_invalid'],
    ['javascript:alert(1)', 'url_invalid'],
    ['https://ana:secret@tom.example', 'url_invalid'],
    ['https://tom.example/?a=b', 'url_invalid'],
    ['https://tom.example/#a', 'url_invalid'],
    [`https://tom.example/${'a'.repeat(500)}`, 'url_invalid'],
    ['http://tom.example', 'url_not_https'],
    ['http://127.0.0.1.tom.example', 'url_not_https'],
  ])('%j is refused', (given, code) => {
    expect(readPeerUrl(given, true)).toEqual({ ok: false, code })
  })

  test('is plain HTTP to this machine only, and only where that is allowed', () => {
    for (const url of ['http://127.0.0.1:8787/backup', 'http://localhost', 'http://[::1]:1']) {
      expect(readPeerUrl(url, true)).toEqual({ ok: true, url })
      expect(readPeerUrl(url, false)).toEqual({ ok: false, code: 'url_not_https' })
    }
  })
})
