// What an admin says about a PostgreSQL database. Strict: an unknown key is refused by name. Messages are the codes of
// domain/problem.ts. Whether the server agrees is asked in `check.ts`.
import { z } from 'zod'
import { address, calmText, socketPath } from '../database-settings.ts'

/** PostgreSQL cuts longer names off without a word. */
const nameMaxBytes = 63
const passwordMax = 1000
/** What the system allows for a socket's path, less the name that the server gives it. */
const socketMaxBytes = 90

const fits = (value: string): boolean => value.isWellFormed() && Buffer.byteLength(value) <= nameMaxBytes

/** Name of a database that a restore may make. */
export const databaseName = calmText()
  .refine(fits, { message: 'database_name_invalid' })
  .refine((name) => !/^template[01]$/.test(name), { message: 'name_reserved' })

/** Name of a role. */
export const roleName = calmText().refine(fits, { message: 'too_long' })

const connection = {
  user: roleName.optional(),
  password: calmText(passwordMax).optional(),
  ...address,
  /** Directory of the server's socket; a comma would be a list of hosts. */
  socket: socketPath(socketMaxBytes)
    .refine((path) => !path.includes(','), { message: 'unknown_value' })
    .optional(),
}

/** How a server is reached; anything else that was given is ignored. */
export const connectionSchema = z.object(connection)
export type Connection = z.output<typeof connectionSchema>

export const settingsSchema = z
  .strictObject({ database: databaseName, ...connection })
  .refine((given) => given.host === undefined || given.socket === undefined, {
    path: ['socket'],
    message: 'unexpected',
  })
export type Settings = z.output<typeof settingsSchema>
