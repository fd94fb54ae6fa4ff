// Restores asked for from afar: what one would do, doing it, and how the newest one stands.
import { stat } from 'node:fs/promises'
import {
  restoreAskSchema,
  restorePlanSchema,
  restoreStartedSchema,
  restoreStatusSchema,
  type WireRestorePlan,
  type WireRestoreStatus,
} from '../../domain/api/archives.ts'
import { Problem } from '../../domain/problem.ts'
import type { Restore, RestoreOptions, RestorePlan, RestoreStatus } from '../../domain/restore.ts'
import { time } from '../../domain/wire.ts'
import { readRestoreLog, restoreLogPath } from '../../engine/run-log.ts'
import { getArchive } from '../../store/archives.ts'
import { newestRestoreOf } from '../../store/restores.ts'
import { formats, translator } from '../i18n.ts'
import type { WebDeps } from '../page.ts'
import { fieldText } from '../problem-text.ts'
import { remarkText, stepText } from '../restore-text.ts'
import type { Words } from '../sentence.ts'
import type { Api } from './frame.ts'
import { nameParams } from './params.ts'
import { clip } from './wire.ts'

/** Bytes of the end of the log. */
const tailBytes = 16 * 1024

/** Adds `POST /archives/{name}/restore` and `GET /archives/{name}/restore/status`. */
export function mountRestores(api: Api, { engine, db, config, clock }: WebDeps): void {
  api.route(
    {
      method: 'post',
      path: '/archives/{name}/restore',
      scope: 'restore',
      summary:
        'Restores an archive here; with dry_run only tells what would be done. What would replace something needs force.',
      params: nameParams,
      body: restoreAskSchema,
      answers: { 200: restorePlanSchema, 202: restoreStartedSchema },
    },
    async (c, { params, body }, reply) => {
      await mustBe(params.name, body.expected_sha256)
      const { dry_run, force = false, ...asked } = body.options
      const options = withoutUndefined(asked)
      const { owner, actor } = c.get('caller')
      if (dry_run === true) {
        const plan = await api.gate.during(owner, () => engine.planRestore(params.name, { options }))
        const words = { t: translator('en'), f: formats('en', config.timeZone, clock.now()) }
        return reply(200, wirePlan(plan, words))
      }
      const restore = await api.gate.during(owner, () =>
        engine.startRestore(params.name, { options, force }, actor),
      )
      return reply(202, { restore_id: restore.id })
    },
  )

  api.route(
    {
      method: 'get',
      path: '/archives/{name}/restore/status',
      scope: 'restore',
      summary: 'How the newest restore of an archive stands: its steps and the end of its log.',
      params: nameParams,
      answers: { 200: restoreStatusSchema },
    },
    async (_c, { params }, reply) => {
      const restore = await newestRestoreOf(db, params.name)
      if (restore === null) throw new Problem('restore_not_found', { archive: params.name })
      return reply(200, wireStatus(restore, await tailOf(restore)))
    },
  )

  /** `archive_differs` when another archive of that name was meant. One that was never read whole has no checksum to compare. */
  async function mustBe(name: string, expected: string | undefined): Promise<void> {
    if (expected === undefined) return
    const found = (await getArchive(db, name))?.sha256 ?? null
    if (found !== null && found !== expected) throw new Problem('archive_differs', { archive: name })
  }

  function wireStatus(restore: Restore, logTail: string): WireRestoreStatus {
    const { timeZone } = config
    return {
      restore_id: restore.id,
      status: statuses[restore.status],
      steps: restore.steps.map((step) => ({
        name: step.code,
        state: step.state,
        started_at: time(step.startedAt, timeZone),
        finished_at: time(step.finishedAt, timeZone),
        detail: clip(step.detail, 2000),
      })),
      log_tail: logTail,
      error: restore.errorCode,
      progress:
        restore.progressDone === null ? null : { done: restore.progressDone, total: restore.progressTotal },
    }
  }

  /** While it goes on the end of its file, afterwards what the database keeps. */
  async function tailOf(restore: Restore): Promise<string> {
    if (restore.status !== 'running') return restore.logTail
    const file = await stat(restoreLogPath(config.dataDir, restore.id)).catch(() => null)
    if (file === null) return ''
    const from = Math.max(0, file.size - tailBytes)
    const { text } = await readRestoreLog(config.dataDir, restore.id, from, tailBytes)
    // The first line is most likely cut.
    return from === 0 ? text : text.slice(text.indexOf('\n') + 1)
  }
}

/** The contract knows four: one that waits is under way, and one cancelled before it changed anything left all as it was. */
const statuses: Readonly<Record<RestoreStatus, WireRestoreStatus['status']>> = {
  queued: 'running',
  running: 'running',
  success: 'success',
  error: 'error',
  rolled_back: 'rolled_back',
  cancelled: 'rolled_back',
}

function wirePlan(plan: RestorePlan, words: Words): WireRestorePlan {
  const steps = plan.steps.map((step) => ({ name: step.code, text: clip(stepText(words, step), 2000) }))
  const warnings = plan.warnings.map((one) => ({
    code: one.code,
    text: clip(remarkText(words, one), 2000),
  }))
  const refusals = plan.refusals.map((error) => ({
    field: clip(error.field, 300),
    message: clip(fieldText(words, error), 2000),
  }))
  return {
    archive: plan.archive,
    type: clip(plan.type, 60),
    target: clip(plan.target, 4096),
    replaces: plan.replaces,
    steps,
    warnings,
    refusals,
    bytes: plan.bytes,
    files: plan.files,
    text: [
      ...refusals.map(({ field, message }) => clip(`${field}: ${message}`, 2000)),
      ...steps.map((step) => step.text),
      ...warnings.map((warning) => warning.text),
    ],
  }
}

function withoutUndefined(asked: {
  readonly target_path?: string | undefined
  readonly target_database?: string | undefined
  readonly paths?: string[] | undefined
}): RestoreOptions {
  const { target_path, target_database, paths } = asked
  return {
    ...(target_path === undefined ? {} : { target_path }),
    ...(target_database === undefined ? {} : { target_database }),
    ...(paths === undefined ? {} : { paths }),
  }
}
