// The words of a language: French never ends a line before its high punctuation.
import { expect, test } from 'vitest'
import { fr } from '../../locales/fr.ts'
import { isMessageKey, translator } from './i18n.ts'

test('French has no-break spaces inside quotation marks and before high punctuation', () => {
  const t = translator('fr')
  expect(t('jobs.delete.title', { name: 'photos : été' })).toBe(
    'Supprimer la tâche «\u00a0photos : été\u00a0»\u202f?',
  )
  expect(t('frame.stale', { time: '10:00' })).toBe('Pas à jour depuis 10:00\u00a0: le serveur ne répond pas.')
})

test('no French text leaves a space that could break there, in either form', () => {
  const t = translator('fr')
  const broken = Object.keys(fr)
    .filter(isMessageKey)
    .filter((key) => [1, 2].some((count) => /« | [»:%;?!]/.test(t(key, { count }))))
  expect(broken).toEqual([])
})
