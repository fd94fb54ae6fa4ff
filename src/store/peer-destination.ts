// The destination that each peer has: made with the peer, renamed with it.
import type { Q } from './schema.ts'

/** Makes the peer's destination when it has none; a name that is taken gets a number. */
export async function ensurePeerDestination(q: Q, peerId: number, name: string, now: number): Promise<void> {
  const existing = await q
    .selectFrom('destinations')
    .select('id')
    .where('peer_id', '=', peerId)
    .executeTakeFirst()
  if (existing) return
  await q
    .insertInto('destinations')
    .values({ kind: 'peer', name: await freeName(q, name), peer_id: peerId, created_at: now })
    .execute()
}

/** The peer has another name now: its destination too. */
export async function renamePeerDestination(q: Q, peerId: number, name: string): Promise<void> {
  await q
    .updateTable('destinations')
    .set({ name: await freeName(q, name, peerId) })
    .where('peer_id', '=', peerId)
    .execute()
}

async function freeName(q: Q, name: string, except = 0): Promise<string> {
  for (let n = 1; ; n += 1) {
    const candidate = n === 1 ? name : `${name} ${n}`
    const taken = await q
      .selectFrom('destinations')
      .select('id')
      .where('name', '=', candidate)
      .where((eb) => eb.or([eb('peer_id', 'is', null), eb('peer_id', '!=', except)]))
      .executeTakeFirst()
    if (!taken) return candidate
  }
}
