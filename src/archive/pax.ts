// PAX extended headers: `LENGTH KEY=VALUE\n` records. Pure. Values are bytes: names need not be UTF-8.

/** The records, or null when they are malformed. Of equal keys the last one wins. */
export function readPax(data: Buffer): Map<string, Buffer> | null {
  const records = new Map<string, Buffer>()
  let at = 0
  while (at < data.length) {
    const space = data.indexOf(0x20, at)
    if (space === -1 || space - at > 10) return null
    const digits = data.toString('latin1', at, space)
    const length = /^[1-9][0-9]*$/.test(digits) ? Number(digits) : 0
    const end = at + length
    if (end <= space + 2 || end > data.length || data[end - 1] !== 0x0a) return null
    const equals = data.indexOf(0x3d, space + 1)
    if (equals <= space + 1 || equals >= end) return null
    records.set(data.toString('utf8', space + 1, equals), Buffer.from(data.subarray(equals + 1, end - 1)))
    at = end
  }
  return records
}

/** One record. The length counts itself, which is why it takes two looks. */
export function paxRecord(key: string, value: string | Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from('\n')])
  let length = rest.length + String(rest.length).length
  if (String(length).length > String(rest.length).length) length += 1
  return Buffer.concat([Buffer.from(String(length)), rest])
}

/** A whole number of bytes, null when it is none or beyond 2^53. */
export function paxNumber(value: Buffer): number | null {
  const text = value.toString('latin1')
  const number = Number(text)
  return /^[0-9]{1,16}$/.test(text) && Number.isSafeInteger(number) ? number : null
}

/** A time with a fraction, such as `1700000000.25` or `-1.5`, in nanoseconds; null when it is none. */
export function paxTime(value: Buffer | undefined): bigint | null {
  const found = /^(-?)([0-9]{1,15})(?:\.([0-9]*))?$/.exec(value?.toString('latin1') ?? '')
  if (!found) return null
  const [, sign, seconds = '0', fraction = ''] = found
  const ns = BigInt(seconds) * 1_000_000_000n + BigInt(fraction.slice(0, 9).padEnd(9, '0'))
  return sign === '-' ? -ns : ns
}
