// Building blocks of the wire contract (api.md). The same schemas check what we answer, document it, and check what peers
// answer us: everything has a bound, and unknown fields are ignored, because instances of different versions meet.
import { z } from 'zod'

/** ISO 8601 with the offset, as text. */
export const wireTime = z.iso
  .datetime({ offset: true, local: false })
  .meta({ description: 'ISO 8601 with offset' })
export const bytes = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER)
export const count = z.number().int().nonnegative().max(1_000_000_000)
export const text = z.string().max(2000)
export const shortText = z.string().max(300)
export const id = z.number().int().positive().max(Number.MAX_SAFE_INTEGER)
/** SHA-256 as 64 lower-case hex characters. */
export const sha256 = z.string().regex(/^[0-9a-f]{64}$/)
/** Fingerprint of an instance's key: 43 characters of base64url. */
export const instanceId = z.string().regex(/^[A-Za-z0-9_-]{43}$/)
export const capability = z.string().max(60)

/** RFC 9457, with our stable code. */
export const problemSchema = z.object({
  type: text,
  title: text,
  status: z.number().int(),
  detail: text,
  code: z.string().max(60),
  errors: z
    .array(z.object({ field: shortText, message: text }))
    .max(1000)
    .optional(),
  /** Chunks that are not there yet (`upload_incomplete`): runs of numbers. */
  missing: z
    .array(z.tuple([count, count]))
    .max(100_000)
    .optional(),
})
export type WireProblem = z.infer<typeof problemSchema>

/** A page of a list. */
export function pageOf<T extends z.ZodType>(item: T) {
  return z.object({ items: z.array(item).max(1000), next_cursor: z.string().max(500).nullable() })
}
