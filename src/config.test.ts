import { describe, expect, test } from 'vitest'
import {
  describeConfig,
  helperEnvironment,
  parseConfig,
  type Config,
  type ConfigProblem,
  type MachineFacts,
} from './config.ts'

const machine: MachineFacts = {
  hostname: 'jerry.example.test',
  timeZone: 'Europe/Paris',
  isRoot: false,
  exists: () => false,
}

function good(env: Record<string, string> = {}, facts: Partial<MachineFacts> = {}): Config {
  const parsed = parseConfig(env, { ...machine, ...facts })
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems))
  return parsed.config
}

function problems(env: Record<string, string>): readonly ConfigProblem[] {
  const parsed = parseConfig(env, machine)
  return parsed.ok ? [] : parsed.problems
}

test('without any variable everything has its default', () => {
  const config = good({ BM_DATA_DIR: '/data' })
  expect(config).toEqual({
    dataDir: '/data',
    archivesDir: '/data/archives',
    listen: { kind: 'tcp', host: '127.0.0.1', port: 8787 },
    basePath: '',
    instanceName: 'jerry',
    publicUrl: 'http://127.0.0.1:8787',
    auth: 'sso',
    yunohost: ['yunohost'],
    allowInsecurePeers: false,
    logLevel: 'info',
    timeZone: 'Europe/Paris',
    rootHelper: { kind: 'command', argv: ['sudo', '-n', 'backupmanager', 'root-helper'] },
    inbox: null,
    proxySecretFile: null,
  })
  expect(good({}).dataDir).toBe(`${process.cwd()}/data`)
})

test('every variable is read', () => {
  const config = good(
    {
      BM_DATA_DIR: '/var/lib/bm/',
      BM_ARCHIVES_DIR: '/srv/archives',
      BM_LISTEN: 'unix:/run/bm/web.sock',
      BM_BASE_PATH: '/backup/',
      BM_INSTANCE_NAME: 'tom-2',
      BM_PUBLIC_URL: 'https://tom.example.test/backup/',
      BM_AUTH: 'none',
      BM_YUNOHOST: 'node "/a b/yunohost.js"',
      BM_ALLOW_INSECURE_PEERS: 'true',
      BM_LOG_LEVEL: 'debug',
      BM_TZ: 'America/New_York',
      BM_ROOT_HELPER: 'unix:/run/bm/helper.sock',
      BM_PROXY_SECRET_FILE: '/etc/bm/secret',
      BM_SSH_INBOX: 'bm-inbox@[2001:db8::1]:2222',
      BM_INBOX_DIR: '/home/bm-inbox/',
      BM_SSH_HOST_KEYS: '/etc/dropbear',
      BM_OPERATION: 'a mark, and no configuration',
      PATH: '/bin',
    },
    { exists: () => true },
  )
  expect(config).toEqual({
    dataDir: '/var/lib/bm',
    archivesDir: '/srv/archives',
    listen: { kind: 'unix', path: '/run/bm/web.sock' },
    basePath: '/backup',
    instanceName: 'tom-2',
    publicUrl: 'https://tom.example.test/backup',
    auth: 'none',
    yunohost: ['node', '/a b/yunohost.js'],
    allowInsecurePeers: true,
    logLevel: 'debug',
    timeZone: 'America/New_York',
    rootHelper: { kind: 'socket', path: '/run/bm/helper.sock' },
    inbox: {
      folder: '/home/bm-inbox',
      user: 'bm-inbox',
      host: '2001:db8::1',
      port: 2222,
      hostKeys: '/etc/dropbear',
    },
    proxySecretFile: '/etc/bm/secret',
  })
  expect(helperEnvironment(config)).toEqual({
    BM_ARCHIVES_DIR: '/srv/archives',
    BM_DATA_DIR: '/var/lib/bm',
    BM_YUNOHOST: "node '/a b/yunohost.js'",
    BM_INBOX_DIR: '/home/bm-inbox',
  })
})

