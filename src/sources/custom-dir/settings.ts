// What an admin says about a directory to back up. Strict: an unknown key is refused by name. Messages are the codes
// of domain/problem.ts. Whether the machine agrees is asked in `check.ts`.
import { z } from 'zod'

const pathMax = 4096
const path = z.string().min(1).max(pathMax)
const name = z.string().min(1).max(64)
const port = z
  .int({ message: 'port_invalid' })
  .min(1, { message: 'port_invalid' })
  .max(65_535, { message: 'port_invalid' })
/** Becomes a field of a passwd line, or a file of one line in archives. */
const plainPath = path
  .refine((given) => !/\p{Cc}/u.test(given), { message: 'control_characters' })
  .refine((given) => given.startsWith('/'), { message: 'path_not_absolute' })
const passwdPath = plainPath.refine((given) => !given.includes(':'), { message: 'unknown_value' })

/** What a restore makes beside the files. Kept with the job and, with what the machine knows of it, in its archives. */
export const restoreSettingsSchema = z.strictObject({
  system_user: z
    .strictObject({
      name: name.regex(/^[a-z_][a-z0-9_-]{0,31}$/, { message: 'unknown_value' }),
      home: passwdPath.optional(),
      shell: passwdPath.optional(),
    })
    .optional(),
  systemd_service: z
    .strictObject({
      name: name.regex(/^[A-Za-z0-9:_.@-]+$/, { message: 'unknown_value' }),
      service_file: plainPath.optional(),
    })
    .optional(),
  permissions: z
    .strictObject({
      owner: name.regex(/^[A-Za-z0-9_.-]+(?::[A-Za-z0-9_.-]+)?$/, { message: 'unknown_value' }).optional(),
      mode: z
        .string()
        .regex(/^[0-7]{3,4}$/, { message: 'mode_invalid' })
        .optional(),
    })
    .optional(),
  firewall_ports: z.array(port).max(100).optional(),
  post_restore_commands: z
    .array(
      z
        .string()
        .min(1)
        .max(4096)
        .refine((command) => !command.includes('\0'), { message: 'control_characters' }),
    )
    .max(50)
    .optional(),
})
export type RestoreSettings = z.output<typeof restoreSettingsSchema>

export const settingsSchema = z.strictObject({
  source_path: path,
  excludes: z.array(z.string().max(1024)).max(200).default([]),
  /** Other file systems that are mounted below the directory are left out. */
  one_file_system: z.boolean().default(true),
  restore: restoreSettingsSchema.optional(),
})

export type Settings = z.output<typeof settingsSchema>
