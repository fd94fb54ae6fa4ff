// The directory that is backed up: its path in all the forms that the steps need.

export interface SourcePath {
  /** As it is told to people: absolute, without superfluous slashes. */
  readonly shown: string
  /** The same as bytes, in a latin1 string. */
  readonly root: string
  /** Names for tar, relative to `/`: the directory's parents from the top, without the directory itself. */
  readonly parents: readonly string[]
  /** The directory's own name for tar. */
  readonly self: string
}

/** Null when the path is not absolute or climbs with `..`, which means another place once links are involved. */
export function sourcePath(given: string): SourcePath | null {
  const steps = given.split('/').filter((step) => step !== '' && step !== '.')
  if (!given.startsWith('/') || steps.includes('..')) return null
  const shown = `/${steps.join('/')}`
  const names = Buffer.from(shown, 'utf8').toString('latin1').split('/').slice(1)
  // The `.` at the end makes tar follow a symbolic link: parents are stored as the directories they are.
  const along = names.map((_, i) => `./${names.slice(0, i + 1).join('/')}/.`)
  return {
    shown,
    root: shown === '/' ? '' : `/${names.join('/')}`,
    parents: along.slice(0, -1),
    self: along.at(-1) ?? './.',
  }
}

/** The name that tar is given for an entry of the walk. It begins with `./`, so that nothing looks like an option. */
export function tarName(source: SourcePath, path: string): string {
  return `.${source.root}/${path}`
}

/** A name for tar, as the absolute path that people know. Bytes that are no UTF-8 become U+FFFD. */
export function shownPath(tarName: string): string {
  const path = tarName.replace(/^\.(?=\/)/, '').replace(/\/\.$/, '')
  return Buffer.from(path === '' ? '/' : path, 'latin1').toString('utf8')
}
