// What a decision about a restore is made from, and what it is about. Pure.
import type { RestoreOptions } from '../../../domain/restore.ts'
import type { SavedRecipe } from '../recipe-read.ts'
import type { Here } from './here.ts'
import type { Saved } from './saved.ts'
import type { TargetFacts } from './target.ts'

/** What was seen. `target` and `here` are null when the archive does not even tell what they would be about. */
export interface Seen {
  readonly archive: string
  readonly options: RestoreOptions
  readonly saved: Saved
  readonly target: TargetFacts | null
  readonly here: Here | null
}

/**
 * How the restored tree gets into its place. `whole`: the directory is exchanged by one rename. `entries`: what is in it is
 * exchanged piece by piece, because a disk is mounted at the directory itself. `paths`: the chosen ones are exchanged.
 */
export type Way = 'whole' | 'entries' | 'paths'

/** What is done beside the files. */
export interface RecipeWork {
  readonly user: SavedRecipe['user']
  readonly owner: string | null
  readonly mode: string | null
  readonly service: {
    readonly name: string
    readonly unitPath: string
    /** To be written; null: it is there already, or nobody knows it. */
    readonly unit: string | null
    readonly enable: boolean
    readonly stop: boolean
    readonly start: boolean
  } | null
  readonly ports: readonly number[]
  readonly commands: readonly string[]
}

/** Whether the recipe is wanted: by default for the place that was saved, not for another one. */
export function wantsRecipe(options: RestoreOptions, saved: Pick<Saved, 'source'>, target: string): boolean {
  return options.recipe ?? target === saved.source?.shown
}
