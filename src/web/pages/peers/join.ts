// Joining by an invitation: the code is read first, and what it says is shown before anybody is asked.
import type { Invite } from '../../../domain/api/pairing.ts'
import { isProblem } from '../../../domain/problem.ts'
import { pairingScopes } from '../../../domain/token.ts'
import { parseInvite } from '../../../engine/peers/invite-code.ts'
import { redirectWith } from '../../flash.ts'
import { type MountPage, render, type WebContext } from '../../page.ts'
import { words } from '../../problem.ts'
import { type Typed, typedForm, typedOf, type Wrong, wrongOf } from '../../typed-form.ts'
import { visibleName } from '../../visible-name.ts'
import { scopeChoices, scopesOf } from '../tokens/scopes.ts'
import { fieldLabels } from './form.ts'
import { peerPath } from './state.ts'

export const mountJoin: MountPage = (app, { engine }) => {
  app.get('/peers/join', (c) => codePage(c, {}))

  app.post('/peers/join', async (c) => {
    const typed = typedOf(c.get('form'))
    const form = typedForm(typed, {}, words(c))
    const read = readCode(form.value('code'))
    if (read.invite === null) return codePage(c, typed, read.wrong)
    // The first form has only the code.
    if (form.value('intent') !== 'join') {
      return confirmPage(c, read.invite, { ...typed, scopes: pairingScopes })
    }
    const granted = scopesOf(form.list('scopes'))
    if (granted.length === 0) {
      return confirmPage(c, read.invite, typed, { errors: [{ field: 'scopes', code: 'required' }] })
    }
    try {
      const peer = await engine.peers.join(
        form.value('code'),
        { scopes: granted, ssh: form.has('ssh') },
        c.get('user'),
      )
      return redirectWith(c, peerPath(peer.id), 'peers.flash.joined', { name: visibleName(peer.name) })
    } catch (error) {
      return confirmPage(c, read.invite, typed, wrongOf(error))
    }
  })

  function codePage(c: WebContext, typed: Typed, wrong: Wrong = {}) {
    const t = c.get('t')
    const form = typedForm(typed, wrong, words(c))
    const refused = form.summary.length > 0
    const title = refused ? `■ ${t('peers.join.title')}` : t('peers.join.title')
    return render(c, 'peers/join', { form }, { title, status: refused ? 422 : 200, here: '/peers/join' })
  }

  function confirmPage(c: WebContext, invite: Invite, typed: Typed, wrong: Wrong = {}) {
    const t = c.get('t')
    const form = typedForm(typed, wrong, words(c), fieldLabels)
    const refused = form.problem !== null || form.summary.length > 0
    const model = {
      form,
      scopes: scopeChoices(form.list('scopes'), t),
      invite: { url: visibleName(invite.url), id: invite.id, pin: invite.pin ?? '' },
    }
    const title = refused ? `■ ${t('peers.join.confirm')}` : t('peers.join.confirm')
    return render(c, 'peers/join-confirm', model, { title, status: refused ? 422 : 200, here: '/peers/join' })
  }
}

function readCode(code: string): { readonly invite: Invite | null; readonly wrong: Wrong } {
  try {
    return { invite: parseInvite(code), wrong: {} }
  } catch (error) {
    if (!isProblem(error, 'validation_failed')) throw error
    return { invite: null, wrong: { errors: error.errors } }
  }
}
