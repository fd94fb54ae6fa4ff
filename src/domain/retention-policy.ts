// What "how long to keep it" can say. The decision itself is in `retention.ts`.
import { z } from 'zod'

/** What each number may be; a rule of periods must keep something, so not all four are 0. */
export const retentionLimits = {
  count: { min: 1, max: 100_000 },
  days: { min: 1, max: 36_500 },
  daily: { min: 0, max: 36_500 },
  weekly: { min: 0, max: 5_200 },
  monthly: { min: 0, max: 1_200 },
  yearly: { min: 0, max: 100 },
} as const

const n = (field: keyof typeof retentionLimits) =>
  z.number().int().min(retentionLimits[field].min).max(retentionLimits[field].max)

/** `count`: the N newest. `daily`: a sliding window of N local days plus today. `gfs`: newest of each period. */
export const retentionPolicySchema = z
  .discriminatedUnion('mode', [
    z.object({
      mode: z.literal('count'),
      count: n('count'),
      maxBytes: z.number().int().min(1).optional(),
    }),
    z.object({
      mode: z.literal('daily'),
      days: n('days'),
      maxBytes: z.number().int().min(1).optional(),
    }),
    z.object({
      mode: z.literal('gfs'),
      daily: n('daily'),
      weekly: n('weekly'),
      monthly: n('monthly'),
      yearly: n('yearly').default(0),
      maxBytes: z.number().int().min(1).optional(),
    }),
  ])
  .readonly()
  .refine(
    (policy) => policy.mode !== 'gfs' || policy.daily + policy.weekly + policy.monthly + policy.yearly > 0,
    'a policy must keep something',
  )

/** A checked policy. `maxBytes` is an optional extra rule: older archives go once the kept ones exceed it. */
export type RetentionPolicy = z.infer<typeof retentionPolicySchema>
