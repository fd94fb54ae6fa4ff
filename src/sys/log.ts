// The server's own log: JSON lines for the journal. What an admin reads about a run is elsewhere.
import { pino, type DestinationStream, type Logger } from 'pino'

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof logLevels)[number]

/** Keys whose values are never written, at the top and up to two levels below. */
const secretKeys = [
  'password',
  'passphrase',
  'secret',
  'token',
  'api_key',
  'apiKey',
  'private_key',
  'authorization',
  'cookie',
  'x-backupmanager-key',
] as const

const redacted = secretKeys.flatMap((key) => {
  const step = /^\w+$/.test(key) ? `.${key}` : `["${key}"]`
  return [step.replace(/^\./, ''), `*${step}`, `*.*${step}`]
})

/**
 * `error`: a person must act; `warn`: handled, but not as it should be; `info`: state changes; `debug`: commands and
 * requests. Writes to standard output unless told otherwise.
 */
export function createLogger(options: { level: LogLevel; destination?: DestinationStream }): Logger {
  return pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: redacted, censor: '•••' },
    },
    options.destination ?? pino.destination({ dest: 1, sync: true }),
  )
}

export type { Logger } from 'pino'
