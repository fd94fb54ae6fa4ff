// The instance's configuration from environment variables: everything that is wrong at once, or a frozen Config.
import { isIP } from 'node:net'
import { isAbsolute, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { instanceNameFrom, instanceNamePattern } from './domain/archive-name.ts'
import type { HelperTarget } from './sys/helper-client.ts'
import { logLevels, type LogLevel } from './sys/log.ts'
import { joinWords, words } from './sys/words.ts'

export type Listen =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string }

/** All paths are absolute. */
export interface Config {
  readonly dataDir: string
  readonly archivesDir: string
  readonly listen: Listen
  /** `''` or `/backup`: never with a slash at its end. */
  readonly basePath: string
  readonly instanceName: string
  /** With the base path, without a slash at its end. */
  readonly publicUrl: string
  readonly auth: 'sso' | 'none'
  /** Words of the yunohost command. */
  readonly yunohost: readonly string[]
  readonly allowInsecurePeers: boolean
  readonly logLevel: LogLevel
  readonly timeZone: string
  readonly rootHelper: HelperTarget
  /** Where other instances may send archives by rsync; null: nowhere. */
  readonly inbox: Inbox | null
  /** A file that holds what nginx adds to requests, to tell them from those of other local programs. */
  readonly proxySecretFile: string | null
}

export interface Inbox {
  /** The folder below which they arrive; the account's home. */
  readonly folder: string
  /** As peers reach it. */
  readonly user: string
  readonly host: string
  readonly port: number
  /** The folder that sshd's public host keys (`ssh_host_*_key.pub`) are in. */
  readonly hostKeys: string
}

/** What the defaults depend on. */
export interface MachineFacts {
  readonly hostname: string
  readonly timeZone: string
  readonly isRoot: boolean
  exists(path: string): boolean
}

export interface ConfigProblem {
  readonly variable: string
  readonly value: string
  /** One English sentence: the rule. */
  readonly message: string
}

export type ParsedConfig =
  | { readonly ok: true; readonly config: Config }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] }

type Environment = Readonly<Record<string, string | undefined>>

/** A value that breaks its rule; the message says the rule. */
class Wrong extends Error {}

const variables = [
  'BM_DATA_DIR',
  'BM_ARCHIVES_DIR',
  'BM_LISTEN',
  'BM_BASE_PATH',
  'BM_INSTANCE_NAME',
  'BM_PUBLIC_URL',
  'BM_AUTH',
  'BM_YUNOHOST',
  'BM_ALLOW_INSECURE_PEERS',
  'BM_LOG_LEVEL',
  'BM_TZ',
  'BM_ROOT_HELPER',
  'BM_PROXY_SECRET_FILE',
  'BM_SSH_INBOX',
  'BM_INBOX_DIR',
  'BM_SSH_HOST_KEYS',
] as const
type Variable = (typeof variables)[number]

/** Not configuration, but ours: the mark that processes of a run carry. */
const others: ReadonlySet<string> = new Set(['BM_OPERATION'])

const defaultListen: Listen = { kind: 'tcp', host: '127.0.0.1', port: 8787 }
const yunohostArchives = '/home/yunohost.backup/archives'

