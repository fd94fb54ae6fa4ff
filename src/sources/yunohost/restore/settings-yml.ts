// Reads the few values that a restore needs from an app's `settings.yml`, as PyYAML writes it: one `key: value` a line,
// deeper ones indented. Not a YAML reader: what it does not understand it passes over.

/** What a restore wants to know of an app's settings. */
export interface AppSettings {
  readonly domain: string | null
  /** Begins with a slash; only `/` ends with one. */
  readonly path: string | null
  readonly dataDir: string | null
  /** The admin has told YunoHost to leave the data folder out of backups. */
  readonly sparesData: boolean
  /** Users and groups that may use the app, by permission (`main`, `api`). */
  readonly permissions: ReadonlyMap<string, readonly string[]>
}

/** The settings, each missing one null. Never fails. */
export function readSettings(text: string): AppSettings {
  const { values, lists } = flatten(text)
  const permissions = new Map<string, readonly string[]>()
  for (const [key, allowed] of lists) {
    const name = /^_permissions\n(.+)\nallowed$/.exec(key)?.[1]
    if (name !== undefined) permissions.set(name, allowed)
  }
  const dataDir = values.get('data_dir') ?? values.get('datadir') ?? null
  const path = values.get('path')
  return {
    domain: values.get('domain') ?? null,
    path: path === undefined ? null : `/${path.replace(/^\/+|\/+$/g, '')}`,
    dataDir: dataDir?.startsWith('/') === true ? dataDir.replace(/\/+$/, '') : null,
    sparesData: /^(?:1|true|yes)$/i.test(values.get('do_not_backup_data') ?? ''),
    permissions,
  }
}

/** Scalars and lists by their keys, joined by newlines. */
function flatten(text: string): { values: Map<string, string>; lists: Map<string, string[]> } {
  const values = new Map<string, string>()
  const lists = new Map<string, string[]>()
  const anchors = new Map<string, string>()
  /** Keys above the present line, with their indentation. */
  let above: { readonly indent: number; readonly key: string }[] = []
  for (const line of text.split('\n')) {
    const indent = line.length - line.trimStart().length
    const item = /^ *- (.*)$/.exec(line)
    if (item) {
      // A list may stand as far left as the key that it belongs to.
      const owner = above.filter((one) => one.indent <= indent).map((one) => one.key)
      const found = scalar(item[1] ?? '')
      if (found !== null) lists.get(owner.join('\n'))?.push(found)
      continue
    }
    const pair = /^ *([A-Za-z0-9_.-]+|'[^']*'|"[^"]*"):(?: +(.*))?$/.exec(line)
    if (!pair) continue
    above = above.filter((one) => one.indent < indent)
    above.push({ indent, key: scalar(pair[1] ?? '') ?? '' })
    const key = above.map((one) => one.key).join('\n')
    // The same list in two places is written once, with a name.
    const [, anchor, rest = ''] = /^(?:&(\w+) *)?(.*)$/.exec(pair[2] ?? '') ?? []
    const value = rest.trim()
    const again = anchors.get(value.replace('*', ''))
    if (value === '' || value === '[]') {
      lists.set(key, [])
      if (anchor !== undefined) anchors.set(anchor, key)
    } else if (value.startsWith('*') && again !== undefined) lists.set(key, lists.get(again) ?? [])
    else {
      const found = scalar(value)
      if (found !== null) values.set(key, found)
    }
  }
  return { values, lists }
}

/** A plain or quoted scalar; null for anything else. */
function scalar(text: string): string | null {
  const value = text.trim()
  const single = /^'((?:[^']|'')*)'$/.exec(value)?.[1]
  if (single !== undefined) return single.replaceAll("''", "'")
  if (value.startsWith('"')) {
    try {
      return String(JSON.parse(value))
    } catch {
      return null
    }
  }
  return /^[&*!|>{[%@`']/.test(value) || value === '' || value === 'null' ? null : value
}
