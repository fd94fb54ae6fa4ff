// What an admin says about a MariaDB or MySQL database. Strict: an unknown key is refused by name. Messages are the codes
// of domain/problem.ts. Whether the server agrees is asked in `check.ts`.
import { z } from 'zod'
import { address, calmText, socketPath } from '../database-settings.ts'
import { isSystemSchema } from './names.ts'
import { quoted } from './option-file.ts'

/** Characters, as the server counts them. */
const databaseMax = 64
const userMax = 128
const passwordMax = 512
/** What the system allows for the path of a socket. */
const socketMaxBytes = 107

/** Four-byte characters are not allowed in names, nor is a space at the end; the prefix would be a directory's raw name. */
const possible = (name: string): boolean =>
  name.isWellFormed() && !/[\u{10000}-\u{10ffff}]|\s$|^#mysql50#/u.test(name)

/** Name of a database that a job may save and a restore may make. */
export const databaseName = calmText()
  .refine((name) => name.length <= databaseMax, { message: 'too_long' })
  .refine(possible, { message: 'database_name_invalid' })
  .refine((name) => !isSystemSchema(name), { message: 'name_reserved' })

/** There are rare mixtures of both quotes and `#` that cannot be written in the programs' option files. */
const writable = (value: string): boolean => quoted(value) !== null

const connection = {
  user: calmText(userMax).refine(writable, { message: 'unknown_value' }).optional(),
  password: calmText(passwordMax).refine(writable, { message: 'unknown_value' }).optional(),
  ...address,
  /** The server's socket, where it is not in the usual place. */
  socket: socketPath(socketMaxBytes).refine(writable, { message: 'unknown_value' }).optional(),
}

/** How a server is reached; anything else that was given is ignored. */
export const connectionSchema = z.object(connection)
export type Connection = z.output<typeof connectionSchema>

export const settingsSchema = z
  .strictObject({ database: databaseName, ...connection })
  .refine((given) => given.socket === undefined || (given.host === undefined && given.port === undefined), {
    path: ['socket'],
    message: 'unexpected',
  })
export type Settings = z.output<typeof settingsSchema>
