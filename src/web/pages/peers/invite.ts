// Invitations: choosing what a new peer may do here, the code (shown in that one answer only), and taking one back.
import type { FieldError } from '../../../domain/problem.ts'
import { pairingScopes } from '../../../domain/token.ts'
import type { Invitation } from '../../../engine/federation.ts'
import { listOpenCodes } from '../../../store/pairing.ts'
import { actorInWords } from '../../actor.ts'
import { redirectWith } from '../../flash.ts'
import { type MountPage, render, type WebContext } from '../../page.ts'
import { words } from '../../problem.ts'
import { type Typed, typedForm, typedOf, type Wrong, wrongOf } from '../../typed-form.ts'
import { fieldLabels } from './form.ts'
import { scopeChoices, scopesInWords, scopesOf } from '../tokens/scopes.ts'

export const mountInvite: MountPage = (app, { db, engine, clock }) => {
  app.get('/peers/invite', (c) => page(c, { scopes: pairingScopes }))

  app.post('/peers/invite', async (c) => {
    const typed = typedOf(c.get('form'))
    const form = typedForm(typed, {}, words(c))
    const granted = scopesOf(form.list('scopes'))
    const errors: FieldError[] = granted.length === 0 ? [{ field: 'scopes', code: 'required' }] : []
    if (errors.length > 0) return page(c, typed, { errors })
    try {
      const made = await engine.peers.invite({ scopes: granted, ssh: form.has('ssh') }, c.get('user'))
      return await page(c, typed, {}, made)
    } catch (error) {
      return page(c, typed, wrongOf(error))
    }
  })

  app.post('/peers/invite/:id/cancel', async (c) => {
    const text = c.req.param('id')
    // What is no number is none of them, as is one that was used meanwhile: either way no code is left.
    if (/^\d{1,15}$/.test(text)) await engine.peers.cancelInvitation(Number(text), c.get('user'))
    return redirectWith(c, '/peers/invite', 'peers.flash.invitation_cancelled')
  })

  async function page(c: WebContext, typed: Typed, wrong: Wrong = {}, made: Invitation | null = null) {
    const t = c.get('t')
    const f = c.get('f')
    const form = typedForm(typed, wrong, words(c), fieldLabels)
    const open = await listOpenCodes(db, clock.now())
    const model = {
      form,
      scopes: scopeChoices(form.list('scopes'), t),
      made:
        made === null
          ? null
          : { code: made.code, expires: t('peers.invite.until', { when: f.exact(made.expiresAt) }) },
      open: open.map((one) => ({
        id: one.id,
        scopes: scopesInWords(one.scopes, t),
        ssh: one.ssh,
        by: actorInWords(one.createdBy, t),
        created: f.moment(one.createdAt),
        expires: f.moment(one.expiresAt),
        fresh: one.id === made?.id,
      })),
    }
    const refused = form.problem !== null || form.summary.length > 0
    const title = refused ? `■ ${t('peers.invite.title')}` : t('peers.invite.title')
    return render(c, 'peers/invite', model, { title, status: refused ? 422 : 200, here: '/peers/invite' })
  }
}
