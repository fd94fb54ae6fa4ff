// What is in an archive, as pages and the command line see it.

export const memberKinds = ['file', 'directory', 'link', 'hardlink', 'fifo', 'device'] as const
export type MemberKind = (typeof memberKinds)[number]

/** A file or directory of an archive. Directories that have no member of their own are there too, with what is below them. */
export interface ContentsEntry {
  /** The path in the archive as bytes, base64url: for addresses and forms. */
  readonly key: string
  /** The whole path in the archive; bytes that are no UTF-8 show as U+FFFD. */
  readonly path: string
  /** Its last part. */
  readonly name: string
  readonly kind: MemberKind
  /** Bytes once unpacked; of a directory: of everything below it. */
  readonly sizeBytes: number
  /** Files below a directory, 1 for anything else. */
  readonly files: number
  /** Epoch milliseconds, null for a directory without a member. */
  readonly modifiedAt: number | null
  /** As in `ls -l`: four octal digits. */
  readonly mode: string | null
  readonly owner: string | null
  readonly group: string | null
  readonly linkTarget: string | null
}

/** One page of a directory, or of what a search found. Directories first, then by name. */
export type ContentsPage =
  | {
      readonly state: 'ready'
      readonly entries: readonly ContentsEntry[]
      /** Give it as `after` for the next page; null on the last one. */
      readonly next: string | null
      /** Entries of all pages. */
      readonly total: number
    }
  /** The index is being made: it is done once per archive. */
  | {
      readonly state: 'building'
      readonly members: number
      readonly done: number
      readonly totalBytes: number
    }

/** A difference between an archive and the directory as it is now. */
export interface ContentsChange {
  readonly path: string
  /** `added`: only in the directory. `removed`: only in the archive. */
  readonly change: 'added' | 'removed' | 'changed'
  /** What differs: `content`, `size`, `mtime`, `mode`, `owner`, `kind`, `link`. */
  readonly what: readonly string[]
}
export interface Comparison {
  /** Where the directory is that was compared. */
  readonly against: string
  readonly same: number
  readonly added: number
  readonly removed: number
  readonly changed: number
  /** At most 10,000. */
  readonly changes: readonly ContentsChange[]
}
