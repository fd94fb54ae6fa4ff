// Paths inside an archive as the addresses carry them: bytes in base64url, because a name need not be UTF-8. Pure.

export interface Step {
  /** As it is shown; bytes that are no UTF-8 show as U+FFFD. */
  readonly name: string
  readonly key: string
}

/** The directories from the top to the one of this key, which comes last; nothing for the top itself. */
export function stepsTo(key: string): readonly Step[] {
  const bytes = Buffer.from(key, 'base64url')
  const steps: Step[] = []
  for (let from = 0; from < bytes.length;) {
    const slash = bytes.indexOf(0x2f, from)
    const to = slash === -1 ? bytes.length : slash
    if (to > from) {
      steps.push({
        name: bytes.toString('utf8', from, to),
        key: bytes.subarray(0, to).toString('base64url'),
      })
    }
    from = to + 1
  }
  return steps
}

/** True for a text that a key can be: what else comes in an address is no path. */
export function isKey(text: string): boolean {
  return /^[\w-]*$/.test(text) && text.length <= 16_384
}
