// The one range that a request for a part of a file asks for (RFC 9110 §14). Pure.

export interface ByteRange {
  readonly offset: number
  readonly length: number
}

/**
 * `whole`: no range was asked for, or one that need not be answered (several at once, another unit, not understood).
 * `unsatisfiable`: it lies behind the end.
 */
export type Asked = 'whole' | 'unsatisfiable' | ByteRange

/** Reads the header `Range` for a file of `size` bytes. */
export function rangeOf(header: string | undefined, size: number): Asked {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/i.exec((header ?? '').replaceAll(/\s/g, ''))
  if (match === null) return 'whole'
  const [, first = '', last = ''] = match
  if (first === '') {
    if (last === '') return 'whole'
    // The last so many bytes.
    const length = Math.min(Number(last), size)
    return length === 0 ? 'unsatisfiable' : { offset: size - length, length }
  }
  const offset = Number(first)
  const end = last === '' ? size - 1 : Number(last)
  if (end < offset && last !== '') return 'whole'
  if (offset >= size) return 'unsatisfiable'
  return { offset, length: Math.min(end, size - 1) - offset + 1 }
}

/** Whether what the browser has already is a part of the same file: no condition, or exactly our tag. */
export function sameFile(ifRange: string | undefined, tag: string): boolean {
  return ifRange === undefined || ifRange.trim() === tag
}
