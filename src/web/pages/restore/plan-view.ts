// The third stage in words: what a restore will do, in its order, what to know about it, and what forbids it. Pure.
import type { PlanRemarkCode, RestorePlan } from '../../../domain/restore.ts'
import type { Formats, T } from '../../i18n.ts'
import { fieldText } from '../../problem-text.ts'
import { remarkText, stepText } from '../../restore-text.ts'
import { visibleName } from '../../visible-name.ts'
import type { ShownFact } from '../runs/view.ts'
import { restorePath } from './choose-view.ts'
import type { ArchiveHead } from './options-view.ts'
import { formField } from './options-form.ts'

export interface PlanView {
  readonly archive: ArchiveHead
  readonly action: string
  readonly steps: readonly string[]
  /** `note`: good to know, nothing to worry about. */
  readonly warnings: readonly { readonly text: string; readonly note: boolean }[]
  readonly refusals: readonly { readonly label: string; readonly text: string }[]
  readonly facts: readonly ShownFact[]
  /** What becomes of what is there now. */
  readonly promise: string
  /** Null: it cannot be started. */
  readonly start: {
    readonly button: string
    /** Something that exists is replaced. */
    readonly replaces: boolean
    /** What has to be typed; empty when a click is enough. */
    readonly word: string
  } | null
}

/** Options whose name stands before the reason of a refusal. */
const labels = {
  target_path: 'restore.field.target_path',
  target_database: 'restore.field.target_database',
  paths: 'restore.field.paths',
  targets: 'restore.field.targets',
  recipe: 'restore.field.recipe',
  devices: 'restore.field.devices',
  'config.host': 'restore.field.host',
  'config.port': 'restore.field.port',
  'config.user': 'restore.field.user',
  'config.password': 'restore.field.password',
} as const

/** Remarks that only say how it is. */
const notes: ReadonlySet<PlanRemarkCode> = new Set([
  'kept_as_found',
  'nothing_to_replace',
  'paths_only',
  'recipe_skipped',
  'role_exists',
  'service_exists',
  'user_exists',
])

/** After these nothing can be put back by itself, so it is not promised. */
const noWayBack: ReadonlySet<PlanRemarkCode> = new Set(['no_put_back', 'database_dropped_first'])
/** They say what does not return to how it was. */
const partlyBack: ReadonlySet<PlanRemarkCode> = new Set(['commands_not_undone', 'parts_put_back'])

/** The page. */
export function planView(
  plan: RestorePlan,
  archive: ArchiveHead,
  words: { readonly t: T; readonly f: Formats },
): PlanView {
  const { t } = words
  return {
    archive,
    action: restorePath(plan.archive),
    steps: plan.steps.map((step) => visibleName(stepText(words, step))),
    warnings: plan.warnings.map((remark) => ({
      text: visibleName(remarkText(words, remark)),
      note: notes.has(remark.code),
    })),
    refusals: plan.refusals.map((error) => ({
      label: labelOf(formField(error.field), t),
      text: visibleName(fieldText(words, error)),
    })),
    facts: factsOf(plan, words),
    promise: promiseOf(plan, t),
    start:
      plan.refusals.length > 0
        ? null
        : {
            button: t(plan.replaces ? 'restore.plan.replace' : 'restore.plan.start', {
              target: visibleName(plan.target),
            }),
            replaces: plan.replaces,
            word: plan.replaces ? confirmWord(plan) : '',
          },
  }
}

/**
 * What the admin types to agree that it is replaced: the last part of a path, the name of a database or app. What cannot be
 * typed, or says nothing, gives way to the archive's name.
 */
export function confirmWord({ target, archive }: Pick<RestorePlan, 'target' | 'archive'>): string {
  const last = target.startsWith('/') ? target.split('/').findLast((part) => part !== '') : target
  return [last ?? '', archive].find(isTypable) ?? 'restore'
}

function isTypable(word: string): boolean {
  return word !== '' && word.trim() === word && word.length <= 64 && visibleName(word) === word
}

function promiseOf({ warnings }: RestorePlan, t: T): string {
  if (warnings.some(({ code }) => noWayBack.has(code))) return ''
  return t(
    warnings.some(({ code }) => partlyBack.has(code)) ? 'restore.plan.promise_but' : 'restore.plan.promise',
  )
}

function factsOf(plan: RestorePlan, { t, f }: { t: T; f: Formats }): readonly ShownFact[] {
  const facts: ShownFact[] = [
    ...(plan.target === '' ? [] : [{ label: t('restore.fact.target'), value: visibleName(plan.target) }]),
    {
      label: t('restore.fact.replaced'),
      value: t(plan.replaces ? 'restore.plan.replaced' : 'restore.plan.not_replaced'),
    },
  ]
  if (plan.safety !== null) facts.push({ label: t('restore.fact.safety'), value: t('restore.plan.safety') })
  if (plan.files !== null) facts.push({ label: t('restore.fact.files'), value: f.number(plan.files) })
  if (plan.bytes !== null) facts.push({ label: t('restore.fact.space'), value: f.size(plan.bytes) })
  return facts
}

function labelOf(field: string, t: T): string {
  const known = Object.entries(labels).find(([name]) => name === field)
  return known === undefined ? '' : t(known[1])
}
