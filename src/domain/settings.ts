// What an admin changes on the settings page. Boot-time facts (paths, listener) are configuration, not settings.
import { z } from 'zod'

export const instanceSettingsSchema = z
  .object({
    /** Every archive is read again within this many days; 0 turns scheduled verification off. */
    verifyEveryDays: z.number().int().min(0).max(3650).default(30),
    /** Bytes of the archives' disk that backups must leave free; null: 5 % of it, at most 1 GiB. */
    diskReserveBytes: z.number().int().min(0).nullable().default(null),
    /** Runs of the general lane at one time. */
    generalLaneSize: z.number().int().min(1).max(16).default(2),
    /** Seconds a run may take when its job says nothing. */
    defaultTimeoutS: z
      .number()
      .int()
      .min(60)
      .max(30 * 86_400)
      .default(12 * 3600),
    /** Days that runs and their logs are kept. */
    historyDays: z.number().int().min(7).max(3650).default(400),
    /** Minutes over which missed runs are spread after downtime. */
    catchUpSpreadMin: z.number().int().min(0).max(120).default(5),
  })
  .strict()
export type InstanceSettings = z.infer<typeof instanceSettingsSchema>
export const defaultSettings: InstanceSettings = instanceSettingsSchema.parse({})
