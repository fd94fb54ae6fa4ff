// Tokens for the API: the list, making one (whose secret is shown in that one answer only), revoking one.
import { Problem, type FieldError } from '../../../domain/problem.ts'
import type { ApiToken } from '../../../domain/token.ts'
import { listPeers } from '../../../store/peers.ts'
import { getToken, listTokens } from '../../../store/tokens.ts'
import { redirectWith } from '../../flash.ts'
import { type MountPage, render, type WebContext } from '../../page.ts'
import { words } from '../../problem.ts'
import { type Typed, typedForm, typedOf, type Wrong, wrongOf } from '../../typed-form.ts'
import { visibleName } from '../../visible-name.ts'
import { bearerChoices } from './bearers.ts'
import { scopeChoices, scopesInWords, scopesOf } from './scopes.ts'
import { inListOrder, shownToken } from './view.ts'

/** Days that a token may be good for; '' is for ever. */
const lives = ['', '1', '30', '90', '365'] as const
const dayMs = 86_400_000
const labels = {
  name: 'tokens.name',
  peer: 'tokens.bearer',
  scopes: 'tokens.scopes',
  life: 'tokens.life',
} as const

export const mountTokens: MountPage = (app, { db, engine, clock }) => {
  app.get('/tokens', async (c) => {
    const [tokens, peers] = await Promise.all([listTokens(db), namesOfPeers()])
    const rows = inListOrder(tokens.map((token) => shownToken(token, peers, clock.now(), words(c))))
    return render(c, 'tokens/list', { rows }, { title: c.get('t')('tokens.title') })
  })

  app.get('/tokens/new', async (c) => {
    const peer = c.req.query('peer') ?? ''
    // A link for a peer that is gone must not end in a token for a script, which reaches more.
    if (peer !== '' && !(await bearersOf(c, peer)).some((one) => one.chosen)) {
      throw new Problem('peer_not_found', { id: peer })
    }
    return formPage(c, { peer, scopes: ['read'], life: '90' })
  })

  app.post('/tokens', async (c) => {
    const typed = typedOf(c.get('form'))
    const { value, list } = typedForm(typed, {}, words(c))
    const life = lives.find((one) => one === value('life'))
    const granted = scopesOf(list('scopes'))
    const bearer = (await bearersOf(c, value('peer'))).find((one) => one.chosen)
    const errors: FieldError[] = []
    if (value('name').trim() === '') errors.push({ field: 'name', code: 'required' })
    if (bearer === undefined) errors.push({ field: 'peer', code: 'unknown_value' })
    if (granted.length === 0) errors.push({ field: 'scopes', code: 'required' })
    if (life === undefined) errors.push({ field: 'life', code: 'unknown_value' })
    if (bearer === undefined || life === undefined || errors.length > 0) {
      return formPage(c, typed, { errors })
    }
    const expiresAt = life === '' ? null : clock.now() + Number(life) * dayMs
    let made: Awaited<ReturnType<typeof engine.tokens.create>>
    try {
      made = await engine.tokens.create(
        { name: value('name').trim(), scopes: granted, peerId: bearer.peerId, expiresAt },
        c.get('user'),
      )
    } catch (error) {
      return formPage(c, typed, wrongOf(error))
    }
    return createdPage(c, made.token, made.secret)
  })

  app.get('/tokens/:id/revoke', async (c) => {
    const token = await tokenOf(c)
    const shown = shownToken(token, await namesOfPeers(), clock.now(), words(c))
    const title = c.get('t')('tokens.revoke.title', { name: shown.name })
    return render(c, 'tokens/revoke', { token: shown, heading: title }, { title })
  })

  app.post('/tokens/:id/revoke', async (c) => {
    const { id } = await tokenOf(c)
    const { name } = await engine.tokens.revoke(id, c.get('user'))
    return redirectWith(c, '/tokens', 'tokens.flash.revoked', { name: visibleName(name) })
  })

  async function formPage(c: WebContext, typed: Typed, wrong?: Wrong) {
    const t = c.get('t')
    const form = typedForm(typed, wrong ?? {}, words(c), labels)
    const model = {
      form,
      bearers: await bearersOf(c, form.value('peer')),
      scopes: scopeChoices(form.list('scopes'), t),
      lives: lives.map((value) => ({
        value,
        label: value === '' ? t('tokens.life.ever') : t('tokens.life.days', { count: Number(value) }),
        chosen: value === form.value('life'),
      })),
    }
    const title = wrong === undefined ? t('tokens.new.title') : `■ ${t('tokens.new.title')}`
    return wrong === undefined
      ? render(c, 'tokens/new', model, { title })
      : render(c, 'tokens/new', model, { title, status: 422, here: '/tokens/new' })
  }

  /** No redirect: the secret is in this answer and nowhere else. */
  function createdPage(c: WebContext, token: ApiToken, secret: string) {
    const t = c.get('t')
    const name = visibleName(token.name)
    const model = {
      name,
      secret,
      scopes: scopesInWords(token.scopes, t),
      expires: token.expiresAt === null ? t('tokens.life.ever') : c.get('f').exact(token.expiresAt),
    }
    return render(c, 'tokens/created', model, { title: t('tokens.created.title', { name }), here: '/tokens' })
  }

  /** Who can bear a token: a script first, then the peers. */
  async function bearersOf(c: WebContext, chosen: string) {
    return bearerChoices(await namesOfPeers(), chosen, c.get('t'))
  }

  async function namesOfPeers(): Promise<ReadonlyMap<number, string>> {
    return new Map((await listPeers(db)).map((peer) => [peer.id, peer.name]))
  }

  async function tokenOf(c: WebContext): Promise<ApiToken> {
    const id = /^\d{1,15}$/.test(c.req.param('id') ?? '') ? Number(c.req.param('id')) : null
    const token = id === null ? null : await getToken(db, id)
    if (token === null) throw new Problem('token_not_found', { id: c.req.param('id') })
    return token
  }
}
