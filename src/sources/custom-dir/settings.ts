// What an admin says about a directory to back up. Strict: an unknown key is refused by name. Messages are the codes
// of domain/problem.ts. Whether the machine agrees is asked in `check.ts`.
import { z } from 'zod'

const pathMax = 4096
const path = z.string().min(1).max(pathMax)
const name = z.string().min(1).max(64)

/** Kept with the job and in its archives for the restore; this program's backups don't act on it. */
const restore = z.strictObject({
  system_user: z
    .strictObject({
      name: name.regex(/^[a-z_][a-z0-9_-]{0,31}$/, { message: 'unknown_value' }),
      home: path.optional(),
      shell: path.optional(),
    })
    .optional(),
  systemd_service: z
    .strictObject({
      name: name.regex(/^[A-Za-z0-9:_.@-]+$/, { message: 'unknown_value' }),
      service_file: path.optional(),
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
  firewall_ports: z.array(z.int().min(1).max(65_535)).max(100).optional(),
  post_restore_commands: z.array(z.string().min(1).max(4096)).max(50).optional(),
})

export const settingsSchema = z.strictObject({
  source_path: path,
  excludes: z.array(z.string().max(1024)).max(200).default([]),
  /** Other file systems that are mounted below the directory are left out. */
  one_file_system: z.boolean().default(true),
  restore: restore.optional(),
})

export type Settings = z.output<typeof settingsSchema>
