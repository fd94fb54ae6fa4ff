// Looks at archive and server and says what a restore would do. Changes nothing.
import type { FieldErrorCode } from '../../../domain/problem.ts'
import { fieldErrorCodes } from '../../../domain/problem.ts'
import type { RestorePlan } from '../../../domain/restore.ts'
import { CommandError } from '../../../sys/process.ts'
import type { RestoreRequest, SourceIo } from '../../source.ts'
import { maintenanceDatabase } from '../maintenance.ts'
import { withServer, type Server } from '../server.ts'
import { databaseName, type Settings } from '../settings.ts'
import { fieldError, troubleOf } from '../trouble.ts'
import { toolVersion } from '../versions.ts'
import { decide, refused } from './decide.ts'
import { lookHere } from './here.ts'
import { dumpBytes, readSaved, type Saved } from './saved.ts'

/** See {@link Restorer.plan}. */
export async function plan(request: RestoreRequest<Settings>, io: SourceIo): Promise<RestorePlan> {
  const { archive, options } = request
  const found = await readSaved(archive, io)
  const asked = options.target_database
  if ('refusal' in found) return refused(archive, asked ?? request.settings.database, [found.refusal])
  const { saved } = found
  const target = asked ?? saved.recipe.database
  const targetField = asked === undefined ? 'archive' : 'target_database'
  const wrong = nameError(target)
  if (wrong)
    return refused(archive, target, [{ field: targetField, code: wrong, facts: { database: target } }])
  return withServer(request.settings, io, async (server) => {
    try {
      const tool = await toolVersion(server, 'pg_restore')
      const base = await maintenanceDatabase(server, target)
      const here = await lookHere(server, base, saved.recipe, target)
      const made = decide({ saved, here, connection: server.connection, target, targetField, tool })
      if (made.refusals.length > 0 || (await isReadable(server, saved))) return made
      const facts = { archive, detail: 'pg_restore cannot read its dump' }
      return refused(archive, target, [{ field: 'archive', code: 'archive_damaged', facts }])
    } catch (error) {
      io.signal.throwIfAborted()
      const trouble = await troubleOf(error, server, null)
      if (trouble === null) throw error
      return refused(archive, target, [fieldError(trouble, server)])
    }
  })
}

function nameError(name: string): FieldErrorCode | null {
  const message = databaseName.safeParse(name).error?.issues[0]?.message
  if (message === undefined) return null
  return fieldErrorCodes.find((code) => code === message) ?? 'database_name_invalid'
}

/** Whether the dump's table of contents can be read by the program that would load it. */
export async function isReadable(server: Server, saved: Saved): Promise<boolean> {
  try {
    await server.tool('pg_restore', ['--list'], { stdin: dumpBytes(saved, server.io), maxStdout: 0 })
    return true
  } catch (error) {
    if (error instanceof CommandError && error.ended.how === 'exit') return false
    throw error
  }
}
