// Facts in sentences: figures as people read them, and never an empty blank, whatever facts are missing.
import type { Facts } from './problem.ts'

/** How numbers are written in a language. */
export interface Figures {
  size(bytes: number): string
  number(n: number): string
}

/** Facts that are numbers of bytes. */
const sizes = new Set(['needed', 'free', 'reserve', 'bytes', 'used', 'quota'])
/** Facts that are numbers but no amounts: written without separators. */
const plain = new Set(['port', 'ports', 'mode'])
/** Any of these numbers decides between singular and plural, and is at hand as `{number}`. */
const counts = ['count', 'number', 'files', 'tables', 'rows', 'apps', 'members', 'connections']

/** Stands for a brace of a fact, so that a file named `{x}` is not taken for a blank. */
const brace = '\uE000'

/**
 * The sentence that `fill` makes of the facts. Who reported them may not have known every one: what a text says after
 * a colon at its end or in brackets is left out when its facts are missing; any other blank becomes dots.
 */
export function sentence(fill: (facts: Facts) => string, facts: Facts, figures: Figures): string {
  return withoutBlanks(fill(readable(facts, figures))).replaceAll(brace, '{')
}

function readable(facts: Facts, figures: Figures): Facts {
  const told: Record<string, string | number> = {}
  for (const [key, value] of Object.entries(facts)) {
    if (value === undefined || value === '') continue
    if (typeof value === 'string') told[key] = value.replaceAll('{', brace)
    else if (key === 'count') told[key] = value
    else if (plain.has(key)) told[key] = String(value)
    else told[key] = sizes.has(key) ? figures.size(value) : figures.number(value)
  }
  const count = counts.map((key) => facts[key]).find((value) => typeof value === 'number')
  return typeof count === 'number' ? { count, number: figures.number(count), ...told } : told
}

function withoutBlanks(text: string): string {
  return text
    .replaceAll(/\s*\(([^()]*\{\w+\}[^()]*)\)/g, (_, inside: string) => {
      const known = inside.split(', ').filter((part) => !/\{\w+\}/.test(part))
      return known.length === 0 ? '' : ` (${known.join(', ')})`
    })
    .replace(/\s?:\s\{\w+\}$/, '')
    .replaceAll(/\{\w+\}/g, '…')
}
