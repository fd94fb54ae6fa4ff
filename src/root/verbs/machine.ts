// Verbs that only look at the machine.
import { Problem } from '../../domain/problem.ts'
import { yunohostFacts } from '../../sources/yunohost/facts.ts'
import { diskOf } from '../../sys/disk.ts'
import { errorCode } from '../../sys/files.ts'
import type { Handle } from '../context.ts'

/** `archives_dir_missing` when the folder is not there, as when its disk is not mounted. */
export const disk: Handle<'disk'> = async (_args, { io }) => {
  const { archivesDir } = io.places
  try {
    return await diskOf(archivesDir)
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
    throw new Problem('archives_dir_missing', { path: archivesDir }, { cause: error })
  }
}

export const facts: Handle<'yunohost.facts'> = (args, { io }) => yunohostFacts(args.what, io)
