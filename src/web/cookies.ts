// How the dashboard's cookies are set: never readable by scripts, never sent by another site's request.
import type { Config } from '../config.ts'

/** Options common to every cookie; `secure` where the dashboard is reached by https. */
export function cookieOptions(config: Config) {
  return {
    path: config.basePath === '' ? '/' : config.basePath,
    httpOnly: true,
    sameSite: 'Lax',
    secure: config.publicUrl.startsWith('https:'),
  } as const
}
