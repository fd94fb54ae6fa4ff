// Whose received archives and uploads are, when an owner turns out to be one that is known by a better name.
import type { Q } from './schema.ts'

/** All that belongs to `from` belongs to `to` from now on. Both as in `Caller.owner`. */
export async function changeOwner(q: Q, from: string, to: string): Promise<void> {
  await q.updateTable('received_archives').set({ owner: to }).where('owner', '=', from).execute()
  await q.updateTable('uploads').set({ owner: to }).where('owner', '=', from).execute()
}
