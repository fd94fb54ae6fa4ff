// The switches of language and theme in the frame: plain forms that lead back to where they were pressed.
import { setCookie } from 'hono/cookie'
import { isLanguage } from '../../i18n.ts'
import { cookieOptions } from '../../cookies.ts'
import type { MountPage } from '../../page.ts'
import { languageCookie, themeCookie, themeNamed } from './choice.ts'

const year = 365 * 86_400

export const mountPreferences: MountPage = (app, { config }) => {
  app.post('/preferences', (c) => {
    const form = c.get('form')
    const options = { ...cookieOptions(config), maxAge: year }
    const language = form.get('language') ?? ''
    const theme = themeNamed(form.get('theme'))
    if (isLanguage(language)) setCookie(c, languageCookie, language, options)
    if (theme !== null) setCookie(c, themeCookie, theme, options)
    return c.redirect(`${config.basePath}${localPath(form.get('back'))}`, 303)
  })
}

/** The path when it stays on this dashboard, else its home: `//host`, `/\\host` and control characters lead away. */
export function localPath(path: string | null): string {
  if (path === null || !/^\/(?![/\\])[^\\\p{Cc}]*$/u.test(path)) return '/'
  return path
}
