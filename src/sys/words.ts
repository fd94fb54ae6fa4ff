// A command given in one variable: its words, and the way back.

/** Words between blanks; quotes, single or double, keep blanks together. No other character is special. */
export function words(text: string): string[] {
  return [...text.matchAll(/(?:[^\s'"]|'[^']*'|"[^"]*"|['"])+/g)].map(([word]) =>
    word.replaceAll(
      /'([^']*)'|"([^"]*)"/g,
      (_all, single?: string, double?: string) => single ?? double ?? '',
    ),
  )
}

/** The text that {@link words} splits into these words. A word must not hold both kinds of quotes. */
export function joinWords(list: readonly string[]): string {
  return list
    .map((word) => (/^[^\s'"]+$/.test(word) ? word : word.includes("'") ? `"${word}"` : `'${word}'`))
    .join(' ')
}
