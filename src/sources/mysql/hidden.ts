// Finds text that server and client read differently. The client ends a statement at a delimiter outside of quotes and
// comments, as it understands them; where the server sees a comment or a quote that the client does not, whoever wrote a
// routine could have statements of his own executed by whoever loads the dump.

/** Rows begin so; more of them may follow in lines of their own, in brackets. Newlines inside of rows are escaped. */
const rowStart = Buffer.from('INSERT INTO ', 'latin1')
/** Longer lines are looked at piece by piece. */
const overlap = 128

/**
 * Two dashes begin a comment for the client when white space follows; for the server also when a control character does,
 * or what is one, or is white space, in the character set of the one who wrote the routine.
 */
// oxlint-disable-next-line no-control-regex -- these are what is looked for
const dashes = /--[\x01-\x08\x0e-\x1f\x7f-\xc1\xca\xf5-\xff]/
/** In these a backslash or a quote can be the second half of a character. The client reads it as UTF-8. */
const doubles = /character_set_client\s*=\s*'?(?:big5|cp932|gbk|gb18030|sjis)\b/i
const program =
  /^(?:\/\*!\d+ )?CREATE\b.*?\b(PROCEDURE|FUNCTION|TRIGGER|EVENT|PACKAGE BODY|PACKAGE) `((?:[^`]|``)+)`/

export interface HiddenScan {
  /** Takes the next piece. What is wrong, in English, with the name of the program where there is one; empty for nothing. */
  push(chunk: Buffer): string
}

/** For one part of a dump. `rows`: it is the part with the rows, which may hold anything. Memory is bounded. */
export function hiddenScan(rows: boolean): HiddenScan {
  let kind: 'new' | 'row' | 'code' = 'new'
  let kept: Buffer = Buffer.alloc(0)
  let inside = ''
  let afterRow = false

  const look = (text: string): string => {
    if (kind === 'new') {
      const [, what, name] = program.exec(text) ?? []
      if (what !== undefined && name !== undefined)
        inside = `${what} ${Buffer.from(name, 'latin1').toString('utf8')}: `
    }
    if (dashes.test(text)) return `${inside}a control character behind "--"`
    return doubles.test(text) ? `${inside}a character set that the client cannot read` : ''
  }
  const pushLine = (piece: Buffer, ends: boolean): string => {
    if (kind !== 'row') {
      const text = Buffer.concat([kept, piece])
      if (kind === 'new' && !ends && text.length < rowStart.length) {
        kept = text
        return ''
      }
      if (kind === 'new' && rows && isRow(text, afterRow)) kind = 'row'
      else {
        const fault = look(text.toString('latin1'))
        if (fault !== '') return fault
        kind = 'code'
        kept = text.subarray(-overlap)
      }
    }
    if (ends) {
      afterRow = kind === 'row'
      kind = 'new'
      kept = Buffer.alloc(0)
    } else if (kind === 'row') kept = Buffer.alloc(0)
    return ''
  }

  return {
    push: (chunk) => {
      for (let at = 0; at < chunk.length;) {
        const newline = chunk.indexOf(0x0a, at)
        const end = newline === -1 ? chunk.length : newline + 1
        const fault = pushLine(chunk.subarray(at, end), newline !== -1)
        if (fault !== '') return fault
        at = end
      }
      return ''
    },
  }
}

function isRow(line: Buffer, afterRow: boolean): boolean {
  return line.subarray(0, rowStart.length).equals(rowStart) || (afterRow && line[0] === 0x28)
}

/** Passes a part of a dump through; ends with an error before the piece that hides something. */
export async function* nothingHidden(
  dump: AsyncIterable<Buffer>,
  rows: boolean,
  unsafe: (detail: string) => Error,
): AsyncGenerator<Buffer> {
  const scan = hiddenScan(rows)
  for await (const chunk of dump) {
    const fault = scan.push(chunk)
    if (fault !== '') throw unsafe(fault)
    yield chunk
  }
}
