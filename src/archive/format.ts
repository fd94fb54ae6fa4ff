// The archive format of product.md §4: names of files and members, and the order of members in a tar that we write:
//   info.json · backup.csv · hooks/restore/<hook> · directories, recipe and payload below the part's folder ·
//   backup_info.json · end.
export const infoMember = 'info.json'
export const csvMember = 'backup.csv'
/** Always the last member, so that it can be found from the end of the file and can vouch for all before it. */
export const backupInfoMember = 'backup_info.json'

export const blockSize = 512
/** Tars are padded to whole records, as YunoHost's own are. */
export const recordSize = 10_240
/** Keeps `backup_info.json` within what a reader is ready to fetch from the end of a tar. */
export const backupInfoMaxBytes = 2 * 1024 * 1024

/** A kind of payload, as YunoHost sees it: `part` with `_` for `/` is the folder that it extracts for that part. */
export interface Part {
  readonly part: string
  /** Base name of the backup hook and of the restore hook: they must be equal. */
  readonly hook: string
  /** Folder of the payload in the tar, without a slash at its end. */
  readonly folder: string
}

export const customPart: Part = { part: 'data_custom', hook: '95-data_custom', folder: 'data/custom' }
export const mysqlPart: Part = { part: 'data_mysql', hook: '80-data_mysql', folder: 'data/mysql' }
export const postgresqlPart: Part = {
  part: 'data_postgresql',
  hook: '81-data_postgresql',
  folder: 'data/postgresql',
}
/** Parts that our own archives have. */
export const ownParts: readonly Part[] = [customPart, mysqlPart, postgresqlPart]

/** Folder below a part's folder with what a restore must know: one small file per fact, for bash as for us. */
export const recipeFolder = '.backupmanager'
/** Member of the embedded restore hook of a part. */
export function hookMember(part: Part): string {
  return `hooks/restore/${part.hook}`
}
/**
 * Version of the layout of our own archives, in `backup_info.json` (`format`) and in the recipe's file `format`. A reader
 * refuses a higher one; archives without the number are of version 1, which had no recipe folder and no hook.
 */
export const formatVersion = 2

/** The files of one archive, as paths. */
export interface ArchivePaths {
  readonly tar: string
  readonly gzip: string
  readonly sidecar: string
  readonly backupInfo: string
  /** The tar while it is being written. YunoHost and retention see neither this nor {@link ArchivePaths.list}. */
  readonly partial: string
  /** An upload on its way to its name: a second name of the upload's own file, or a copy of it. */
  readonly received: string
  /** Empty; there while an upload or a fetched archive is put in place. */
  readonly lock: string
  /** Empty; there while `yunohost backup create` writes NAME.tar under its final name. */
  readonly marker: string
  /** Names of the files that go into the tar, separated by NUL. */
  readonly list: string
  /** The same for symbolic links that have several names; nearly never there. */
  readonly links: string
}

/** Where the files of the archive `name` stand. */
export function archivePaths(archivesDir: string, name: string): ArchivePaths {
  return {
    tar: `${archivesDir}/${name}.tar`,
    gzip: `${archivesDir}/${name}.tar.gz`,
    sidecar: `${archivesDir}/${name}.info.json`,
    backupInfo: `${archivesDir}/${name}.backup_info.json`,
    partial: `${archivesDir}/.${name}.tar.partial`,
    received: `${archivesDir}/.${name}.received.partial`,
    lock: `${archivesDir}/.${name}.lock.partial`,
    marker: `${archivesDir}/.${name}.yunohost.partial`,
    list: `${archivesDir}/.${name}.list.partial`,
    links: `${archivesDir}/.${name}.links.partial`,
  }
}

const partialFile =
  /^\.(.+?)\.(?:tar|received|lock|list|links|yunohost|(?:backup_)?info\.json\.[0-9a-f]{12})\.partial$/s

/** The archive that a file in progress belongs to, null for any other file. */
export function archiveOfPartial(file: string): string | null {
  return partialFile.exec(file)?.[1] ?? null
}

/** `NAME` of `NAME.tar` or `NAME.tar.gz`; null for hidden files and everything else. */
export function archiveOfTar(file: string): string | null {
  if (file.startsWith('.')) return null
  const end = file.endsWith('.tar') ? 4 : file.endsWith('.tar.gz') ? 7 : 0
  return end === 0 || file.length === end ? null : file.slice(0, -end)
}
