// Makes one archive of a directory: the steps of product.md §4 in their order. Nothing of a failed call stays.
import { backupInfo } from '../../archive/backup-info.ts'
import { openDraft, type Draft } from '../../archive/draft.ts'
import { archivePaths, customPart } from '../../archive/format.ts'
import { info, infoBytes } from '../../archive/info-json.ts'
import { leadMembers } from '../../archive/lead.ts'
import type { ArchiveOrder, Produced } from '../../domain/helper-protocol.ts'
import { invalid, Problem } from '../../domain/problem.ts'
import { asProblem, removeIfExists } from '../../sys/files.ts'
import { cancelledBy } from '../cancelled.ts'
import type { SourceIo } from '../source.ts'
import { provenYunohostVersion, yunohostVersion } from '../yunohost/own-version.ts'
import { checkTree } from './check.ts'
import { sourcePath, type SourcePath } from './paths.ts'
import { appendTree, listTree, memberWatch } from './payload.ts'
import { lookUpRecipe } from './recipe-facts.ts'
import type { Settings } from './settings.ts'
import { gatherWarnings } from './warnings.ts'

/** See {@link Source.produce}. Throws `source_missing`, `validation_failed`, `disk_full`, `archive_exists`, … */
export async function produce(settings: Settings, order: ArchiveOrder, io: SourceIo): Promise<Produced> {
  const watch = memberWatch()
  const { list, links } = archivePaths(io.places.archivesDir, order.name)
  let draft: Draft | null = null
  try {
    io.signal.throwIfAborted()
    const source = await usable(settings, io)
    const [tar, yunohost] = await Promise.all([tarVersion(io), yunohostVersion(io)])
    draft = await openDraft(io.places.archivesDir, order.name, watch.onMember)
    return await fill(draft, settings, order, io, { watch, source, tar, yunohost })
  } catch (error) {
    throw cancelledBy(io.signal) ?? asProblem(error)
  } finally {
    if (draft) {
      await draft.discard()
      for (const file of [list, links]) await removeIfExists(file)
    }
  }
}

interface Preparation {
  readonly watch: ReturnType<typeof memberWatch>
  readonly source: SourcePath
  readonly tar: string
  readonly yunohost: string | null
}

async function fill(
  draft: Draft,
  settings: Settings,
  order: ArchiveOrder,
  io: SourceIo,
  ready: Preparation,
): Promise<Produced> {
  const { source } = ready
  const part = customPart
  const warnings = gatherWarnings(source, io)
  const listed = await listTree(settings, source, order.name, io)
  const { totals } = listed
  io.log('info', `${totals.entries} entries, ${totals.bytes} bytes in ${source.shown}`)

  const sidecar = info({
    description: order.description,
    createdAt: order.createdAt,
    size: totals.bytes,
    part,
    yunohostVersion: ready.yunohost ?? provenYunohostVersion,
  })
  const mtime = Math.floor(order.createdAt / 1000)
  const recipe = lookUpRecipe(source.shown, settings.restore, io.places)
  for (const warning of recipe.warnings) warnings.add(warning)
  let exitCode: number
  try {
    draft.write(
      leadMembers({
        info: sidecar,
        csv: [[source.shown, `${part.folder}${source.shown}`]],
        part,
        recipe: recipe.files,
        mtime,
      }),
    )
    const { watch } = ready
    exitCode = await appendTree({ draft, watch, source, part, listed, warnings, io })
  } finally {
    listed.list.close()
    listed.links?.close()
  }
  io.signal.throwIfAborted()
  const sealed = await draft.seal((sha256, sha256Bytes) =>
    backupInfo(order, {
      type: 'custom_dir',
      yunohostVersion: ready.yunohost,
      sha256,
      sha256Bytes,
      tools: { tar: ready.tar },
      extra: {
        source_path: source.shown,
        excludes: settings.excludes,
        one_file_system: settings.one_file_system,
        ...(settings.restore && { restore: settings.restore }),
      },
    }),
  )
  io.signal.throwIfAborted()
  const { file, fingerprint } = await draft.publish(infoBytes(sidecar))
  const { list, count, serious } = warnings.result()
  return {
    file,
    fingerprint,
    sizeBytes: sealed.sizeBytes,
    sha256: sealed.sha256,
    targets: [{ kind: 'path', id: source.shown, status: serious ? 'warning' : 'success' }],
    warnings: list,
    warningCount: count,
    exitCodes: { tar: exitCode },
    info: sidecar,
    backupInfo: sealed.backupInfo,
  }
}

/** The directory, or the problem with it: one that is missing may come back by itself, wrong settings do not. */
async function usable(settings: Settings, io: SourceIo): Promise<SourcePath> {
  const errors = await checkTree(settings, io)
  const source = sourcePath(settings.source_path)
  if (errors.some((error) => error.code === 'path_missing' || error.code === 'path_not_directory')) {
    throw new Problem('source_missing', { path: settings.source_path }, { errors })
  }
  if (errors.some((error) => error.code === 'path_unreadable')) {
    throw new Problem('source_unreadable', { path: settings.source_path }, { errors })
  }
  if (errors.length > 0 || !source) throw invalid(...errors)
  return source
}

/** GNU tar's version; `tool_missing` when it is another program, which would not know our options. */
async function tarVersion(io: SourceIo): Promise<string> {
  const { stdout } = await io.run('tar', ['--version'], { signal: io.signal })
  const version = /^tar \(GNU tar\) (\S+)/.exec(stdout)?.[1]
  if (version === undefined) throw new Problem('tool_missing', { tool: 'GNU tar' })
  return version
}