/** Reads the variables of the README's table. An empty variable counts as absent. */
export function parseConfig(env: Environment, facts: MachineFacts): ParsedConfig {
  const problems = unknownVariables(env)
  const read = <T>(variable: Variable, fallback: () => T, parse: (value: string) => T): T => {
    const value = (env[variable] ?? '').trim()
    if (value === '') return fallback()
    try {
      return parse(value)
    } catch (error) {
      if (!(error instanceof Wrong)) throw error
      problems.push({ variable, value, message: error.message })
      return fallback()
    }
  }

  const dataDir = read('BM_DATA_DIR', () => resolve('data'), folder)
  const listen = read('BM_LISTEN', () => defaultListen, parseListen)
  const basePath = read('BM_BASE_PATH', () => '', parseBasePath)
  const inboxAddress = read('BM_SSH_INBOX', () => null, parseInbox)
  const inboxFolder = read('BM_INBOX_DIR', () => null, absoluteFolder)
  if ((inboxAddress === null) !== (inboxFolder === null)) {
    const variable = inboxAddress === null ? 'BM_SSH_INBOX' : 'BM_INBOX_DIR'
    const other = inboxAddress === null ? 'BM_INBOX_DIR' : 'BM_SSH_INBOX'
    if (!problems.some((problem) => problem.variable === variable)) {
      problems.push({ variable, value: '', message: `must be set too: ${other} alone is of no use.` })
    }
  }
  const hostKeys = read('BM_SSH_HOST_KEYS', () => '/etc/ssh', absoluteFolder)
  const config: Config = {
    dataDir,
    archivesDir: read(
      'BM_ARCHIVES_DIR',
      () => (facts.exists(yunohostArchives) ? yunohostArchives : join(dataDir, 'archives')),
      folder,
    ),
    listen,
    basePath,
    instanceName: read('BM_INSTANCE_NAME', () => instanceNameFrom(facts.hostname), parseInstanceName),
    publicUrl: read('BM_PUBLIC_URL', () => urlOf(listen, facts.hostname) + basePath, parsePublicUrl),
    auth: read(
      'BM_AUTH',
      () => 'sso',
      (value) => parseAuth(value, listen),
    ),
    yunohost: read('BM_YUNOHOST', () => ['yunohost'], words),
    allowInsecurePeers: read('BM_ALLOW_INSECURE_PEERS', () => false, parseBoolean),
    logLevel: read(
      'BM_LOG_LEVEL',
      () => 'info',
      (value) => oneOf(logLevels, value),
    ),
    timeZone: read('BM_TZ', () => facts.timeZone, parseTimeZone),
    rootHelper: read('BM_ROOT_HELPER', () => defaultHelper(facts.isRoot), parseHelper),
    inbox:
      inboxAddress === null || inboxFolder === null
        ? null
        : { folder: inboxFolder, ...inboxAddress, hostKeys },
    proxySecretFile: read(
      'BM_PROXY_SECRET_FILE',
      () => null,
      (value) => existingFile(value, facts),
    ),
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, config: deepFreeze(config) }
}

/** The configuration for `config check --json`. It holds no secret; files that do are named, not read. */
export function describeConfig(config: Config): Record<string, unknown> {
  return {
    data_dir: config.dataDir,
    archives_dir: config.archivesDir,
    listen: config.listen.kind === 'unix' ? `unix:${config.listen.path}` : authority(config.listen),
    base_path: config.basePath === '' ? '/' : config.basePath,
    instance_name: config.instanceName,
    public_url: config.publicUrl,
    auth: config.auth,
    yunohost: config.yunohost,
    allow_insecure_peers: config.allowInsecurePeers,
    log_level: config.logLevel,
    time_zone: config.timeZone,
    root_helper: describeHelper(config.rootHelper),
    proxy_secret_file: config.proxySecretFile,
    ssh_inbox: config.inbox === null ? null : `${config.inbox.user}@${authority(config.inbox)}`,
    inbox_dir: config.inbox?.folder ?? null,
    ssh_host_keys: config.inbox?.hostKeys ?? null,
  }
}

/** The environment that a root helper started by us needs; one of systemd or sudo has its own. */
export function helperEnvironment(config: Config): Record<string, string> {
  return {
    BM_ARCHIVES_DIR: config.archivesDir,
    BM_DATA_DIR: config.dataDir,
    BM_YUNOHOST: joinWords(config.yunohost),
    ...(config.inbox !== null && { BM_INBOX_DIR: config.inbox.folder }),
  }
}

/** True when only this machine can reach the listener. */
export function isLocal(listen: Listen): boolean {
  if (listen.kind === 'unix') return true
  const { host } = listen
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}

function unknownVariables(env: Environment): ConfigProblem[] {
  return Object.entries(env)
    .filter(([name]) => name.startsWith('BM_') && !others.has(name))
    .filter(([name]) => !(variables as readonly string[]).includes(name))
    .map(([variable, value]) => ({
      variable,
      // It may be a secret under a misspelt name.
      value: value === undefined || value === '' ? '' : '•••',
      message: 'is not a variable of BackupManager. Is it misspelt?',
    }))
}

function folder(value: string): string {
  if (value.includes('\0')) throw new Wrong('must be a path.')
  return resolve(value)
}

function parseListen(value: string): Listen {
  if (value.startsWith('unix:')) {
    const path = value.slice('unix:'.length)
    if (!isAbsolute(path)) throw new Wrong('needs an absolute path after "unix:".')
    // The kernel's limit for the name of a socket.
    if (Buffer.byteLength(path) > 107) throw new Wrong('has a socket path of more than 107 bytes.')
    return { kind: 'unix', path }
  }
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+)):([0-9]{1,5})$/.exec(value)
  const host = match?.[1] ?? match?.[2]
  const port = Number(match?.[3])
  const plausible = match?.[1] === undefined || isIP(match[1]) === 6
  if (host === undefined || !plausible || port > 65_535) {
    throw new Wrong('must be host:port, [IPv6]:port or unix:/path.')
  }
  return { kind: 'tcp', host, port }
}

