// Holds what tar wrote against what it was told to write, member by member: a tar that quietly lost something is no backup.
import type { PathTable } from '../../archive/path-table.ts'
import type { TarMember } from '../../archive/tar-scanner.ts'

export interface Expected {
  /** Members in the order of the tar; null, or why this one must not be there. */
  member(member: TarMember): string | null
  /** Once tar has ended: names it was given that are not in the tar, and whether the directory itself is one. */
  finish(): { readonly missing: number; readonly selfMissing: boolean }
}

/**
 * `names` as tar was given them (`./…`), all to be found below `folder`; `self` is the directory's own name. `links` has the
 * symbolic links that are in the tar already, and gets those that come.
 */
export function expectMembers(
  names: Iterator<string, undefined>,
  folder: string,
  self: string,
  links: PathTable,
): Expected {
  let missing = 0
  let selfMissing = false
  let link: string | null = null
  const goesOn = links.size() > 0
  const skip = (name: string): void => {
    missing += 1
    if (name === self) selfMissing = true
  }
  return {
    member: ({ name, type, linkName }) => {
      const found = name.toString('latin1').replace(/\/$/, '')
      // Directories come before what is in them. Something behind a link: the tree was changed to lead us elsewhere.
      const isBehind = link !== null && found.startsWith(`${link}/`)
      // What tar wrote before may be elsewhere in the tree.
      if (isBehind || (goesOn && leadsThrough(links, found))) return 'a member behind a symbolic link'
      // It got its second name, or its inode's number, only now. YunoHost would give mode and time to what it leads to.
      if (type === '1' && links.get(linkName.toString('latin1')) !== undefined)
        return 'a hard link to a symbolic link'
      link = type === '2' ? found : null
      if (link !== null) links.set(link, 1)
      for (let next = names.next(); next.done !== true; next = names.next()) {
        if (memberName(next.value, folder) === found) return null
        skip(next.value)
      }
      return 'a member that was not asked for'
    },
    finish: () => {
      for (let next = names.next(); next.done !== true; next = names.next()) skip(next.value)
      return { missing, selfMissing }
    },
  }
}

function leadsThrough(links: PathTable, path: string): boolean {
  for (let at = path.indexOf('/'); at !== -1; at = path.indexOf('/', at + 1)) {
    if (links.get(path.slice(0, at)) !== undefined) return true
  }
  return false
}

/** What `tar-command.ts` has tar make of a name. */
function memberName(name: string, folder: string): string {
  return `${folder}${name.slice(1).replace(/\/\.$/, '')}`
}
