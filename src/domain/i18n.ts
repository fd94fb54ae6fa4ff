// Turns a message key and facts into a sentence. Dictionaries: `locales/<language>.ts`, one file a language.

/** `one`/`other` are chosen by the fact `count`, with the language's own plural rules. */
export type Message = string | { readonly one: string; readonly other: string }
export type Dictionary<Key extends string = string> = Readonly<Record<Key, Message>>

/**
 * The text of a message with `{name}` blanks filled from facts.
 * A missing fact leaves the blank visible, so that tests see it.
 * @example format({ one: '{count} archive', other: '{count} archives' }, { count: 2 }, 'en') // '2 archives'
 */
export function format(
  message: Message,
  facts: Readonly<Record<string, string | number | undefined>>,
  language: string,
): string {
  const text =
    typeof message === 'string'
      ? message
      : message[
          new Intl.PluralRules(language).select(Number(facts['count'] ?? 0)) === 'one' ? 'one' : 'other'
        ]
  return text.replaceAll(/\{(\w+)\}/g, (blank, name: string) => {
    const value = facts[name]
    return value === undefined ? blank : String(value)
  })
}
