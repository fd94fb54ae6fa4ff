// Who did something, in words.
import { expect, test } from 'vitest'
import { actorInWords, triggerInWords } from './actor.ts'
import { translator } from './i18n.ts'

test.each([
  ['alice', 'alice', 'by alice'],
  ['nobody', 'admin (no sign-in)', 'by admin (no sign-in)'],
  ['cli', 'from the command line', 'from the command line'],
  ['cli (bob)', 'from the command line (bob)', 'from the command line (bob)'],
  ['peer:tom', 'tom (peer)', 'by tom (peer)'],
  ['peer:tom\u202e', 'tom[U+202E] (peer)', 'by tom[U+202E] (peer)'],
  ['token:nightly script', 'token nightly script', 'by token nightly script'],
  ['peer_named', 'peer_named', 'by peer_named'],
  ['scheduler', 'by the scheduler', 'by the scheduler'],
])('%s is shown as "%s", and a run it started as "%s"', (actor, who, started) => {
  const t = translator('en')
  expect(actorInWords(actor, t)).toBe(who)
  expect(triggerInWords({ trigger: 'manual', actor }, t)).toBe(started)
})

test('a run by its schedule says so, whoever noted it', () => {
  expect(triggerInWords({ trigger: 'schedule', actor: 'scheduler' }, translator('fr'))).toBe(
    'par son horaire',
  )
})
