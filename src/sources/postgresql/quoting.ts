// How names and values are written for PostgreSQL's programs, so that none of them is ever taken for something else.

/** A parameter of a connection string: a database may be called `host=evil` or `postgresql://evil`. */
export function conninfo(key: string, value: string): string {
  return `${key}='${value.replaceAll(/[\\']/g, String.raw`\$&`)}'`
}

/** A name in SQL. */
export function identifier(name: string): string {
  return quoted(name, '"')
}

/** A text in SQL. Needs `standard_conforming_strings`. */
export function literal(text: string): string {
  return quoted(text, "'")
}

/** Backslashes, which are commands to psql, and what would end the line are written by their numbers. */
function quoted(text: string, mark: '"' | "'"): string {
  const odd = /[\\\p{Cc}]/u.test(text)
  const plain = odd
    ? text.replaceAll(/[!\\\p{Cc}]/gu, (one) => `!${one.charCodeAt(0).toString(16).padStart(4, '0')}`)
    : text
  const inMarks = `${mark}${plain.replaceAll(mark, mark + mark)}${mark}`
  return odd ? `U&${inMarks} UESCAPE '!'` : inMarks
}

/** Statements as the body of an anonymous block. */
export function anonymousBlock(body: string): string {
  let tag = '$bm$'
  for (let i = 1; body.includes(tag); i += 1) tag = `$bm${i}$`
  return `DO ${tag}\n${body}\n${tag};\n`
}

/** The one line of a password file: this password for whatever is asked. */
export function passwordLine(password: string): string {
  return `*:*:*:*:${password.replaceAll(/[\\:]/g, String.raw`\$&`)}\n`
}

/** Name of the dump's file: what is not plain becomes `_`. */
export function dumpName(database: string): string {
  return `${database.replaceAll(/[^A-Za-z0-9_.-]/g, '_')}.dump`
}
