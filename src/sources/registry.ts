// Every kind of thing a job can back up: one line each. Nothing else switches on a type.
import { customDir } from './custom-dir/index.ts'
import { mysql } from './mysql/index.ts'
import { postgresql } from './postgresql/index.ts'
import type { AnySource } from './source.ts'
import { ynhApp } from './ynh-app/index.ts'
import { ynhSystem } from './ynh-system/index.ts'

export const sources: readonly AnySource[] = [ynhApp, ynhSystem, customDir, mysql, postgresql]
