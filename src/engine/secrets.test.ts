import { describe, expect, test } from 'vitest'
import type { AnySource } from '../sources/source.ts'
import { createVault } from '../sys/vault.ts'
import { temporaryFolder } from '../../test/support/temp.ts'
import { completeSecrets, jobPlace, openConfig, redactor, sealConfig, withoutSecrets } from './secrets.ts'

const source = { secrets: ['password'] } as unknown as AnySource
const config = { database: 'shop', password: 'correct horse' }

describe('secrets of settings', () => {
  test('are encrypted in the database and open only for the job they belong to', async () => {
    const vault = await createVault(await temporaryFolder())
    const sealed = sealConfig(vault, source, jobPlace('one'), config)
    expect(JSON.stringify(sealed)).not.toContain('correct horse')
    expect(sealed).toMatchObject({ database: 'shop' })
    expect(openConfig(vault, source, jobPlace('one'), sealed)).toEqual(config)
    expect(() => openConfig(vault, source, jobPlace('two'), sealed)).toThrow('secret_unreadable')
  })

  test('that cannot be decrypted are named, without their value', async () => {
    const sealed = sealConfig(await createVault(await temporaryFolder()), source, jobPlace('one'), config)
    const other = await createVault(await temporaryFolder())
    const open = () => openConfig(other, source, jobPlace('one'), sealed)
    expect(open).toThrow('secret_unreadable (setting=password)')
  })

  test('stay as they are when nothing is given, are forgotten when empty, are replaced by a new one', () => {
    const stored = () => config
    expect(completeSecrets(source, { database: 'shop' }, stored)).toEqual(config)
    expect(completeSecrets(source, { database: 'shop', password: '' }, stored)).toEqual({ database: 'shop' })
    expect(completeSecrets(source, { password: 'new' }, stored)).toEqual({ password: 'new' })
    expect(completeSecrets(source, { database: 'shop' }, () => null)).toEqual({ database: 'shop' })
  })

  test('are never shown, and blackened where a program prints them', () => {
    expect(withoutSecrets(source, config)).toEqual({ database: 'shop' })
    expect(redactor(source, config)('login with correct horse failed')).toBe('login with [secret] failed')
    expect(redactor(source, { password: 'x' })('axe')).toBe('axe')
  })
})
