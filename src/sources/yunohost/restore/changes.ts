// How what `apply.ts` announces is taken back, in the reverse order: first the restored app goes, then its former data
// comes back to its place, then the former app comes back from the safety archive. Nothing is left to do after success.
import { Problem } from '../../../domain/problem.ts'
import { asProblem } from '../../../sys/failure.ts'
import type { Change, Changes, SourceIo } from '../../source.ts'
import { knownToYunohost } from '../known.ts'
import { isThere, keepsFailedApps, removeRemains, restoreFrom } from './call.ts'
import { putBack } from './data-aside.ts'
import { keepModes } from './modes.ts'

export const yunohostChanges: Changes<unknown> = {
  /** {app}: an app is being restored that is not installed now. */
  app_restored: {
    async undo(data, _request, io) {
      await removeRemains(text(data, 'app'), io)
    },
  },
  /** {path, aside}: a data folder is being renamed. */
  data_set_aside: {
    async undo(data, _request, io) {
      await putBack(text(data, 'path'), text(data, 'aside'), io)
    },
  },
  /** {app, safety}: an installed app is being removed; it may still be whole, half removed, or gone. */
  app_removed: {
    async undo(data, _request, io) {
      const app = text(data, 'app')
      await fromSafetyArchive(data['safety'], app, io, async (safety, keepFailed) => {
        await removeRemains(app, io)
        await restoreFrom(safety, { kind: 'app', ids: [app] }, { keepFailed }, io)
        if (!(await isThere(app, io))) throw new Error(`${app} is not there afterwards`)
      })
    },
  },
  /** {parts, savable, safety, modes}: parts are being restored over the present ones. */
  parts_restored: {
    async undo(data, _request, io) {
      const parts = list(data, 'parts')
      const savable = list(data, 'savable')
      try {
        if (savable.length > 0) {
          await fromSafetyArchive(data['safety'], savable.join(', '), io, (safety, keepFailed) =>
            restoreFrom(safety, { kind: 'system', ids: savable }, { keepFailed }, io),
          )
        }
      } finally {
        await keepModes(list(data, 'modes'), io)
      }
      const rest = parts.filter((part) => !savable.includes(part))
      if (rest.length > 0) {
        throw new Problem('put_back_failed', {
          target: rest.join(', '),
          detail: 'there is no safety archive of it',
        })
      }
    },
  },
}

/** Looks for the safety archive before anything is removed for it. Failures name it: it is all that is left. */
async function fromSafetyArchive(
  safety: Change['data'][string] | undefined,
  target: string,
  io: SourceIo,
  work: (safety: string, keepFailed: boolean) => Promise<void>,
): Promise<void> {
  if (typeof safety !== 'string')
    throw new Problem('put_back_failed', { target, detail: 'there is no safety archive' })
  try {
    if (!(await knownToYunohost(safety, io))) throw new Error('YunoHost does not know the safety archive')
    io.log('info', `putting ${target} back from ${safety}`)
    await work(safety, await keepsFailedApps(io))
  } catch (error) {
    const detail = asProblem(error).message
    throw new Problem('put_back_failed', { target, archive: safety, detail }, { cause: error })
  }
}

function text(data: Change['data'], key: string): string {
  const value = data[key]
  if (typeof value !== 'string') throw new Error(`a change without ${key}`)
  return value
}

function list(data: Change['data'], key: string): readonly string[] {
  const value = data[key]
  return Array.isArray(value) ? (value as readonly string[]) : []
}
