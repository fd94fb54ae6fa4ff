// Peers, tokens, copies and transfers as they are after some weeks: for looking at the pages.
import type { Insertable, Kysely } from 'kysely'
import type { PeerSummary } from '../../src/domain/api/summary.ts'
import { localIso } from '../../src/domain/iso-time.ts'
import { pairingScopes } from '../../src/domain/token.ts'
import { recordCopy } from '../../src/store/copies.ts'
import { destinationOfPeer } from '../../src/store/destinations.ts'
import { ensurePeerDestination } from '../../src/store/peer-destination.ts'
import { insertPeer, recordPoll, type PeerColumns } from '../../src/store/peers.ts'
import { recordReceived } from '../../src/store/received.ts'
import type { Schema, TransfersTable } from '../../src/store/schema.ts'
import { insertToken } from '../../src/store/tokens.ts'
import { seedArchives } from './archives.ts'
import { testNow } from './web.ts'

const gib = 2 ** 30
const hour = 3_600_000
const day = 24 * hour

export const tomUid = 'tom'.padEnd(43, 'A')

/** A peer that we have a key for, with its destination; ids of both. */
export async function seedPeer(
  db: Kysely<Schema>,
  change: Partial<PeerColumns> = {},
): Promise<{ readonly id: number; readonly destination: number }> {
  const id = await insertPeer(
    db,
    {
      uid: tomUid,
      name: 'tom',
      url: 'https://tom.example/backup',
      sealedKey: 'sealed',
      publicKey: 'as exchanged by pairing',
      certPin: null,
      scopes: pairingScopes,
      quotaBytes: 200 * gib,
      quotaCount: null,
      holdDays: 14,
      ssh: null,
      ...change,
    },
    testNow - 40 * day,
  )
  await ensurePeerDestination(db, id, change.name ?? 'tom', testNow - 40 * day)
  return { id, destination: (await destinationOfPeer(db, id))?.id ?? 0 }
}

