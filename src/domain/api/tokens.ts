// The answer to `POST /tokens/rotate`: the bearer's new key.
import { z } from 'zod'
import { tokenPattern } from '../token.ts'

export const rotatedSchema = z.object({
  /** 64 hex characters, given this once. The old key ends with the first use of this one, or after an hour. */
  token: z.string().regex(tokenPattern),
  /** A later version may name some that are not known here. */
  scopes: z.array(z.string().min(1).max(60)).max(50),
})
export type WireRotated = z.infer<typeof rotatedSchema>
