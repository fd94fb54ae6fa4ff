// What an admin says about a MariaDB or MySQL database. Strict: an unknown key is refused by name. Messages are the codes
// of domain/problem.ts. Whether the server agrees is asked in `check.ts`.
import { z } from 'zod'
import { isSystemSchema } from './names.ts'
import { quoted } from './option-file.ts'

/** Characters, as the server counts them. */
const databaseMax = 64
const userMax = 128
const passwordMax = 512
/** What the system allows for the path of a socket. */
const socketMaxBytes = 107

const calm = (value: string): boolean => !/\p{Cc}/u.test(value)
/** Four-byte characters are not allowed in names, nor is a space at the end; the prefix would be a directory's raw name. */
const possible = (name: string): boolean =>
  name.isWellFormed() && !/[\u{10000}-\u{10ffff}]|\s$|^#mysql50#/u.test(name)

/** Name of a database that a job may save and a restore may make. */
export const databaseName = z
  .string()
  .min(1)
  .refine(calm, { message: 'control_characters' })
  .refine((name) => name.length <= databaseMax, { message: 'too_long' })
  .refine(possible, { message: 'database_name_invalid' })
  .refine((name) => !isSystemSchema(name), { message: 'name_reserved' })

/** There are rare mixtures of both quotes and `#` that cannot be written in the programs' option files. */
const writable = (value: string): boolean => quoted(value) !== null

const connection = {
  user: z
    .string()
    .min(1)
    .max(userMax)
    .refine(calm, { message: 'control_characters' })
    .refine(writable, { message: 'unknown_value' })
    .optional(),
  password: z
    .string()
    .min(1)
    .max(passwordMax)
    .refine(calm, { message: 'control_characters' })
    .refine(writable, { message: 'unknown_value' })
    .optional(),
  host: z
    .string()
    .regex(/^[A-Za-z0-9_.:%-]{1,253}$/, { message: 'host_invalid' })
    .optional(),
  port: z
    .int({ message: 'port_invalid' })
    .min(1, { message: 'port_invalid' })
    .max(65_535, { message: 'port_invalid' })
    .optional(),
  /** The server's socket, where it is not in the usual place. */
  socket: z
    .string()
    .refine((path) => path.startsWith('/'), { message: 'path_not_absolute' })
    .refine(calm, { message: 'control_characters' })
    .refine((path) => Buffer.byteLength(path) <= socketMaxBytes, { message: 'too_long' })
    .refine(writable, { message: 'unknown_value' })
    .optional(),
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
