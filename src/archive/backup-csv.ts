// YunoHost's list of what went where: `backup.csv`, as Python's csv module writes it.

/** One line per pair: where it was on the machine, and its path in the tar. */
export function backupCsv(rows: readonly (readonly [source: string, destination: string])[]): Buffer {
  return Buffer.from(rows.map((row) => `${row.map(quoted).join(',')}\r\n`).join(''), 'utf8')
}

function quoted(field: string): string {
  return `"${field.replaceAll('"', '""')}"`
}
