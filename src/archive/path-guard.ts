// Which members of a tar must not be unpacked: those that would land, or lead, outside the folder they are unpacked into.
// The program that unpacks has guards of its own; this one looks before anything is written. Pure.
import type { TarMember } from './tar-scanner.ts'

export type UnsafeReason =
  | 'absolute'
  | 'climbs'
  | 'behind_link'
  | 'link_leads_out'
  | 'link_of_link'
  | 'name'
  | 'doubtful'
  | 'odd_type'

export interface Unsafe {
  /** As people read it. */
  readonly member: string
  readonly why: UnsafeReason
}

/** Files (also old sparse and contiguous ones), hard and symbolic links, devices, directories, fifos. */
const knownTypes = new Set(['0', '7', 'S', '1', '2', '3', '4', '5', '6'])
const nul = '\0'
/** Twice of what the system takes for a path. */
const longestPath = 8192

/**
 * A member's name as bytes in a latin1 text: the steps of its path, without empty ones and `.`, joined by single slashes.
 * Two names that mean the same place are the same text. Empty for the top itself.
 */
export function cleanName(name: Buffer): string {
  const text = name.toString('latin1')
  if (!/(?:^|\/)\.?(?:\/|$)/.test(text)) return text
  return text
    .split('/')
    .filter((step) => step !== '' && step !== '.')
    .join('/')
}

export interface GuardOptions {
  /**
   * Also for programs that follow links where they should not: Python's tarfile, and so YunoHost, writes through a symbolic
   * link when a file of the same name comes later, and gives the mode of a hard link to whatever a symbolic link behind it
   * leads to. GNU tar writes such hard links, and so did we once; YunoHost does not.
   */
  readonly strict?: boolean
}

/** Says why a member must not be unpacked; members come in the order of the tar, `name` as {@link cleanName} gives it. */
export function pathGuard({ strict = false }: GuardOptions = {}): (
  member: TarMember,
  name: string,
) => Unsafe | null {
  const links = new Set<string>()
  const leadsThroughLink = (path: string): boolean => {
    if (links.size === 0) return false
    for (let at = path.indexOf('/'); at !== -1; at = path.indexOf('/', at + 1)) {
      if (links.has(path.slice(0, at))) return true
    }
    return false
  }
  const whyNotThere = (raw: Buffer, name: string, type: string): UnsafeReason | null => {
    if (raw[0] === 0x2f) return 'absolute'
    if (climbs(name)) return 'climbs'
    if (name.includes(nul) || name.length > longestPath || (name === '' && type !== '5')) return 'name'
    return leadsThroughLink(name) || (strict && type !== '2' && links.has(name)) ? 'behind_link' : null
  }
  const whyNotLinked = (raw: Buffer): UnsafeReason | null => {
    const target = cleanName(raw)
    const out = raw[0] === 0x2f || climbs(target) || target === '' || target.includes(nul)
    if (out || leadsThroughLink(target)) return 'link_leads_out'
    return strict && links.has(target) ? 'link_of_link' : null
  }
  return (member, name) => {
    const others = member.otherNames.map((raw) => ({ raw, name: cleanName(raw) }))
    const all = [{ raw: member.name, name }, ...others]
    const why =
      (knownTypes.has(member.type) ? null : 'odd_type') ??
      (strict && member.doubtful ? 'doubtful' : null) ??
      firstOf(all, (one) => whyNotThere(one.raw, one.name, member.type)) ??
      (member.type === '1' ? whyNotLinked(member.linkName) : null)
    if (why !== null) return { member: member.name.toString('utf8'), why }
    // A hard link to a symbolic link is that link.
    const isLink = member.type === '2' || (member.type === '1' && links.has(cleanName(member.linkName)))
    for (const one of all) {
      if (isLink) links.add(one.name)
      else if (others.length === 0) links.delete(one.name)
    }
    return null
  }
}

function firstOf<T>(list: readonly T[], ask: (one: T) => UnsafeReason | null): UnsafeReason | null {
  for (const one of list) {
    const why = ask(one)
    if (why !== null) return why
  }
  return null
}

function climbs(path: string): boolean {
  return path === '..' || path.startsWith('../') || path.endsWith('/..') || path.includes('/../')
}
