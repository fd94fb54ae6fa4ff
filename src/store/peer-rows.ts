// Small questions about rows of `remote_instances` that pairing and forms ask.
import type { Q } from './schema.ts'

/** A peer that was entered before anybody asked it who it is; null when there is none at that address. */
export async function findUnknownPeerAt(q: Q, url: string): Promise<number | null> {
  const row = await q
    .selectFrom('remote_instances')
    .select('id')
    .where('url', '=', url)
    .where('uid', 'is', null)
    .executeTakeFirst()
  return row?.id ?? null
}

/** Whether another peer than `except` has the name, whatever the case. */
export async function isPeerNameTaken(q: Q, name: string, except = 0): Promise<boolean> {
  const rows = await q.selectFrom('remote_instances').select('name').where('id', '!=', except).execute()
  const wanted = name.toLowerCase()
  return rows.some((row) => row.name.toLowerCase() === wanted)
}

/** It is not asked before `at` (epoch ms). */
export async function deferPoll(q: Q, id: number, at: number): Promise<void> {
  await q.updateTable('remote_instances').set({ next_poll_at: at }).where('id', '=', id).execute()
}
