// The form of a restore's options as it was typed, and what it asks of the engine. Pure.
import type { FieldError } from '../../../domain/problem.ts'
import type { RestoreInput } from '../../../engine/engine.ts'
import { type FormValues, textOf } from '../jobs/form-values.ts'
import { chosenPaths } from './chosen-paths.ts'
import { memberBase, type Restorable } from './restorable.ts'

/** Everything but the password, which never goes back into a page. */
const carriedFields = [
  'form',
  'target_path',
  'target_database',
  'paths',
  'key',
  'targets',
  'recipe',
  'devices',
  'config.host',
  'config.port',
  'config.user',
] as const

/** How to reach a database server. */
const connectionKeys = ['host', 'port', 'user', 'password'] as const

export interface AskedRestore {
  readonly input: RestoreInput
  /** What is wrong before anybody looks at the machine. */
  readonly errors: readonly FieldError[]
}

/** Reads the form. Options that the archive's kind does not have are left out, whatever was sent. */
export function askedRestore(values: FormValues, archive: Restorable): AskedRestore {
  const errors: FieldError[] = []
  const text = (name: string) => textOf(values, name).trim()
  const paths = pathsOf(values, archive, errors)
  const targets = targetsOf(values, archive, errors)
  const connection = connectionOf(values, archive, errors)
  const recipe = archive.options.has('recipe') ? text('recipe') : ''
  return {
    input: {
      options: {
        ...(archive.options.has('target_path') &&
          text('target_path') !== '' && { target_path: text('target_path') }),
        ...(archive.options.has('target_database') &&
          text('target_database') !== '' && { target_database: text('target_database') }),
        ...(paths.length > 0 && { paths }),
        ...(targets !== null && { targets }),
        ...((recipe === 'yes' || recipe === 'no') && { recipe: recipe === 'yes' }),
        ...(archive.options.has('devices') && text('devices') !== '' && { devices: true }),
      },
      ...(connection !== null && { connection }),
    },
    errors,
  }
}

/** Names and values for hidden fields: the form again, without its secrets. */
export function carried(values: FormValues): readonly { readonly name: string; readonly value: string }[] {
  return carriedFields.flatMap((name) => (values.get(name) ?? []).map((value) => ({ name, value })))
}

/** The form's own name for a field that the engine speaks of. */
export function formField(field: string): string {
  return field
    .replace(/^options\./, '')
    .replace(/^connection\./, 'config.')
    .replace(/\.\d+$/, '')
}

function pathsOf(values: FormValues, archive: Restorable, errors: FieldError[]): string[] {
  const base = memberBase(archive)
  if (!archive.options.has('paths') || archive.directory === null || base === null) return []
  const saved = { directory: archive.directory, base }
  const { paths, strange } = chosenPaths(textOf(values, 'paths'), values.get('key') ?? [], saved)
  if (strange > 0) errors.push({ field: 'paths', code: 'path_not_in_archive' })
  return [...paths]
}

/** Null: all of them, which is also what a form says that has not been shown yet. */
function targetsOf(values: FormValues, archive: Restorable, errors: FieldError[]): string[] | null {
  if (archive.targets.length === 0 || !values.has('form')) return null
  const asked = values.get('targets') ?? []
  const chosen = archive.targets.filter((target) => asked.includes(target))
  if (chosen.length === 0) errors.push({ field: 'targets', code: 'required' })
  return chosen.length === archive.targets.length ? null : chosen
}

function connectionOf(values: FormValues, archive: Restorable, errors: FieldError[]) {
  if (!archive.server) return null
  const given: Record<string, unknown> = {}
  for (const key of connectionKeys) {
    // A password may begin or end with a space.
    const value =
      key === 'password' ? textOf(values, 'config.password') : textOf(values, `config.${key}`).trim()
    if (value === '') continue
    given[key] = key === 'port' ? Number(value) : value
    if (key === 'port' && !/^\d{1,5}$/.test(value))
      errors.push({ field: 'config.port', code: 'port_invalid' })
  }
  return Object.keys(given).length === 0 ? null : given
}
