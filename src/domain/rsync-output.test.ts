// What rsync says, cut at any place, and how its ends are told.
import { describe, expect, test } from 'vitest'
import { createRsyncOutput, rsyncStanding, sshFailure } from './rsync-output.ts'

const said =
  '\r         32,768   1%    0.00kB/s    0:00:00  \r          32768   1%    0.00kB/s    0:00:00  ' +
  '\r        3000000 100%    1.01MB/s    0:00:02 (xfr#1, to-chk=0/1)\r        3000000 100%  989.31kB/s    0:00:02 (xfr#1, to-chk=0/1)\n' +
  '\nNumber of files: 1 (reg: 1)\nTotal file size: 3000000 bytes\nTotal bytes sent: 3000809\nTotal bytes received: 35\n\nsent 3000809 bytes\n'

test.each([1, 7, 100, 10_000])('progress and totals in pieces of %i', (size) => {
  const done: number[] = []
  const output = createRsyncOutput((bytes) => done.push(bytes))
  for (let at = 0; at < said.length; at += size) output.push(said.slice(at, at + size))
  expect(done).toEqual([32_768, 3_000_000])
  expect(output.stats()).toEqual({ bytesSent: 3_000_809, bytesReceived: 35 })
})

test('a line without an end takes no memory', () => {
  const output = createRsyncOutput(() => undefined)
  for (let n = 0; n < 1000; n += 1) output.push('x'.repeat(10_000))
  output.push('\nTotal bytes sent: 5\n')
  expect(output.stats().bytesSent).toBe(5)
})

describe('an end is told as', () => {
  const peer = { host: 'tom.example' }
  test.each([
    [
      'rsync',
      255,
      'No ED25519 host key is known for x.\r\nHost key verification failed.\r\n',
      'ssh_host_key_changed',
    ],
    ['ssh', 255, 'Unable to negotiate: no matching host key type found.', 'ssh_host_key_changed'],
    [
      'rsync',
      255,
      'ssh: connect to host x port 22: Connection refused\nrsync error: unexplained error',
      'ssh_failed',
    ],
    ['rsync', 12, '', 'ssh_failed'],
    ['rsync', 30, 'rsync error: timeout', 'ssh_failed'],
    ['rsync', 23, 'rsync: write failed: No space left\nrsync error: some files', 'command_failed'],
    ['ssh', 1, 'backupmanager inbox: refused: no such upload', 'ssh_failed'],
  ] as const)('%s %i %j: %s', (tool, code, stderr, expected) => {
    expect(sshFailure(tool, code, stderr, peer).code).toBe(expected)
  })
  test('its last own words, without control characters', () => {
    const stderr =
      'first\nbackupmanager inbox: refused:\u001b[31m no\nrsync error: error in protocol (code 12)\n'
    expect(sshFailure('rsync', 12, stderr, peer).facts).toEqual({
      detail: 'backupmanager inbox: refused:[31m no',
    })
  })
})

test.each([
  ['rsync  version 3.2.3  protocol version 31', '3.2.3', 'old'],
  ['rsync  version 3.2.7  protocol version 31', '3.2.7', 'unsure'],
  ['rsync  version v3.4.1  protocol version 32', '3.4.1', 'unsure'],
  ['backupmanager inbox x ok rsync 3.5.0', '3.5.0', 'good'],
  ['rsync  version 4.0.0', '4.0.0', 'good'],
])('%s: %s is %s', (text, version, standing) => {
  expect(rsyncStanding(text)).toEqual({ version, standing })
})

test('no version is no version', () => {
  expect(rsyncStanding('backupmanager inbox x ok rsync unknown')).toBeNull()
})
