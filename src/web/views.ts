// Templates: Eta over `views/`, with an escape function that refuses what a person must never read.
import { join } from 'node:path'
import { Eta } from 'eta'

export interface Renderer {
  /** The HTML of `views/<name>.eta`, e.g. `pages/home`, `partials/badge`. Throws on a missing value. */
  render(name: string, model: object): string
}

const projectViews = join(import.meta.dirname, '../../views')
const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/**
 * Escapes a text or number for HTML content and quoted attributes.
 * @throws for undefined, null, booleans and objects: a forgotten field fails a test instead of reaching a page
 */
export function strictEscape(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'bigint') return String(value)
  if (typeof value !== 'string') {
    throw new TypeError(`a template printed ${value === null ? 'null' : typeof value}`)
  }
  return value.replaceAll(/[&<>"']/g, (c) => entities[c] ?? c)
}

/** The renderer of a views directory; `cache` keeps compiled templates (always, but while writing them). */
export function createRenderer(options: { readonly cache: boolean; readonly views?: string }): Renderer {
  const eta = new Eta({
    views: options.views ?? projectViews,
    cache: options.cache,
    debug: !options.cache,
    escapeFunction: strictEscape,
    autoTrim: [false, 'nl'],
  })
  return { render: (name, model) => eta.render(`/${name}`, model) }
}