function absoluteFolder(value: string): string {
  if (!isAbsolute(value) || value.includes('\0')) throw new Wrong('must be an absolute path.')
  return resolve(value)
}

function parseInbox(value: string): Pick<Inbox, 'user' | 'host' | 'port'> {
  const match =
    /^([a-z_][a-z0-9_-]{0,31})@(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9][A-Za-z0-9.-]{0,254}))(?::([0-9]{1,5}))?$/.exec(
      value,
    )
  const [, user, v6, name] = match ?? []
  const host = v6 ?? name
  const port = Number(match?.[4] ?? 22)
  if (user === undefined || host === undefined || port < 1 || port > 65_535 || (v6 && isIP(v6) !== 6)) {
    throw new Wrong('must be user@host:port or user@[IPv6]:port, as other servers reach it.')
  }
  return { user, host, port }
}

function parseBasePath(value: string): string {
  const path = value.replace(/\/+$/, '')
  if (path === '') return ''
  if (!/^(\/[A-Za-z0-9_~.-]+)+$/.test(path) || /\/\.\.?(\/|$)/.test(path)) {
    throw new Wrong('must begin with "/" and hold only letters, digits and "-._~" between its slashes.')
  }
  if (path === '/api' || path.startsWith('/api/')) {
    throw new Wrong('must not begin with /api: that is where the API is.')
  }
  return path
}

function parseInstanceName(value: string): string {
  if (instanceNamePattern.test(value)) return value
  throw new Wrong('must be 1 to 20 letters, digits and "-", beginning with a letter or digit.')
}

function parsePublicUrl(value: string): string {
  const url = URL.canParse(value) ? new URL(value) : null
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw new Wrong('must be a http:// or https:// address.')
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw new Wrong('must hold no user, password, "?" or "#".')
  }
  return (url.origin + url.pathname).replace(/\/+$/, '')
}

function parseAuth(value: string, listen: Listen): Config['auth'] {
  const auth = oneOf(['sso', 'none'] as const, value)
  if (auth === 'sso' || isLocal(listen)) return auth
  throw new Wrong('"none" needs BM_LISTEN on a loopback address or a unix socket: anybody could come in.')
}

function parseBoolean(value: string): boolean {
  return ['true', '1', 'yes'].includes(oneOf(['true', 'false', '1', '0', 'yes', 'no'] as const, value))
}

function parseTimeZone(value: string): string {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: value }).resolvedOptions().timeZone
  } catch {
    throw new Wrong('must be a time zone such as Europe/Paris.')
  }
}

function parseHelper(value: string): HelperTarget {
  if (value === 'direct') return defaultHelper(true)
  if (!value.startsWith('unix:')) return { kind: 'command', argv: words(value) }
  const path = value.slice('unix:'.length)
  if (!isAbsolute(path)) throw new Wrong('needs an absolute path after "unix:".')
  return { kind: 'socket', path }
}

function defaultHelper(isRoot: boolean): HelperTarget {
  if (!isRoot) return { kind: 'command', argv: ['sudo', '-n', 'backupmanager', 'root-helper'] }
  return { kind: 'direct', entry: fileURLToPath(new URL('../bin/backupmanager.js', import.meta.url)) }
}

function existingFile(value: string, facts: MachineFacts): string {
  if (!isAbsolute(value)) throw new Wrong('must be an absolute path.')
  if (!facts.exists(value)) throw new Wrong('names a file that does not exist.')
  return value
}

function oneOf<T extends string>(allowed: readonly T[], value: string): T {
  const found = allowed.find((one) => one === value.toLowerCase())
  if (found === undefined) throw new Wrong(`must be one of: ${allowed.join(', ')}.`)
  return found
}

function urlOf(listen: Listen, hostname: string): string {
  if (listen.kind === 'unix') return 'http://localhost'
  const everywhere = listen.host === '0.0.0.0' || listen.host === '::'
  return `http://${authority(everywhere ? { ...listen, host: hostname } : listen)}`
}

function authority(listen: { readonly host: string; readonly port: number }): string {
  return `${isIP(listen.host) === 6 ? `[${listen.host}]` : listen.host}:${listen.port}`
}

function describeHelper(helper: HelperTarget): string {
  if (helper.kind === 'command') return helper.argv.join(' ')
  return helper.kind === 'socket' ? `unix:${helper.path}` : 'direct'
}

function deepFreeze<T extends object>(value: T): Readonly<T> {
  for (const part of Object.values(value)) if (typeof part === 'object' && part !== null) deepFreeze(part)
  return Object.freeze(value)
}