describe('the inbox', () => {
  const folder = { BM_INBOX_DIR: '/inbox' }
  test('is reached at port 22 unless it says otherwise', () => {
    expect(good({ ...folder, BM_SSH_INBOX: 'bm@tom.example.test' }).inbox).toEqual({
      folder: '/inbox',
      user: 'bm',
      host: 'tom.example.test',
      port: 22,
      hostKeys: '/etc/ssh',
    })
  })
  test('needs its folder and its address', () => {
    expect(problems(folder).map((problem) => problem.variable)).toEqual(['BM_SSH_INBOX'])
    expect(problems({ BM_SSH_INBOX: 'bm@tom.example' }).map((problem) => problem.variable)).toEqual([
      'BM_INBOX_DIR',
    ])
  })
  test.each([
    'tom.example',
    'bm@',
    'bm@-x',
    'bm@a:0',
    'bm@a:65536',
    'Bm@a',
    'b m@a',
    'bm@[1.2.3.4]',
    'bm@a b',
  ])('is not at %s', (BM_SSH_INBOX) => {
    expect(problems({ ...folder, BM_SSH_INBOX }).map((problem) => problem.variable)).toEqual(['BM_SSH_INBOX'])
  })
})

test('an empty variable counts as absent', () => {
  expect(good({ BM_DATA_DIR: '/d', BM_TZ: '', BM_LISTEN: ' ' })).toEqual(good({ BM_DATA_DIR: '/d' }))
})

test('all problems are told at once, with the variable, the value and the rule', () => {
  const found = problems({
    BM_LISTEN: 'everywhere',
    BM_BASE_PATH: '/api',
    BM_INSTANCE_NAME: 'a_b',
    BM_PUBLIC_URL: 'tom.example.test',
    BM_AUTH: 'password',
    BM_ALLOW_INSECURE_PEERS: 'perhaps',
    BM_LOG_LEVEL: 'loud',
    BM_TZ: 'Mars/Olympus',
    BM_ROOT_HELPER: 'unix:relative',
    BM_PROXY_SECRET_FILE: '/no/such/file',
    BM_LSITEN: 'hunter2',
  })
  expect(Object.fromEntries(found.map((p) => [p.variable, p.value]))).toEqual({
    BM_LISTEN: 'everywhere',
    BM_BASE_PATH: '/api',
    BM_INSTANCE_NAME: 'a_b',
    BM_PUBLIC_URL: 'tom.example.test',
    BM_AUTH: 'password',
    BM_ALLOW_INSECURE_PEERS: 'perhaps',
    BM_LOG_LEVEL: 'loud',
    BM_TZ: 'Mars/Olympus',
    BM_ROOT_HELPER: 'unix:relative',
    BM_PROXY_SECRET_FILE: '/no/such/file',
    // A name we do not know may hold a secret.
    BM_LSITEN: '•••',
  })
  expect(found.every((p) => p.message.length > 10)).toBe(true)
})

describe('BM_LISTEN', () => {
  test.each([
    ['0.0.0.0:80', { kind: 'tcp', host: '0.0.0.0', port: 80 }],
    ['localhost:0', { kind: 'tcp', host: 'localhost', port: 0 }],
    ['[::1]:8787', { kind: 'tcp', host: '::1', port: 8787 }],
  ])('takes %s', (value, listen) => {
    expect(good({ BM_LISTEN: value }).listen).toEqual(listen)
  })

  test.each([
    '8787',
    ':8787',
    'a:',
    'a:65536',
    '::1:80',
    '[1.2.3.4]:80',
    'unix:',
    'unix:x',
    `unix:/${'x'.repeat(107)}`,
  ])('refuses %s', (value) => {
    expect(problems({ BM_LISTEN: value })).toMatchObject([{ variable: 'BM_LISTEN', value }])
  })
})

