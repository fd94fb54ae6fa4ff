// A dump names its own database in few places: where a column takes its default from a sequence, and in views whose
// definer is unknown or that call functions and sequences. This file puts another name there while the dump is read.

/** Longer lines are rows, which are never changed. */
const longestCode = 256 * 1024

/** Lines of `CREATE TABLE` that are columns, with their defaults by a sequence of `from` changed to one of `to`. */
export function withOtherSequences(
  dump: AsyncIterable<Buffer>,
  from: string,
  to: string,
): AsyncIterable<Buffer> {
  const [old, fresh] = [`val(${quotedBytes(from)}.`, `val(${quotedBytes(to)}.`]
  return mappedLines(dump, old, (line) => (line.startsWith('  `') ? line.replaceAll(old, fresh) : line))
}

/** Says whose a program is: an account, or a role. */
const definer = 'DEFINER=`(?:[^`]|``)*`(?:@`(?:[^`]|``)*`)?'
const whose = new RegExp(`^(CREATE |/\\*!50003 CREATE\\*/ )(?:${definer}|/\\*!50017 ${definer}\\*/) `)
const whoseView = new RegExp(`^/\\*!50013 ${definer} `)

/**
 * Programs and views for a scratch database: they belong to whoever loads them. Nobody may make something there that
 * acts with the rights of another.
 */
export function withoutDefiners(dump: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  return mappedLines(dump, 'DEFINER=', (line) => line.replace(whose, '$1').replace(whoseView, '/*!50013 '))
}

/** Programs whose database had another collation when they were made name it, to change that for a moment. */
export function withOtherCollated(
  dump: AsyncIterable<Buffer>,
  from: string,
  to: string,
): AsyncIterable<Buffer> {
  const [old, fresh] = [
    `ALTER DATABASE ${quotedBytes(from)} CHARACTER SET `,
    `ALTER DATABASE ${quotedBytes(to)} CHARACTER SET `,
  ]
  return mappedLines(dump, old, (line) =>
    line.startsWith(old) && /^\w+ COLLATE \w+ ;$/.test(line.slice(old.length))
      ? fresh + line.slice(old.length)
      : line,
  )
}

/** Definitions of views, with what they name by `from` named by `to`. */
export function withOtherDatabase(
  dump: AsyncIterable<Buffer>,
  from: string,
  to: string,
): AsyncIterable<Buffer> {
  const needle = `${quotedBytes(from)}.`
  return mappedLines(dump, needle, (line) =>
    line.startsWith('/*!50001 VIEW ') ? renamedView(line, from, to) : line,
  )
}

/** Passes a part of a dump through. Ends with an error when it is not whole, so that no server takes a piece for all. */
export async function* wholeOnly(
  dump: AsyncIterable<Buffer>,
  isWhole: (tail: string) => boolean,
  broken: () => Error,
): AsyncGenerator<Buffer> {
  let tail: Buffer = Buffer.alloc(0)
  for await (const chunk of dump) {
    tail = Buffer.concat([tail, chunk.subarray(-tailSize)]).subarray(-tailSize)
    yield chunk
  }
  if (!isWhole(tail.toString('latin1'))) throw broken()
}
const tailSize = 256

/** A name as the bytes in a dump, as latin1. */
function quotedBytes(name: string): string {
  return Buffer.from(`\`${name.replaceAll('`', '``')}\``, 'utf8').toString('latin1')
}

/** Changes whole lines (latin1, without their newline) that hold the needle; everything else goes through as it is. */
async function* mappedLines(
  bytes: AsyncIterable<Buffer>,
  needle: string,
  map: (line: string) => string,
): AsyncGenerator<Buffer> {
  const wanted = Buffer.from(needle, 'latin1')
  let kept: Buffer = Buffer.alloc(0)
  /** In the middle of a line that is too long to be changed. */
  let inRow = false
  for await (const chunk of bytes) {
    const data = kept.length === 0 ? chunk : Buffer.concat([kept, chunk])
    const end = data.lastIndexOf(0x0a) + 1
    if (end === 0) {
      if (inRow || data.length > longestCode) {
        inRow = true
        kept = Buffer.alloc(0)
        yield data
      } else kept = data
      continue
    }
    const first = inRow ? data.indexOf(0x0a) + 1 : 0
    inRow = false
    if (first > 0) yield data.subarray(0, first)
    const lines = data.subarray(first, end)
    if (lines.length > 0) yield lines.includes(wanted) ? mapped(lines, map) : lines
    kept = data.subarray(end)
  }
  if (kept.length > 0) yield inRow ? kept : mapped(kept, map)
}

function mapped(lines: Buffer, map: (line: string) => string): Buffer {
  return Buffer.from(lines.toString('latin1').split('\n').map(map).join('\n'), 'latin1')
}

const viewToken = /`((?:[^`]|``)*)`|'(?:[^'\\]|''|\\[\s\S])*'|[\s\S]/gy

/**
 * A database stands before a table and its column (three names), before a function (a bracket follows), or in the
 * brackets of a sequence's function. Two names alone are a table and a column, and the table may have the same name.
 */
function renamedView(line: string, from: string, to: string): string {
  const tokens = line.match(viewToken) ?? []
  const [old, fresh] = [quotedBytes(from), quotedBytes(to)]
  const isName = (index: number): boolean =>
    tokens[index]?.startsWith('`') === true && tokens[index].length > 1
  return tokens
    .map((token, i) => {
      if (token !== old || tokens[i + 1] !== '.' || !isName(i + 2) || tokens[i - 1] === '.') return token
      const three = tokens[i + 3] === '.' && isName(i + 4)
      const called = tokens[i + 3] === '('
      const sequence = tokens.slice(Math.max(0, i - 4), i).join('') === 'val('
      return three || called || sequence ? fresh : token
    })
    .join('')
}
