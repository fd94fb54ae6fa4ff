// How each kind of change that a restore announces is taken back, or tidied up after success. Everything here looks at
// what is there first: nobody knows how far things had come.
import { createReadStream } from 'node:fs'
import { z } from 'zod'
import { Problem } from '../../../domain/problem.ts'
import type { Change, Changes, RestoreRequest, SourceIo } from '../../source.ts'
import { withServer, type Server } from '../connection.ts'
import { databaseFacts, programs, relations } from '../facts.ts'
import { parseStatement } from '../grants.ts'
import { formerName, identifier, inDatabase } from '../names.ts'
import type { Settings } from '../settings.ts'
import { characterSet, dropDatabase, setPacketLimit } from './load.ts'
import { dropLoader } from './loader.ts'
import { dropPrograms, dropTrigger, moveTables, removeSaved, savedPath } from './programs.ts'
import { holders, swapData } from './swap.ts'

type Act = (data: Change['data'], request: RestoreRequest<Settings>, io: SourceIo) => Promise<void>

const withDatabase = z.object({ database: z.string() })
const withName = z.object({ name: z.string() })
const withFile = z.object({ file: z.string() })
const withLimit = z.object({ before: z.int(), raised: z.int() })
const withAccounts = z.object({ accounts: z.array(z.string()) })

/** An act on the server that the request names. */
function onServer(act: (server: Server, data: Change['data']) => Promise<void>): Act {
  return (data, request, io) => withServer(request.settings, io, (server) => act(server, data))
}

const dropScratch = onServer(async (server, data) => {
  await server.change(dropDatabase(withDatabase.parse(data).database))
})

const lowerLimit = onServer(async (server, data) => {
  const { before, raised } = withLimit.parse(data)
  const [row] = await server.rows('SELECT @@GLOBAL.max_allowed_packet;')
  // Somebody else may have chosen another one meanwhile.
  if (Number(row?.[0]) === raised) await setPacketLimit(server, before)
})

const removeLoader = onServer((server, data) => dropLoader(server, withName.parse(data).name))

export const changes: Changes<Settings> = {
  /** The account that loads the dump. */
  loader: { undo: removeLoader, finish: removeLoader },
  /** A database of our own, beside the live one. */
  scratch: { undo: dropScratch, finish: dropScratch },
  /** The server's limit for one statement, raised. */
  packet_limit: { undo: lowerLimit, finish: lowerLimit },
  /** Accounts that were not there. */
  accounts: {
    undo: onServer(async (server, data) => {
      const drops = withAccounts.parse(data).accounts.map((account) => {
        const kind = account.includes('@') ? 'USER' : 'ROLE'
        const known = parseStatement(`CREATE ${kind} ${account}`)
        if (known?.kind !== 'create') throw new Problem('record_damaged', { where: account })
        return `DROP ${kind} IF EXISTS ${account};\n`
      })
      await server.change(drops.join(''))
    }),
  },
  /** The live database, where there was none. Only what is empty is dropped: the rest is not ours. */
  created: {
    undo: onServer(async (server, data) => {
      const { database } = withDatabase.parse(data)
      if ((await databaseFacts(server, database)) === null) return
      const found = await relations(server, database)
      const text = await programs(server, database)
      const holds = [
        ...holders(found),
        ...found.views,
        ...found.brokenViews,
        ...text.events,
        ...text.routines,
      ]
      if (holds.length > 0)
        throw new Problem('put_back_failed', { database, detail: 'somebody else uses it by now' })
      await server.change(`DROP DATABASE ${identifier(database)};\n`)
    }),
  },
  /** The file with the former database's programs; needed until these are back. */
  saved: {
    undo: async (data, request, io) => {
      const { file } = withFile.parse(data)
      await withServer(request.settings, io, async (server) => {
        if ((await databaseFacts(server, formerName(io.operation))) === null) await removeSaved(io, file)
        else
          io.log(
            'err',
            `triggers, views, routines and events of the former database are in ${savedPath(io, file)}`,
          )
      })
    },
    finish: (data, _request, io) => removeSaved(io, withFile.parse(data).file),
  },
  swap: {
    undo: onServer(async (server, data) => takeBack(server, swapData.parse(data))),
    finish: onServer(async (server, data) => {
      const { database, former, kept } = swapData.parse(data)
      if ((await databaseFacts(server, former)) === null) return
      const { brokenViews } = await relations(server, database)
      const left = kept.filter((name) => brokenViews.includes(name))
      await server.change(left.map((name) => `DROP VIEW IF EXISTS ${inDatabase(database, name)};\n`).join(''))
      await server.change(dropDatabase(former))
    }),
  },
}

/** See {@link swapData} for what is known of the state before. */
async function takeBack(server: Server, swap: z.output<typeof swapData>): Promise<void> {
  const { database, former, scratch, saved } = swap
  if ((await databaseFacts(server, former)) === null) return
  const live = await relations(server, database)
  const aside = holders(await relations(server, former))
  const isNew = (name: string): boolean =>
    swap.fresh.includes(name) && (!swap.tables.includes(name) || aside.includes(name))
  const views = [...live.views, ...live.brokenViews.filter((name) => !swap.kept.includes(name))]
  await server.change(
    [
      'SET SESSION foreign_key_checks = 0;\n',
      `CREATE DATABASE IF NOT EXISTS ${identifier(scratch)};\n`,
      `CREATE DATABASE IF NOT EXISTS ${identifier(database)};\n`,
      await dropPrograms(server, database, views),
      ...[...swap.triggers, ...swap.freshTriggers].map((name) => dropTrigger(database, name)),
      ...swap.freshTriggers.map((name) => dropTrigger(scratch, name)),
      moveTables([
        ...holders(live)
          .filter(isNew)
          .map((name) => [name, database, scratch] as const),
        ...aside.map((name) => [name, former, database] as const),
      ]),
      `ALTER DATABASE ${identifier(database)} ${characterSet(swap)};\n`,
    ].join(''),
  )
  if (saved !== null) {
    const said = await server.salvage(createReadStream(savedPath(server.io, saved)), database)
    if (said.length > 0)
      throw new Problem('put_back_failed', { database, detail: said.join('; ').slice(0, 1000) })
  }
  await server.change(dropDatabase(former))
}
