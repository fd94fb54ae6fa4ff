// Which addresses are counted as one: whoever has an IPv6 address has all those of its network.
import { isIP } from 'node:net'

/** IPv4 as it is, IPv6 by its first 64 bits, anything else as it is. An IPv4 address in IPv6 form is the IPv4 address. */
export function addressGroup(address: string): string {
  const plain = address.replace(/%.*$/, '')
  if (isIP(plain) !== 6) return plain.slice(0, 64)
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(plain)
  if (mapped?.[1] !== undefined) return mapped[1]
  // The last four groups may be written as an IPv4 address, which stands for two of them.
  const groups = plain.replace(/\d+\.\d+\.\d+\.\d+$/, '0:0')
  const [head = '', tail] = groups.split('::')
  const first = head === '' ? [] : head.split(':')
  const last = tail === undefined || tail === '' ? [] : tail.split(':')
  const middle = tail === undefined ? [] : Array.from({ length: 8 - first.length - last.length }, () => '0')
  const network = [...first, ...middle, ...last].slice(0, 4)
  return `${network.map((group) => Number.parseInt(group, 16).toString(16)).join(':')}::/64`
}
