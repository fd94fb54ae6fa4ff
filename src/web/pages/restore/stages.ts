// Where in a restore somebody is: the five stages that head each of its pages. Pure.
import type { T } from '../../i18n.ts'

export const stages = ['choose', 'options', 'plan', 'live', 'result'] as const
export type Stage = (typeof stages)[number]

export interface ShownStage {
  readonly mark: string
  readonly name: string
  /** For screen readers; empty for what is to come. */
  readonly word: string
  readonly state: 'done' | 'now' | 'next'
}

/** The stages for `partials/restore-stages`. */
export function stagesAt(now: Stage, t: T): readonly ShownStage[] {
  const at = stages.indexOf(now)
  return stages.map((stage, i) => {
    const state = i < at ? 'done' : i === at ? 'now' : 'next'
    return {
      mark: state === 'done' ? '✓' : String(i + 1),
      name: t(`restore.stage.${stage}`),
      word: state === 'done' ? t('restore.stage_done') : '',
      state,
    }
  })
}
