// What "how long to keep it" can say. The decision itself is in `retention.ts`.
import { z } from 'zod'

const n = (most: number) => z.number().int().min(0).max(most)

/** `count`: the N newest. `daily`: a sliding window of N local days plus today. `gfs`: newest of each period. */
export const retentionPolicySchema = z
  .discriminatedUnion('mode', [
    z.object({
      mode: z.literal('count'),
      count: n(100_000).min(1),
      maxBytes: z.number().int().min(1).optional(),
    }),
    z.object({
      mode: z.literal('daily'),
      days: n(36_500).min(1),
      maxBytes: z.number().int().min(1).optional(),
    }),
    z.object({
      mode: z.literal('gfs'),
      daily: n(36_500),
      weekly: n(5_200),
      monthly: n(1_200),
      yearly: n(100).default(0),
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
