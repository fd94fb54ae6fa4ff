// The model of the page about the API: endpoints by resource.
import { z } from '@hono/zod-openapi'
import type { RouteRow } from '../../api/frame.ts'
import { fieldsOf, type Field } from './fields.ts'

export interface ShownEndpoint {
  readonly method: string
  readonly path: string
  /** Null: no key. */
  readonly scope: string | null
  /** English, as in openapi.json. */
  readonly summary: string
  readonly query: readonly Field[]
  readonly body: readonly Field[]
  readonly answers: readonly {
    readonly status: string
    readonly type: string
    readonly fields: readonly Field[]
  }[]
}

export interface ShownResource {
  readonly id: string
  readonly name: string
  readonly endpoints: readonly ShownEndpoint[]
}

/** In the order in which they were declared. */
export function resourcesOf(routes: readonly RouteRow[]): readonly ShownResource[] {
  const byName = Map.groupBy(routes, (route) => route.path.split('/')[1] ?? '')
  return [...byName].map(([name, rows]) => ({ id: `api-${name}`, name, endpoints: rows.map(shown) }))
}

function shown(route: RouteRow): ShownEndpoint {
  return {
    method: route.method.toUpperCase(),
    // As in the contract; braces are for blanks.
    path: route.path.replaceAll(/\{(\w+)\}/g, ':$1'),
    scope: route.scope,
    summary: route.summary,
    query: route.query ? fieldsOf(route.query, 'input') : [],
    body: route.body ? fieldsOf(route.body, 'input') : [],
    answers: Object.entries(route.answers).map(([status, what]) => {
      if (what === null) return { status, type: '', fields: [] }
      if (!(what instanceof z.ZodType)) return { status, type: what.type, fields: [] }
      return { status, type: '', fields: fieldsOf(what, 'output') }
    }),
  }
}
