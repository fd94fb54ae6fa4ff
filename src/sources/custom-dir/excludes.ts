// Which files a job leaves out. Pure. Names are bytes, given as latin1 strings (one character per byte).
//
// Patterns are relative to the backed up directory; one that matches a directory leaves out all that is below it.
//   cache        a file or directory of that name, at any depth        cache/      only directories
//   *.log        `*` any bytes but `/`, `?` one byte but `/`, `[a-z]` and `[!a-z]` one of a set, `\` takes the next as it is
//   /top         with a `/` at the front or in the middle: from the directory itself on, as in `var/cache/`
//   a/**/b       `**` any number of directories, also none; at the end, as in `a/**`, everything inside

type Piece =
  | { readonly is: 'star' }
  | { readonly is: 'any' }
  | { readonly is: 'byte'; readonly byte: string }
  | { readonly is: 'set'; readonly bytes: ReadonlySet<string>; readonly negated: boolean }
type Segment = readonly Piece[] | '**'

interface Pattern {
  readonly segments: readonly Segment[]
  readonly directoriesOnly: boolean
  /** From the root on, else by the last name alone. */
  readonly anchored: boolean
}

/** Whether this path (relative, without slashes at its ends) is left out. */
export type Excludes = (path: string, isDirectory: boolean) => boolean

/** Why a pattern cannot be used, as a code of domain/problem.ts; null when it can. */
export function patternError(pattern: string): 'control_characters' | 'exclude_invalid' | null {
  if (/\p{Cc}/u.test(pattern)) return 'control_characters'
  return compile(pattern) === null ? 'exclude_invalid' : null
}

/** All patterns as one question. Those that {@link patternError} refuses match nothing. */
export function excludesOf(patterns: readonly string[]): Excludes {
  const compiled = patterns.map(compile).filter((pattern) => pattern !== null)
  if (compiled.length === 0) return () => false
  return (path, isDirectory) => {
    const steps = path.split('/')
    return compiled.some((pattern) => matches(pattern, steps, isDirectory))
  }
}

function matches(pattern: Pattern, steps: readonly string[], isDirectory: boolean): boolean {
  if (pattern.directoriesOnly && !isDirectory) return false
  return matchSequence(
    pattern.segments,
    pattern.anchored ? steps : steps.slice(-1),
    matchSegment,
    (s) => s === '**',
  )
}

function matchSegment(segment: Segment, step: string): boolean {
  return segment !== '**' && matchSequence(segment, step.split(''), matchByte, (piece) => piece.is === 'star')
}

function matchByte(piece: Piece, byte: string): boolean {
  if (piece.is === 'byte') return piece.byte === byte
  return piece.is === 'any' || (piece.is === 'set' && piece.bytes.has(byte) !== piece.negated)
}

/** Wildcard matching without recursion: only the last star is ever tried again, so it takes at most n × m steps. */
function matchSequence<P, T>(
  pattern: readonly P[],
  given: readonly T[],
  one: (piece: P, item: T) => boolean,
  isStar: (piece: P) => boolean,
): boolean {
  let p = 0
  let g = 0
  let star = -1
  let restart = 0
  while (g < given.length) {
    const piece = pattern[p]
    const item = given[g]
    if (piece !== undefined && isStar(piece)) {
      star = p
      restart = g
      p += 1
    } else if (piece !== undefined && item !== undefined && one(piece, item)) {
      p += 1
      g += 1
    } else if (star !== -1) {
      restart += 1
      p = star + 1
      g = restart
    } else return false
  }
  return pattern.slice(p).every(isStar)
}

function compile(pattern: string): Pattern | null {
  const bytes = Buffer.from(pattern, 'utf8').toString('latin1')
  const body = bytes.replace(/^\/+/, '').replace(/\/+$/, '')
  if (body === '' || bytes.startsWith('!')) return null
  const steps = body.split(/\/+/)
  if (steps.some((step) => step === '.' || step === '..')) return null
  const segments: Segment[] = []
  for (const step of steps) {
    const segment = step === '**' ? '**' : pieces(step)
    if (segment === null) return null
    segments.push(segment)
  }
  // `a/**` is everything inside a, not a itself: at least one more name.
  if (segments.length > 1 && segments.at(-1) === '**') segments.push([{ is: 'star' }])
  const anchored = steps.length > 1 || bytes.startsWith('/')
  return { segments, directoriesOnly: bytes.endsWith('/'), anchored }
}

function pieces(step: string): Piece[] | null {
  const found: Piece[] = []
  for (let i = 0; i < step.length; i += 1) {
    const byte = step.charAt(i)
    if (byte === '*') {
      if (found.at(-1)?.is !== 'star') found.push({ is: 'star' })
    } else if (byte === '?') found.push({ is: 'any' })
    else if (byte === '\\') {
      i += 1
      if (i === step.length) return null
      found.push({ is: 'byte', byte: step.charAt(i) })
    } else if (byte === '[') {
      const end = step.indexOf(']', step.charAt(i + 1) === '!' ? i + 3 : i + 2)
      const set = end === -1 ? null : setOf(step.slice(i + 1, end))
      if (set === null) return null
      found.push(set)
      i = end
    } else found.push({ is: 'byte', byte })
  }
  return found
}

function setOf(text: string): Piece | null {
  const negated = text.startsWith('!')
  const members = negated ? text.slice(1) : text
  // A letter beyond ASCII is several bytes: a set of single bytes could not hold it.
  if (!/^[\x20-\x7e]+$/.test(members)) return null
  const bytes = new Set<string>()
  for (let i = 0; i < members.length; i += 1) {
    const first = members.charCodeAt(i)
    const isRange = members.charAt(i + 1) === '-' && i + 2 < members.length
    const last = isRange ? members.charCodeAt(i + 2) : first
    if (last < first) return null
    for (let code = first; code <= last; code += 1) bytes.add(String.fromCharCode(code))
    if (isRange) i += 2
  }
  return { is: 'set', bytes, negated }
}
