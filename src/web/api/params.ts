// Names in paths that many endpoints share.
import { z } from '@hono/zod-openapi'

export const idParams = z.object({ id: z.coerce.number().int().positive().max(Number.MAX_SAFE_INTEGER) })
/** An archive's name, without `.tar`. */
export const nameParams = z.object({ name: z.string().min(1).max(300) })
