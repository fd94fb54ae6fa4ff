// What is done to peers, for the activity log.
import type { Facts } from '../../domain/problem.ts'
import { addActivity } from '../../store/activity.ts'
import type { Q } from '../../store/schema.ts'
import type { EngineDeps } from '../deps.ts'
import type { Actor } from '../engine.ts'

/** The facts must hold no secret: they are shown. */
export async function note(
  deps: Pick<EngineDeps, 'clock'>,
  q: Q,
  actor: Actor,
  what: { readonly action: string; readonly subject: string; readonly facts?: Facts },
): Promise<void> {
  await addActivity(q, { at: deps.clock.now(), actor, jobId: null, ...what })
}
