// What of a dump a drill loads: everything that a role without rights over the server may make. Extensions are made before,
// by the login; nothing of the dump has run by then.
import { z } from 'zod'
import { identifier, literal } from '../quoting.ts'
import type { Server } from '../server.ts'
import { dumpBytes, type Saved } from './saved.ts'

export interface Contents {
  /** Lines of the table of contents that are loaded, as `pg_restore --use-list` reads them. */
  readonly list: string
  readonly extensions: readonly Extension[]
}

interface Extension {
  readonly name: string
  readonly schema: string
  /** The schema is one that the dump would create. */
  readonly own: boolean
}

/** Entries that only a superuser may load, and that no row depends on. */
const superusersOnly = /^\d+; \d+ \d+ (?:EVENT TRIGGER|EXTENSION|PUBLICATION|SUBSCRIPTION) /

const schemaClass = 2615
const word = '("(?:[^"]|"")+"|[a-z_][a-z0-9_$]*)'
const creation = new RegExp(`^CREATE EXTENSION IF NOT EXISTS ${word} WITH SCHEMA ${word};$`)

/** Reads the table of contents. Rejects with what pg_restore says. */
export async function contentsOf(server: Server, saved: Saved): Promise<Contents> {
  const { io } = server
  const lines: string[] = []
  await server.tool('pg_restore', ['--list'], {
    stdin: dumpBytes(saved, io),
    maxStdout: 0,
    onStdoutLine: (line) => void lines.push(line),
  })
  const entries = lines.filter((line) => /^\d+; /.test(line))
  const extensions = await extensionsOf(server, saved, entries)
  const made = new Set(extensions.filter(({ own }) => own).map(({ schema }) => schema))
  const kept = entries.filter(
    (line) => !superusersOnly.test(line) && ![...made].some((name) => isSchema(line, name)),
  )
  return { list: `${kept.join('\n')}\n`, extensions }
}

async function extensionsOf(
  server: Server,
  saved: Saved,
  entries: readonly string[],
): Promise<readonly Extension[]> {
  const list = entries.filter((line) => /^\d+; \d+ \d+ EXTENSION /.test(line))
  const found: Extension[] = []
  if (list.length === 0) return found
  await server.lend(`${list.join('\n')}\n`, (path) =>
    server.tool('pg_restore', ['--file=-', `--use-list=${path}`], {
      stdin: dumpBytes(saved, server.io),
      maxStdout: 0,
      onStdoutLine: (line) => {
        const [, name, schema] = creation.exec(line) ?? []
        if (name === undefined || schema === undefined) return
        const own = entries.some((entry) => isSchema(entry, unquoted(schema)))
        found.push({ name: unquoted(name), schema: unquoted(schema), own })
      },
    }),
  )
  return found
}

/** Whether a line of the table of contents creates this schema. `public` is there in every database. */
function isSchema(line: string, name: string): boolean {
  const [, oid, rest] = /^\d+; (\d+) \d+ SCHEMA - (.*)$/.exec(line) ?? []
  return name !== 'public' && Number(oid) === schemaClass && rest?.startsWith(`${name} `) === true
}

function unquoted(text: string): string {
  return text.startsWith('"') ? text.slice(1, -1).replaceAll('""', '"') : text
}

/** Makes the extensions that this server has, in an empty database that belongs to `owner` (null: the login). */
export async function createExtensions(
  server: Server,
  database: string,
  extensions: readonly Extension[],
  owner: string | null,
): Promise<void> {
  const names = extensions.map(({ name }) => literal(name)).join(', ')
  if (names === '') return
  const rows = await server.rows(
    database,
    `SELECT name FROM pg_catalog.pg_available_extensions WHERE name = ANY (ARRAY[${names}]::text[])`,
    z.object({ name: z.string() }),
  )
  const available = new Set(rows.map(({ name }) => name))
  const whose = owner === null ? '' : ` AUTHORIZATION ${identifier(owner)}`
  const statements = extensions.flatMap(({ name, schema, own }) => [
    ...(own ? [`CREATE SCHEMA IF NOT EXISTS ${identifier(schema)}${whose};`] : []),
    ...(available.has(name)
      ? [`CREATE EXTENSION IF NOT EXISTS ${identifier(name)} WITH SCHEMA ${identifier(schema)};`]
      : []),
  ])
  // Some of them have tables whose rows are in the dump.
  const grants =
    owner === null
      ? ''
      : `SELECT pg_catalog.format('GRANT SELECT, INSERT ON %s TO %I', c.oid::pg_catalog.regclass, ${literal(owner)})
FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_class c ON c.oid = ANY (e.extconfig) AND c.relkind IN ('r', 'p') \\gexec`
  await server.script(database, [...statements, grants].join('\n'))
}