/** The columns of a send to a destination that is under way: 16 of 38 GiB. */
export async function seedTransfer(
  db: Kysely<Schema>,
  destination: number,
  change: Partial<Insertable<TransfersTable>> = {},
): Promise<number> {
  const { id } = await db
    .insertInto('transfers')
    .values({
      direction: 'send',
      archive_name: 'jerry_nextcloud_20261121',
      destination_id: destination,
      mode: 'auto',
      chosen: 'http',
      status: 'queued',
      trigger: 'automatic',
      actor: 'scheduler',
      job_uid: null,
      attempt: 1,
      not_before: testNow - hour,
      queued_at: testNow - hour,
      started_at: testNow - hour,
      finished_at: null,
      bytes_done: 16 * gib,
      bytes_total: 38 * gib,
      bytes_sent: 17 * gib,
      error_code: null,
      error_facts: '{}',
      wanted: null,
      ...change,
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  return id
}

/** What a peer says about itself. */
export function summaryOf(name: string, uid: string): PeerSummary {
  const time = localIso(testNow, 'Europe/Paris')
  return {
    health: {
      status: 'ok',
      instance: { id: uid, name, url: `https://${name}.example/backup` },
      version: '0.1.0',
      api: 1,
      yunohost_version: '12.1.25',
      time,
      uptime_s: 86_400,
      disk: { total_bytes: 900 * gib, free_bytes: 400 * gib },
      jobs: { total: 3, enabled: 3, failing: 0, overdue: 0, running: 0 },
      capabilities: [],
    },
    jobs: [],
    archives: { count: 40, total_size_bytes: 300 * gib, newest_created_at: time },
    holdings: [],
    watching: [],
    yours: {
      archive_count: 3,
      total_size_bytes: 84 * gib,
      quota_bytes: 100 * gib,
      quota_count: 50,
      hold_days: 30,
      scopes: [...pairingScopes],
    },
  }
}

/** A hostile name, as long as one can be. */
export const longName = 'association-of-the-friends-of-free-software-of-the-lower-vall'.slice(0, 60)

/** Three peers, their tokens, copies and transfers of every state. */
export async function seedNetwork(db: Kysely<Schema>) {
  const tom = await seedPeer(db, {
    certPin: 'ab'.repeat(32),
    ssh: {
      host: 'tom.example',
      port: 22,
      user: 'backupmanager',
      hostKeys: ['ssh-ed25519 AAAA'],
      theirKey: null,
    },
  })
  await recordPoll(db, tom.id, {
    status: 'online',
    at: testNow - 40_000,
    nextPollAt: testNow + 260_000,
    failures: 0,
    errorCode: null,
    errorFacts: {},
    said: { facts: summaryOf('tom', tomUid), etag: null, uid: tomUid, scopes: pairingScopes },
  })
  const alice = await seedPeer(db, {
    uid: 'alice'.padEnd(43, 'B'),
    name: 'alice',
    url: 'https://alice.example/a/rather/long/path/to/its/dashboard',
    quotaBytes: null,
    scopes: ['read'],
  })
  await db
    .updateTable('remote_instances')
    .set({ status: 'offline', last_seen: testNow - 3 * hour, error_code: 'peer_unreachable' })
    .set({ error_facts: JSON.stringify({ detail: 'connect ECONNREFUSED 192.0.2.7:443' }) })
    .where('id', '=', alice.id)
    .execute()
  const silent = await seedPeer(db, {
    uid: null,
    name: longName,
    sealedKey: '',
    scopes: null,
    quotaCount: 20,
  })
  const token = {
    hash: 'hash',
    scopes: pairingScopes,
    createdAt: testNow - 40 * day,
    createdBy: 'alice',
    expiresAt: null,
  }
  await insertToken(db, { ...token, name: 'tom', lookup: 'a'.repeat(16), peerId: tom.id })
  await insertToken(db, { ...token, name: 'tom, by hand', lookup: 'b'.repeat(16), peerId: tom.id })
  const monitoring = await insertToken(db, {
    ...token,
    name: 'monitoring',
    lookup: 'c'.repeat(16),
    scopes: ['read'],
    peerId: null,
    expiresAt: testNow + 20 * day,
  })
  await insertToken(db, {
    ...token,
    name: 'old script',
    lookup: 'd'.repeat(16),
    peerId: null,
    expiresAt: testNow - day,
  })
  const sha256 = 'ab'.repeat(32)
  await seedArchives(
    db,
    { name: 'jerry_nextcloud_20261121' },
    { name: 'jerry_nocodb_20261121', app: 'nocodb' },
    {
      name: 'tom_wiki_20261119',
      app: 'wiki',
      instance_name: 'tom',
      origin: 'received',
      size_bytes: 120 * gib,
    },
  )
  await recordReceived(db, {
    name: 'tom_wiki_20261119',
    owner: `peer:${tomUid}`,
    ownerName: 'tom',
    sizeBytes: 120 * gib,
    sha256,
    receivedAt: testNow - 2 * day,
    holdUntil: testNow + 12 * day,
  })
  for (const [archiveName, destinationId, ago] of [
    ['jerry_nextcloud_20261121', tom.destination, hour],
    ['jerry_nextcloud_20261121', alice.destination, 12 * hour],
    ['jerry_wordpress_20260901', tom.destination, day],
  ] as const) {
    const copy = { archiveName, destinationId, sizeBytes: 38 * gib, sha256, archiveAt: testNow - ago - hour }
    await recordCopy(db, copy, testNow - ago)
  }
  const waiting = { status: 'waiting', not_before: testNow + 300_000 } as const
  const ended = { finished_at: testNow - day, attempt: 2 } as const
  const transfers = {
    running: await seedTransfer(db, tom.destination, { status: 'running' }),
    waiting: await seedTransfer(db, alice.destination, {
      ...waiting,
      attempt: 3,
      error_code: 'peer_unreachable',
      error_facts: JSON.stringify({ detail: 'connect ECONNREFUSED 192.0.2.7:443' }),
    }),
    hours: await seedTransfer(db, tom.destination, { ...waiting, archive_name: 'jerry_nocodb_20261121' }),
    paused: await seedTransfer(db, alice.destination, {
      status: 'paused',
      archive_name: 'jerry_nocodb_20261121',
    }),
    done: await seedTransfer(db, tom.destination, {
      ...ended,
      status: 'success',
      archive_name: 'jerry_wordpress_20260901',
      bytes_done: 38 * gib,
    }),
    failed: await seedTransfer(db, tom.destination, {
      ...ended,
      status: 'error',
      archive_name: 'jerry_wordpress_20260901',
      error_code: 'quota_exceeded',
      error_facts: JSON.stringify({ used: '100 GiB', quota: '100 GiB', needed: 38 * gib }),
    }),
    cancelled: await seedTransfer(db, tom.destination, {
      ...ended,
      status: 'cancelled',
      direction: 'fetch',
      error_code: 'cancelled',
    }),
  }
  return { tom, alice, silent, monitoring: monitoring.id, transfers }
}
