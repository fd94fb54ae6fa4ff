// A peer by hand: name, address and a key that was made there.
import { type MountPage, render, type WebContext } from '../../page.ts'
import { redirectWith } from '../../flash.ts'
import { words } from '../../problem.ts'
import { type Typed, typedForm, typedOf, type Wrong, wrongOf } from '../../typed-form.ts'
import { visibleName } from '../../visible-name.ts'
import { lookAtCertificate, type ShownCertificate } from './certificate.ts'
import { fieldLabels, peerInputOf, secretFields } from './form.ts'
import { peerPath } from './state.ts'

export const mountAddPeer: MountPage = (app, { engine }) => {
  app.get('/peers/add', (c) => page(c, { hold_days: '0' }))

  app.post('/peers/add', async (c) => {
    const form = c.get('form')
    const typed = typedOf(form, secretFields)
    const asTyped = typedForm(typed, {}, words(c))
    if (form.get('intent') === 'certificate') {
      const { certificate, wrong } = await lookAtCertificate(c, asTyped.value('url').trim())
      return page(c, typed, wrong, certificate)
    }
    const key = form.get('key')?.trim() ?? ''
    const { input, errors } = peerInputOf(asTyped, key)
    const all = key === '' ? [...errors, { field: 'key', code: 'required' } as const] : errors
    if (all.length > 0) return page(c, typed, { errors: all })
    try {
      const peer = await engine.peers.register(input, c.get('user'))
      return redirectWith(c, peerPath(peer.id), 'peers.flash.added', { name: visibleName(peer.name) })
    } catch (error) {
      return page(c, typed, wrongOf(error))
    }
  })

  function page(c: WebContext, typed: Typed, wrong: Wrong = {}, certificate: ShownCertificate | null = null) {
    const t = c.get('t')
    const form = typedForm(typed, wrong, words(c), fieldLabels)
    const refused = form.problem !== null || form.summary.length > 0
    const title = refused ? `■ ${t('peers.add.title')}` : t('peers.add.title')
    return render(
      c,
      'peers/add',
      { form, certificate },
      { title, status: refused ? 422 : 200, here: '/peers/add' },
    )
  }
}
