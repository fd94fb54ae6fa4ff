// Small stable hashes for names and spreading. Not for secrets; the results are stored in names, so never change them.

/** 32 bits of a text (FNV-1a over its UTF-16 units, then murmur3's finalizer), the same for ever. */
export function hash32(text: string, seed = 0): number {
  let h = (0x811c9dc5 ^ seed) >>> 0
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    h = Math.imul(h ^ (unit & 0xff), 0x01000193)
    h = Math.imul(h ^ (unit >>> 8), 0x01000193)
  }
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

/** Seven characters of [0-9a-z] (36 bits) that stand for a text in a name. */
export function shortHash(text: string): string {
  const bits = (BigInt(hash32(text)) << 32n) | BigInt(hash32(text, 0x9e3779b9))
  return (bits % 36n ** 7n).toString(36).padStart(7, '0')
}
