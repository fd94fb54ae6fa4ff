// What an instance is: shown under the settings, changed only by its environment.
import type { Config } from '../../../config.ts'
import type { T } from '../../i18n.ts'
import type { WebDeps } from '../../page.ts'

export interface Fact {
  readonly label: string
  readonly value: string
  /** Written as code. */
  readonly code: boolean
}

/** The instance's facts, in the page's words. */
export async function instanceFacts(
  { config, engine, instanceId, version }: WebDeps,
  t: T,
): Promise<readonly Fact[]> {
  const yunohost = await yunohostVersion(engine)
  return [
    fact(t('settings.fact.name'), config.instanceName),
    fact(t('settings.fact.id'), instanceId, true),
    fact(t('settings.fact.url'), config.publicUrl, true),
    fact(t('settings.fact.zone'), config.timeZone),
    fact(t('settings.fact.archives'), config.archivesDir, true),
    fact(t('settings.fact.data'), config.dataDir, true),
    fact(t('settings.fact.listen'), listener(config), true),
    fact(t('settings.fact.auth'), t(`settings.fact.auth.${config.auth}`)),
    fact(t('settings.fact.version'), version),
    fact(t('settings.fact.yunohost'), yunohost ?? t('settings.fact.no_yunohost')),
    fact(t('settings.fact.node'), process.version),
  ]
}

function fact(label: string, value: string, code = false): Fact {
  return { label, value, code }
}

/** Null also when nobody can say: the page is about other things. */
async function yunohostVersion(engine: WebDeps['engine']): Promise<string | null> {
  try {
    return await engine.yunohostVersion()
  } catch {
    // The home page tells when the helper does not answer.
    return null
  }
}

function listener({ listen }: Config): string {
  return listen.kind === 'unix' ? `unix:${listen.path}` : `${listen.host}:${listen.port}`
}
