// Every kind of thing a job can back up: one line each. Nothing else switches on a type.
import { customDir } from './custom-dir/index.ts'
import type { AnySource } from './source.ts'
import { ynhApp } from './ynh-app/index.ts'
import { ynhSystem } from './ynh-system/index.ts'

export const sources: readonly AnySource[] = [ynhApp, ynhSystem, customDir]

/** The source of a stored type, undefined for one that this version does not know. */
export function sourceById(id: string): AnySource | undefined {
  return sources.find((source) => source.id === id)
}
