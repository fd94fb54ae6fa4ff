// Takes places on this machine out of a text that leaves it. Pure.

/**
 * The text without absolute paths outside `archivesDir`, each replaced by `…`. Paths inside it, addresses (`https://…`),
 * paths of the API and relative paths stay. A text that begins with a path and goes on with words loses only the path,
 * except that a path with spaces may take a few words with it: too much is cut rather than too little.
 */
export function withoutPaths(text: string, archivesDir: string): string {
  return text
    .replaceAll(quoted, (whole, open: string, path: string, close: string) =>
      inside(path, archivesDir) ? whole : `${open}…${close}`,
    )
    .replaceAll(bare, (path) => (inside(path.replace(/[.:]+$/, ''), archivesDir) ? path : '…'))
}

/** In quotation marks a path may hold spaces. */
const quoted = /(["'`“‘«]\s?)(~?\/[^"'`”’»\n]*?)(\s?["'`”’»])/g
/**
 * Not after a letter, digit or dot (`and/or`, `data/x`, `./x`), not the slashes of an address. A space belongs to the path when
 * another slash comes before the next space.
 */
const bare =
  /(?<![\p{L}\p{N}_.\-/~:])(?:~\/|\/(?!\/))(?:[^\s"'`”’»,;()<>|]|[ ](?=[^\s"'`,;()<>|/]+\/))+|(?<=:)\/(?!\/)[^\s"'`”’»,;()<>|]+/gu

function inside(path: string, archivesDir: string): boolean {
  if (/(^|\/)\.\.(\/|$)/.test(path)) return false
  return path === archivesDir || path.startsWith(`${archivesDir}/`) || path.startsWith('/api/v1')
}