describe('BM_BASE_PATH', () => {
  test.each([
    ['/', ''],
    ['//', ''],
    ['/a/b/', '/a/b'],
    ['/apis', '/apis'],
  ])('%s is %j', (value, expected) => {
    expect(good({ BM_BASE_PATH: value }).basePath).toBe(expected)
  })

  test.each(['backup', '/a//b', '/a/../b', '/..', '/a b', '/api/x', '/api/', '/a?b', '/"'])(
    'refuses %s',
    (value) => {
      expect(problems({ BM_BASE_PATH: value })).toMatchObject([{ variable: 'BM_BASE_PATH' }])
    },
  )
})

describe('BM_AUTH=none', () => {
  test.each(['127.0.0.1:80', '127.3.2.1:80', 'localhost:80', '[::1]:80', 'unix:/run/x'])(
    'is taken for %s',
    (value) => {
      expect(good({ BM_AUTH: 'none', BM_LISTEN: value }).auth).toBe('none')
    },
  )

  test.each(['0.0.0.0:80', '[::]:80', '192.168.1.2:80', 'jerry.example.test:80', '127.evil.test:80'])(
    'is refused for %s',
    (value) => {
      expect(problems({ BM_AUTH: 'none', BM_LISTEN: value })).toMatchObject([{ variable: 'BM_AUTH' }])
    },
  )
})

describe('BM_ROOT_HELPER', () => {
  test('is direct for root', () => {
    const { rootHelper } = good({}, { isRoot: true })
    expect(rootHelper).toEqual({ kind: 'direct', entry: expect.stringMatching(/\/bin\/backupmanager\.js$/) })
    expect(good({ BM_ROOT_HELPER: 'direct' }).rootHelper).toEqual(rootHelper)
  })

  test('is a command in words', () => {
    expect(good({ BM_ROOT_HELPER: 'sudo -n "/opt/b m"' }).rootHelper).toEqual({
      kind: 'command',
      argv: ['sudo', '-n', '/opt/b m'],
    })
  })
})

test('the archives of YunoHost are used where they are', () => {
  const yunohost = '/home/yunohost.backup/archives'
  expect(good({}, { exists: (path) => path === yunohost }).archivesDir).toBe('/home/yunohost.backup/archives')
})

test.each([
  [{ BM_LISTEN: '0.0.0.0:8080', BM_BASE_PATH: '/backup' }, 'http://jerry.example.test:8080/backup'],
  [{ BM_LISTEN: '[::1]:80' }, 'http://[::1]:80'],
  [{ BM_LISTEN: 'unix:/run/x', BM_BASE_PATH: '/b' }, 'http://localhost/b'],
])('the public address follows the listener (%o)', (env, url) => {
  expect(good(env as Record<string, string>).publicUrl).toBe(url)
})

test.each(['ftp://x', 'https://u:p@x', 'https://x/?a', 'https://x/#a', 'x'])(
  'the public address is not %s',
  (value) => {
    expect(problems({ BM_PUBLIC_URL: value })).toMatchObject([{ variable: 'BM_PUBLIC_URL' }])
  },
)

test('a configuration cannot be changed', () => {
  const config = good()
  expect(Object.isFrozen(config)).toBe(true)
  expect(Object.isFrozen(config.listen)).toBe(true)
  expect(Object.isFrozen(config.yunohost)).toBe(true)
})

test('its description is plain values by snake_case names', () => {
  expect(describeConfig(good({ BM_DATA_DIR: '/d', BM_LISTEN: '[::1]:80' }))).toEqual({
    data_dir: '/d',
    archives_dir: '/d/archives',
    listen: '[::1]:80',
    base_path: '/',
    instance_name: 'jerry',
    public_url: 'http://[::1]:80',
    auth: 'sso',
    yunohost: ['yunohost'],
    allow_insecure_peers: false,
    log_level: 'info',
    time_zone: 'Europe/Paris',
    root_helper: 'sudo -n backupmanager root-helper',
    proxy_secret_file: null,
    ssh_inbox: null,
    inbox_dir: null,
    ssh_host_keys: null,
  })
})
