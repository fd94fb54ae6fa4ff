// Files and directories that were chosen: lines that were typed, and keys of the contents browser. Pure.

/** A member's path as the contents browser writes it into forms and addresses. */
export function keyOf(path: string): string {
  return Buffer.from(path).toString('base64url')
}

/** The path of a key; null when it is none, or the path's bytes are no UTF-8 and cannot be asked for by name. */
export function pathOfKey(key: string): string | null {
  const path = Buffer.from(key, 'base64url').toString('utf8')
  return path !== '' && keyOf(path) === key ? path : null
}

export interface ChosenPaths {
  /** Relative to the saved directory, each once. Empty: all of it. */
  readonly paths: readonly string[]
  /** Keys that are of no member below the saved directory. */
  readonly strange: number
}

/**
 * Reads both ways of choosing. A typed path may be absolute, below the saved directory; one that is the directory itself
 * means all of it. `base` is where that directory lies inside the archive.
 */
export function chosenPaths(
  lines: string,
  keys: readonly string[],
  saved: { readonly directory: string; readonly base: string },
): ChosenPaths {
  const typed = lines.split('\n').filter((line) => line.trim() !== '')
  const paths = typed.map((line) => relativeTo(line, saved.directory))
  let strange = 0
  for (const key of keys) {
    const path = pathOfKey(key)
    if (path?.startsWith(`${saved.base}/`)) paths.push(path.slice(saved.base.length + 1))
    else strange += 1
  }
  return { paths: paths.includes('') ? [] : [...new Set(paths)], strange }
}

/** True for a path that a text field of lines can hold and give back as it was. */
export function fitsInLine(path: string): boolean {
  return path.trim() === path && !/[\r\n]/.test(path)
}

function relativeTo(line: string, directory: string): string {
  const below = line === directory || line.startsWith(`${directory}/`)
  return (below ? line.slice(directory.length) : line).replace(/^(?:\.?\/)+/, '').replace(/^\.$|\/+$/, '')
}
