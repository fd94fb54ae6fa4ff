// What is the same in the settings of all databases: texts, and where a server is. Messages are the codes of domain/problem.ts.
import { z } from 'zod'

const calm = (value: string): boolean => !/\p{Cc}/u.test(value)

/** A text without control characters, of at most so many characters. */
export function calmText(characters = Number.POSITIVE_INFINITY) {
  return z.string().min(1).max(characters).refine(calm, { message: 'control_characters' })
}

/** An absolute path of at most so many bytes. */
export function socketPath(maxBytes: number) {
  return z
    .string()
    .refine((path) => path.startsWith('/'), { message: 'path_not_absolute' })
    .refine(calm, { message: 'control_characters' })
    .refine((path) => Buffer.byteLength(path) <= maxBytes, { message: 'too_long' })
}

/** A server that is reached by network: neither a list of hosts nor a socket is a host. */
export const address = {
  host: z
    .string()
    .regex(/^[A-Za-z0-9_.:%-]{1,253}$/, { message: 'host_invalid' })
    .optional(),
  port: z
    .int({ message: 'port_invalid' })
    .min(1, { message: 'port_invalid' })
    .max(65_535, { message: 'port_invalid' })
    .optional(),
}
