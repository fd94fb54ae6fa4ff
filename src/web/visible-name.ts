// Names that come from archives and disks may hold characters that cannot be seen, or turn the text around them.

// Joiners are part of emoji and of Persian words.
const hidden = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\u2028\u2029]/gu

/** The text with every such character spelled out, e.g. `a[U+000A]b`, so that two names never look the same by it. */
export function visibleName(text: string): string {
  return text.replaceAll(
    hidden,
    (c) => `[U+${(c.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}]`,
  )
}
