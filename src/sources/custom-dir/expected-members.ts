// Holds what tar wrote against what it was told to write, member by member: a tar that quietly lost something is no backup.
import type { TarMember } from '../../archive/tar-scanner.ts'

export interface Expected {
  /** Members in the order of the tar; null, or why this one must not be there. */
  member(member: TarMember): string | null
  /** Once tar has ended: names it was given that are not in the tar, and whether the directory itself is one. */
  finish(): { readonly missing: number; readonly selfMissing: boolean }
}

/** `names` as tar was given them (`./…`), all to be found below `folder`; `self` is the directory's own name. */
export function expectMembers(names: Iterator<string, undefined>, folder: string, self: string): Expected {
  let missing = 0
  let selfMissing = false
  let link: string | null = null
  const skip = (name: string): void => {
    missing += 1
    if (name === self) selfMissing = true
  }
  return {
    member: ({ name, type }) => {
      const found = name.toString('latin1').replace(/\/$/, '')
      // Directories come before what is in them. Something behind a link: the tree was changed to lead us elsewhere.
      if (link !== null && found.startsWith(`${link}/`)) return 'a member behind a symbolic link'
      link = type === '2' ? found : null
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

/** What `tar-command.ts` has tar make of a name. */
function memberName(name: string, folder: string): string {
  return `${folder}${name.slice(1).replace(/\/\.$/, '')}`
}
