// Decides which archives stay, with reasons; effects are in `src/engine/prune.ts`.

/** The archives of one removal decision. */
export interface RetentionPlan {
  readonly keep: readonly { readonly name: string; readonly reasons: readonly string[] }[]
  readonly remove: readonly { readonly name: string; readonly reason: string }[]
}
