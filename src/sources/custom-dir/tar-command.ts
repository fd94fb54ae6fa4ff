// How GNU tar is called: everything it could be clever about is said explicitly. Tried with 1.34 and 1.35.
import type { Part } from '../../archive/format.ts'

/**
 * Members come from `listFile` (names relative to `/` that begin with `./`, separated by NUL) and go to stdout. `apart`: what
 * has several names becomes a member of its own for each of them, not one member and hard links to it.
 */
export function tarArguments(
  listFile: string,
  part: Part,
  { apart = false }: { readonly apart?: boolean } = {},
): string[] {
  return [
    '--create',
    '--format=posix',
    // Without the process id in the names of headers, and without times that change by being looked at.
    '--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime',
    '--sparse',
    ...(apart ? ['--hard-dereference'] : []),
    '--xattrs',
    '--xattrs-include=*',
    // ACLs are stored by --acls, with the names of users; a second copy with numbers could contradict it.
    '--xattrs-exclude=system.posix_acl_*',
    '--acls',
    '--no-recursion',
    '--quoting-style=escape',
    // 128 KiB at a time: less system time than tar's default, and still within the processor's cache.
    '--blocking-factor=256',
    // r: members, h: hard links' targets; S: a symbolic link's target is nobody's business.
    `--transform=flags=rhS;s,^\\./,${part.folder}/,;s,/\\.$,,`,
    '--directory=/',
    '--null',
    '--no-unquote',
    '--verbatim-files-from',
    `--files-from=${listFile}`,
  ]
}

/** Messages are read by `tar-messages.ts`: untranslated. Names are bytes in this locale. */
export const tarEnvironment = { LC_ALL: 'C' } as const
