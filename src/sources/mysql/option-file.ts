// The option file by which MySQL's programs are told where to connect and as whom: never by arguments or environment,
// which other users can list.
import type { Connection } from './settings.ts'

/** Whom a server on this machine knows root by. */
export const rootUser = 'root'

/** How the programs connect: by the server's socket, or over the network. */
export interface Way {
  readonly user: string
  readonly password: string | null
  readonly by: { readonly socket: string | null } | { readonly host: string; readonly port: number }
}

/**
 * The way to the server. Without password and host it is the local socket as root, whom the server knows by the system's
 * user (`unix_socket`); a `user` then only says whose database it is. `localhost` without a port means the socket, as
 * it does for the programs themselves.
 */
export function wayTo(connection: Connection): Way {
  const { user = rootUser, password = null, host, port, socket = null } = connection
  const remote = port !== undefined || (host !== undefined && host !== 'localhost')
  if (remote) return { user, password, by: { host: host ?? '127.0.0.1', port: port ?? 3306 } }
  const asRoot = password === null && host === undefined
  return { user: asRoot ? rootUser : user, password, by: { socket } }
}

/** The text of the option file. */
export function optionFile(way: Way): string {
  const { by } = way
  const values: readonly (readonly [name: string, value: string | null])[] = [
    ['user', way.user],
    ['password', way.password],
    ['protocol', 'host' in by ? 'tcp' : 'socket'],
    ...('host' in by
      ? ([
          ['host', by.host],
          ['port', String(by.port)],
        ] as const)
      : ([['socket', by.socket]] as const)),
  ]
  const lines = values.map(([name, value]) => (value === null ? '' : `${name}=${quoted(value) ?? ''}\n`))
  return `[client]\n${lines.join('')}[mysql]\nconnect-timeout=10\n`
}

/**
 * A value as the programs' parser gives it back: they strip one pair of quotes, know `\\` and `\s`, and take `#` for a
 * comment wherever it is outside of quotes. Null when no way of writing survives that.
 */
export function quoted(value: string): string | null {
  const escaped = value.replaceAll('\\', '\\\\').replaceAll('\t', '\\t').replaceAll(' ', '\\s')
  const ways = [`"${escaped}"`, `'${escaped}'`, escaped]
  return ways.find((way) => !hasComment(way) && unquoted(way) === escaped) ?? null
}

function unquoted(value: string): string {
  const [first] = value
  return value.length > 1 && (first === '"' || first === "'") && value.endsWith(first)
    ? value.slice(1, -1)
    : value
}

/** True when the parser would see a comment in it. It forgets that the quotes inside belong to the value. */
function hasComment(text: string): boolean {
  let quote = ''
  let escape = false
  for (const char of text) {
    if ((char === '"' || char === "'") && !escape) {
      if (quote === '') quote = char
      else if (quote === char) quote = ''
    }
    if (quote === '' && char === '#') return true
    escape = quote !== '' && char === '\\' && !escape
  }
  return false
}
