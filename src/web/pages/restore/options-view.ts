// The second stage in words: the options of this archive's kind, with what was typed and what is wrong with it. Pure.
import type { FieldError } from '../../../domain/problem.ts'
import type { Formats, Moment, T } from '../../i18n.ts'
import { fieldText, type ProblemText } from '../../problem-text.ts'
import type { ArchiveRow } from '../archives/detail-query.ts'
import { visibleName } from '../../visible-name.ts'
import { archivePath, type Badge, stateOf } from '../archives/state.ts'
import { type FormValues, textOf } from '../jobs/form-values.ts'
import { typeName } from '../jobs/what.ts'
import { fitsInLine, keyOf } from './chosen-paths.ts'
import { restorePath } from './choose-view.ts'
import { askedRestore, formField } from './options-form.ts'
import { memberBase, type Restorable } from './restorable.ts'

export interface ArchiveHead {
  readonly name: string
  readonly href: string
  readonly what: string
  readonly at: Moment
  readonly size: string
  readonly badge: Badge
}

/** `value`, `has` and `error` are functions for the template: a name not used yet is simply empty. */
export interface OptionsView {
  readonly archive: ArchiveHead
  /** Where the form goes. */
  readonly action: string
  readonly has: (option: string) => boolean
  readonly value: (name: string) => string
  readonly error: (name: string) => string
  /** Wrong fields, in the order of the form. */
  readonly summary: readonly { readonly href: string; readonly text: string }[]
  /** Why it could not be planned, when no field is to blame. */
  readonly problem: ProblemText | null
  readonly note: string
  /** Where things were when they were saved; empty when the archive does not say. */
  readonly directory: string
  readonly database: string
  /** One path a line. */
  readonly paths: string
  /** Chosen ones that no line can hold. */
  readonly oddPaths: readonly { readonly key: string; readonly path: string }[]
  readonly contentsHref: string
  readonly targets: readonly { readonly id: string; readonly chosen: boolean }[]
  readonly recipe: readonly { readonly value: string; readonly label: string; readonly chosen: boolean }[]
  readonly server: boolean
  /** Folded parts that must be open because something in them is set or wrong. */
  readonly openPaths: boolean
  readonly openMore: boolean
  readonly openServer: boolean
}

const order = [
  'target_path',
  'target_database',
  'paths',
  'targets',
  'recipe',
  'devices',
  'config.host',
  'config.port',
  'config.user',
  'config.password',
]
/** What errors about the whole archive hang on: they stand above the form. */
const nowhere = new Set(['archive', ''])

/** What the restore pages say about the archive itself. */
export function archiveHead(row: ArchiveRow, verifying: readonly string[], { t, f }: Words): ArchiveHead {
  const { state, label } = stateOf(row, verifying, t)
  return {
    name: visibleName(row.name),
    href: archivePath(row.name),
    what: [row.type === null ? '' : typeName(row.type, t), row.app ?? t('archives.what.unknown')]
      .filter((text) => text !== '')
      .map(visibleName)
      .join(' · '),
    at: f.moment(row.created_at),
    size: f.size(row.size_bytes),
    badge: { state, label },
  }
}

interface Words {
  readonly t: T
  readonly f: Formats
}

export interface OptionsFacts {
  readonly head: ArchiveHead
  readonly archive: Restorable
  readonly values: FormValues
  readonly errors: readonly FieldError[]
  readonly problem: ProblemText | null
  readonly note: string
}

/** The form. A form that has not been shown before (`form` is not among its values) starts with everything chosen. */
export function optionsView(facts: OptionsFacts, words: Words): OptionsView {
  const { archive, values } = facts
  const { t } = words
  const errors = errorTexts(facts.errors, words)
  const value = (name: string) => (name === 'config.password' ? '' : textOf(values, name))
  const paths = askedRestore(values, archive).input.options.paths ?? []
  const base = memberBase(archive)
  const fresh = !values.has('form')
  const recipe = value('recipe')
  const wrong = (...names: readonly string[]) => names.some((name) => errors.has(name))
  const set = (...names: readonly string[]) => names.some((name) => value(name) !== '')
  return {
    archive: facts.head,
    action: restorePath(archive.name),
    has: (option) => [...archive.options].some((one) => one === option),
    value,
    error: (name) => errors.get(name)?.join(' ') ?? '',
    summary: [...errors]
      .toSorted(([a], [b]) => order.indexOf(a) - order.indexOf(b))
      .map(([field, texts]) => ({
        href: nowhere.has(field) || !order.includes(field) ? '#main' : `#${field}`,
        text: texts.join(' '),
      })),
    problem: facts.problem,
    note: facts.note,
    directory: archive.directory === '' ? '/' : (archive.directory ?? ''),
    database: archive.database ?? '',
    paths: paths.filter(fitsInLine).join('\n'),
    oddPaths: paths
      .filter((path) => !fitsInLine(path))
      .map((path) => ({ key: keyOf(`${base}/${path}`), path: visibleName(path) })),
    contentsHref: `${archivePath(archive.name)}/contents`,
    targets: archive.targets.map((id) => ({
      id,
      chosen: fresh || (values.get('targets') ?? []).includes(id),
    })),
    recipe: (['', 'yes', 'no'] as const).map((one) => ({
      value: one,
      label: t(`restore.recipe.${one === '' ? 'auto' : one}`),
      chosen: one === recipe || (one === '' && !['yes', 'no'].includes(recipe)),
    })),
    server: archive.server,
    openPaths: paths.length > 0 || wrong('paths'),
    openMore: set('devices') || recipe === 'yes' || recipe === 'no' || wrong('devices', 'recipe'),
    openServer:
      set('config.host', 'config.port', 'config.user') ||
      wrong('config.host', 'config.port', 'config.user', 'config.password'),
  }
}

function errorTexts(errors: readonly FieldError[], words: Words): ReadonlyMap<string, readonly string[]> {
  const texts = new Map<string, readonly string[]>()
  for (const error of errors) {
    const field = formField(error.field)
    const text = fieldText(words, error)
    const known = texts.get(field) ?? []
    if (!known.includes(text)) texts.set(field, [...known, text])
  }
  return texts
}
