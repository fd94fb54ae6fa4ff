// The source `custom_dir`: any directory of the server, in an archive of our own that a stock YunoHost can read.
import { slug } from '../../domain/archive-name.ts'
import type { Estimate, SourceOffers } from '../../domain/helper-protocol.ts'
import { Problem } from '../../domain/problem.ts'
import { asProblem } from '../../sys/files.ts'
import type { Source, SourceIo } from '../source.ts'
import { check } from './check.ts'
import { sourcePath } from './paths.ts'
import { produce } from './produce.ts'
import { isGnuTar } from './restore/here.ts'
import { restore } from './restore/index.ts'
import { settingsSchema, type Settings } from './settings.ts'
import { walkSource } from './walk-source.ts'

export const customDir: Source<Settings> = {
  id: 'custom_dir',
  settings: settingsSchema,
  secrets: [],
  lane: 'general',
  tools: ['tar'],
  supportsCoreOnly: false,
  subject: (_, jobName) => slug(jobName),
  offers,
  check,
  estimate,
  produce,
  restore,
}

/** Only whether this machine has GNU tar. */
async function offers(_: unknown, io: SourceIo): Promise<SourceOffers> {
  const missingTool = (await isGnuTar(io)) ? null : 'GNU tar'
  return { missingTool, databases: null, error: null }
}

/** A walk either way: it is quick, and the only way to know. */
async function estimate(settings: Settings, io: SourceIo): Promise<Estimate> {
  const source = sourcePath(settings.source_path)
  if (!source) throw new Problem('source_missing', { path: settings.source_path })
  try {
    const totals = await walkSource(settings, source, io, {
      onEntry: () => undefined,
    })
    return { bytes: totals.tarBytes + 64 * 1024, files: totals.files }
  } catch (error) {
    if (io.signal.aborted) throw new Problem('cancelled', {}, { cause: error })
    throw asProblem(error)
  }
}
