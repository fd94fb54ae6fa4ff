// The language and theme that a browser has chosen, kept in two cookies.
import type { Context } from 'hono'
import { getCookie } from 'hono/cookie'
import { chooseLanguage, type Language } from '../../i18n.ts'
import { type Theme, themes, type WebEnv } from '../../page.ts'

export const languageCookie = 'bm_lang'
export const themeCookie = 'bm_theme'

/** The language to answer in. */
export function languageOf(c: Context<WebEnv>): Language {
  return chooseLanguage(getCookie(c, languageCookie), c.req.header('accept-language'))
}

/** The theme to answer with; `auto` follows the browser. */
export function themeOf(c: Context<WebEnv>): Theme {
  return themeNamed(getCookie(c, themeCookie)) ?? 'auto'
}

/** The theme of that name, null for another text. */
export function themeNamed(name: string | null | undefined): Theme | null {
  return themes.find((theme) => theme === name) ?? null
}
