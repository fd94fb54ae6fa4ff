// Does what a plan says: the dump is loaded beside the live database, looked at, and put in its place.
import { Problem } from '../../../domain/problem.ts'
import type { RestorePlan } from '../../../domain/restore.ts'
import { asProblem } from '../../../sys/files.ts'
import type { RestoreRequest, RestoreTransaction, SourceIo } from '../../source.ts'
import { existingAccounts } from '../accounts.ts'
import { withServer, type Server } from '../connection.ts'
import { databaseFacts } from '../facts.ts'
import { quotedAccount } from '../grants.ts'
import { scratchName } from '../names.ts'
import type { Settings } from '../settings.ts'
import { readSaved, type SavedDatabase } from './archive.ts'
import { createDatabase, faultOf, loadPart, packetLimit, setPacketLimit, taken } from './load.ts'
import { withLoader, type Loader } from './loader.ts'
import { swapIn } from './swap.ts'
import { accountsIn, accountScripts } from './users.ts'

/** See {@link Restorer.apply}. */
export async function apply(
  request: RestoreRequest<Settings>,
  plan: RestorePlan,
  tx: RestoreTransaction,
  io: SourceIo,
): Promise<void> {
  const saved = await readSaved(request.archive, io)
  const { target } = plan
  await withServer(request.settings, io, async (server) => {
    const scratch = scratchName(io.operation)
    const announce = (name: string): Promise<void> => tx.will({ kind: 'loader', data: { name } })
    await withLoader(server, scratch, announce, async (make) => {
      const loader = await tx.step('load_database', () => load(server, saved, scratch, tx, make))
      await tx.step('check_database', async () => {
        const fault = await faultOf(server, saved, scratch)
        if (fault !== '') {
          throw new Problem('dump_incomplete', { database: saved.database, detail: fault })
        }
      })
      let grants = ''
      if (plan.steps.some(({ code }) => code === 'create_role')) {
        grants = await tx.step('create_role', () => createAccounts(server, saved, target, tx))
      }
      await tx.step('swap_database', async () => {
        const programs = await loader.admit(target)
        await swapIn(server, saved, { target, grants, programs, announce: (change) => tx.will(change) })
      })
    })
  })
}

async function load(
  server: Server,
  saved: SavedDatabase,
  scratch: string,
  tx: RestoreTransaction,
  make: () => Promise<Loader>,
): Promise<Loader> {
  const { io } = server
  if ((await databaseFacts(server, scratch)) !== null) throw taken(scratch)
  await tx.will({ kind: 'scratch', data: { database: scratch } })
  await server.change(createDatabase(scratch, saved.facts))
  const loader = await make()
  const limit = await packetLimit(server, saved)
  const raise = limit.needed > limit.now
  if (raise) {
    io.log('info', `max_allowed_packet is ${limit.now}; raised to ${limit.needed} while the dump is loaded`)
    await tx.will({ kind: 'packet_limit', data: { before: limit.now, raised: limit.needed } })
    await setPacketLimit(server, limit.needed)
  }
  let done = 0
  const onBytes = (bytes: number): void => io.progress((done += bytes), saved.bytes)
  const { own } = loader
  const how = { saved, into: scratch, scratch: true, onBytes }
  await loadPart(loader.rows, { ...how, part: 'tables', own })
  await loadPart(loader.programs, { ...how, part: 'routines', own: loader.programs !== server })
  // Views and events come later: see dump.ts.
  if (raise) await setPacketLimit(server, limit.now)
  io.progress(saved.bytes, saved.bytes)
  return loader
}

/** Creates those that do not exist. Gives the statements for their rights on what is not there yet. */
async function createAccounts(
  server: Server,
  saved: SavedDatabase,
  target: string,
  tx: RestoreTransaction,
): Promise<string> {
  const all = accountsIn(saved.statements)
  const there = new Set((await existingAccounts(server, all)).map(quotedAccount))
  const missing = all.filter((account) => !there.has(quotedAccount(account)))
  const scripts = accountScripts(saved.statements, missing, { database: saved.database, target })
  await tx.will({ kind: 'accounts', data: { accounts: missing.map(quotedAccount) } })
  try {
    await server.change(scripts.first, { secret: true })
  } catch (error) {
    const problem = asProblem(error)
    server.io.log('err', `accounts could not be created: ${problem.message}`)
    throw problem
  }
  return scripts.afterwards
}
