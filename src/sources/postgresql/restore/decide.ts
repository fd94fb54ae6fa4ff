// What a restore of a database would do, why it is refused, and what an admin should know. Pure.
import type { FieldError } from '../../../domain/problem.ts'
import type { PlannedStep, PlanRemark, RestorePlan } from '../../../domain/restore.ts'
import type { Connection } from '../settings.ts'
import { majorOf } from '../versions.ts'
import type { Here } from './here.ts'
import type { Saved } from './saved.ts'

export interface Seen {
  readonly saved: Saved
  readonly here: Here
  readonly connection: Connection
  readonly target: string
  /** The field that named the target. */
  readonly targetField: 'target_database' | 'archive'
  /** Of pg_restore here. */
  readonly tool: string
}

/** A server wants room for its log of changes as well. */
const roomFactor = 1.1

/** Roles of the recipe that are not here. */
export function missingRoles(saved: Saved, here: Here): string[] {
  const known = new Set(here.roles.map(({ name }) => name))
  return saved.recipe.roles.filter((name) => !known.has(name))
}

/** Names of tablespaces that are not here; then everything is put where the server likes. */
export function missingTablespaces(saved: Saved, here: Pick<Here, 'tablespaces'>): string[] {
  return saved.recipe.tablespaces.filter((name) => !here.tablespaces.includes(name))
}

/** The plan of a restore that nothing speaks against, or with what does. */
export function decide(seen: Seen): RestorePlan {
  const { saved, here, target, connection } = seen
  const { user, host, port, socket } = connection
  const replaces = here.target !== null
  return {
    archive: saved.archive,
    type: 'postgresql',
    target,
    steps: stepsOf(seen),
    warnings: remarksOf(seen),
    refusals: refusalsOf(seen),
    replaces,
    safety: replaces
      ? {
          type: 'postgresql',
          settings: {
            database: target,
            ...(user !== undefined && { user }),
            ...(host !== undefined && { host }),
            ...(port !== undefined && { port }),
            ...(socket !== undefined && { socket }),
          },
        }
      : null,
    bytes: saved.databaseBytes,
    files: null,
  }
}

/** A plan that does nothing. */
export function refused(archive: string, target: string, refusals: readonly FieldError[]): RestorePlan {
  const nothing = { steps: [], warnings: [], replaces: false, safety: null, bytes: null, files: null }
  return { archive, type: 'postgresql', target, refusals, ...nothing }
}

function stepsOf({ saved, here, target }: Seen): PlannedStep[] {
  const missing = missingRoles(saved, here)
  const steps: PlannedStep[] = []
  if (missing.length > 0) steps.push({ code: 'create_role', facts: { roles: missing.join(', ') } })
  steps.push(
    { code: 'load_database', facts: { database: target, bytes: saved.dump.length } },
    { code: 'check_database', facts: { database: target, number: saved.recipe.tables } },
    { code: 'swap_database', facts: { database: target } },
  )
  if (here.target !== null) steps.push({ code: 'remove_former', facts: { path: target } })
  return steps
}

function remarksOf({ saved, here, target }: Seen): PlanRemark[] {
  const { recipe, serverVersion } = saved
  const remarks: PlanRemark[] = []
  const add = (code: PlanRemark['code'], facts: PlanRemark['facts'] = {}): void =>
    void remarks.push({ code, facts })
  add(here.target === null ? 'nothing_to_replace' : 'clients_cut_off', { database: target })
  // A superuser is there on every server.
  const existing = here.roles.filter(({ superuser }) => !superuser).map(({ name }) => name)
  if (existing.length > 0) add('role_exists', { roles: existing.join(', ') })
  const missing = new Set(missingRoles(saved, here))
  const unknown = recipe['roles-without-password'].filter((name) => missing.has(name))
  if (unknown.length > 0) add('password_unknown', { roles: unknown.join(', ') })
  const spaces = missingTablespaces(saved, here)
  if (spaces.length > 0) add('tablespaces_missing', { names: spaces.join(', ') })
  if (serverVersion !== null && majorOf(serverVersion) > majorOf(here.number)) {
    add('server_older', { archived: serverVersion, installed: here.version })
  }
  return remarks
}

function refusalsOf({ saved, here, target, targetField, tool }: Seen): FieldError[] {
  const errors: FieldError[] = []
  const add = (field: string, code: FieldError['code'], facts: FieldError['facts'] = {}): void =>
    void errors.push({ field, code, facts })
  if (saved.toolVersion !== null && majorOf(tool) < majorOf(saved.toolVersion)) {
    add('archive', 'tool_missing', { tool: `pg_restore ${majorOf(saved.toolVersion)}` })
  }
  if (!here.superuser && !here.createdb) add('config.user', 'permission_denied', { detail: 'CREATEDB' })
  else if (!here.superuser && here.ownerOurs === false) {
    add('config.user', 'permission_denied', { detail: `not a member of ${saved.recipe.owner}` })
  }
  const missing = missingRoles(saved, here)
  if (missing.length > 0 && !here.superuser && !here.createrole) {
    add('config.user', 'role_missing', { role: missing.join(', ') })
  }
  if (here.target?.template === true) add(targetField, 'name_reserved', { database: target })
  else if (here.target !== null && !here.superuser && !here.target.ours) {
    add('config.user', 'permission_denied', { detail: `not the owner of ${target}` })
  }
  const held = here.target === null ? 0 : here.target.prepared + here.target.foreign
  if (held > 0) add(targetField, 'database_in_use', { database: target, number: held })
  const needed = Math.ceil((saved.databaseBytes ?? 0) * roomFactor)
  if (here.freeBytes !== null && needed > here.freeBytes) {
    add(targetField, 'no_space', { database: target, needed, free: here.freeBytes })
  }
  return errors
}
