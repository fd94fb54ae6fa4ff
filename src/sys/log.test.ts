import { expect, test } from 'vitest'
import { createLogger } from './log.ts'
import { Secret } from './secret.ts'

function logger(level: Parameters<typeof createLogger>[0]['level'] = 'info') {
  const lines: string[] = []
  const log = createLogger({ level, destination: { write: (line) => void lines.push(line) } })
  return { log, lines }
}

test('a line is JSON with its level in words and its time', () => {
  const { log, lines } = logger()
  log.warn({ run: 7 }, 'slow')
  const entry: unknown = JSON.parse(lines[0] ?? '')
  expect(entry).toMatchObject({
    level: 'warn',
    run: 7,
    msg: 'slow',
    time: expect.stringMatching(/^\d{4}-.*Z$/),
  })
})

test('what is below the level is not written', () => {
  const { log, lines } = logger('warn')
  log.info('quiet')
  log.error('loud')
  expect(lines).toHaveLength(1)
})

test('secrets are not written, wherever they stand', () => {
  const { log, lines } = logger()
  const secret = 'hunter2'
  log.info({ password: secret, api_key: secret, token: secret })
  log.info({ config: { password: secret }, job: { config: { password: secret, api_key: secret } } })
  log.info({ headers: { authorization: secret, cookie: secret, 'x-backupmanager-key': secret } })
  log.info({ request: { headers: { authorization: secret, 'x-backupmanager-key': secret } } })
  log.info({ anything: new Secret(secret) })
  log.child({ password: secret }).info('child')
  expect(lines).toHaveLength(6)
  for (const line of lines) {
    expect(line).not.toContain(secret)
    expect(line).toContain('•••')
  }
})
