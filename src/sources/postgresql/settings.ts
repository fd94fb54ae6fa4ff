// What an admin says about a PostgreSQL database. Strict: an unknown key is refused by name. Messages are the codes of
// domain/problem.ts. Whether the server agrees is asked in `check.ts`.
import { z } from 'zod'

/** PostgreSQL cuts longer names off without a word. */
const nameMaxBytes = 63
/** What the system allows for a socket's path, less the name that the server gives it. */
const socketMaxBytes = 90

const calm = (value: string): boolean => !/\p{Cc}/u.test(value)
const fits = (value: string): boolean => value.isWellFormed() && Buffer.byteLength(value) <= nameMaxBytes

/** Name of a database that a restore may make. */
export const databaseName = z
  .string()
  .min(1)
  .refine(calm, { message: 'control_characters' })
  .refine(fits, { message: 'database_name_invalid' })
  .refine((name) => !/^template[01]$/.test(name), { message: 'name_reserved' })

/** Name of a role. */
export const roleName = z
  .string()
  .min(1)
  .refine(calm, { message: 'control_characters' })
  .refine(fits, { message: 'too_long' })

const connection = {
  user: roleName.optional(),
  password: z.string().min(1).max(1000).refine(calm, { message: 'control_characters' }).optional(),
  /** A comma would be a list of hosts, a slash a socket. */
  host: z
    .string()
    .regex(/^[A-Za-z0-9_.:%-]{1,253}$/, { message: 'host_invalid' })
    .optional(),
  port: z
    .int({ message: 'port_invalid' })
    .min(1, { message: 'port_invalid' })
    .max(65_535, { message: 'port_invalid' })
    .optional(),
  /** Directory of the server's socket. */
  socket: z
    .string()
    .refine((path) => path.startsWith('/'), { message: 'path_not_absolute' })
    .refine(calm, { message: 'control_characters' })
    .refine((path) => !path.includes(','), { message: 'unknown_value' })
    .refine((path) => Buffer.byteLength(path) <= socketMaxBytes, { message: 'too_long' })
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
