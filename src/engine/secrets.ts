// Secrets of a job's settings: encrypted in the database, in clear only on their way to the helper.
import { Problem } from '../domain/problem.ts'
import type { AnySource } from '../sources/source.ts'
import { VaultError, type Vault } from '../sys/vault.ts'

export type Config = Readonly<Record<string, unknown>>

/** Where secrets of a job belong. */
export function jobPlace(uid: string): string {
  return `job/${uid}`
}

/** Where secrets of a restore belong. */
export function restorePlace(operation: string): string {
  return `restore/${operation}`
}

/** Where a secret is stored; it opens only there. */
function place(owner: string, key: string): string {
  return `${owner}/${key}`
}

/** Settings with their secrets encrypted, fit for the database. */
export function sealConfig(vault: Vault, source: AnySource, owner: string, config: Config): Config {
  return mapSecrets(source, config, (key, value) => vault.seal(value, place(owner, key)))
}

/** Settings with their secrets in clear. `secret_unreadable` names the setting when the key is another one. */
export function openConfig(vault: Vault, source: AnySource, owner: string, config: Config): Config {
  return mapSecrets(source, config, (key, value) => {
    try {
      return vault.open(value, place(owner, key))
    } catch (error) {
      if (error instanceof VaultError)
        throw new Problem('secret_unreadable', { setting: key }, { cause: error })
      throw error
    }
  })
}

/**
 * What an admin gave, completed by what is stored: an absent secret stays as it is, an empty one is forgotten. The
 * result is in clear. `stored` is null for a new job, and for one whose type changes.
 */
export function completeSecrets(source: AnySource, given: Config, stored: () => Config | null): Config {
  const config: Record<string, unknown> = { ...given }
  for (const key of source.secrets) {
    if (config[key] === '') delete config[key]
    else if (config[key] === undefined) {
      const kept = stored()?.[key]
      if (kept !== undefined) config[key] = kept
    }
  }
  return config
}

/** Settings without their secrets: what may be shown. */
export function withoutSecrets(source: AnySource, config: Config): Config {
  return Object.fromEntries(Object.entries(config).filter(([key]) => !source.secrets.includes(key)))
}

/** Replaces the secrets wherever a program printed them. Very short ones would blacken everything. */
export function redactor(source: AnySource, config: Config): (text: string) => string {
  const secrets = source.secrets
    .map((key) => config[key])
    .filter((value): value is string => typeof value === 'string' && value.length >= 4)
  return (text) => secrets.reduce((clean, secret) => clean.replaceAll(secret, '[secret]'), text)
}

function mapSecrets(
  source: AnySource,
  config: Config,
  change: (key: string, value: string) => string,
): Config {
  const changed: Record<string, unknown> = { ...config }
  for (const key of source.secrets) {
    const value = changed[key]
    if (typeof value === 'string') changed[key] = change(key, value)
  }
  return changed
}
