// The peers: the list, a peer's page with its two forms, and what can be done with it.
import { ownerOfPeer, type Peer } from '../../../domain/peer.ts'
import { Problem } from '../../../domain/problem.ts'
import { destinationOfPeer } from '../../../store/destinations.ts'
import { getPeer, listPeers } from '../../../store/peers.ts'
import { holdings } from '../../../store/received.ts'
import { listTokens } from '../../../store/tokens.ts'
import { listTransfers } from '../../../store/transfers.ts'
import { inBackground } from '../../background.ts'
import { redirectWith } from '../../flash.ts'
import type { Formats } from '../../i18n.ts'
import { liveParts } from '../../live-parts.ts'
import { fragment, type MountPage, render, type WebContext } from '../../page.ts'
import { words } from '../../problem.ts'
import { type Typed, typedForm, typedOf, type Wrong, wrongOf } from '../../typed-form.ts'
import { visibleName } from '../../visible-name.ts'
import { openStatuses } from '../transfers/state.ts'
import { transferPath } from '../transfers/view.ts'
import { mountAddPeer } from './add.ts'
import { lookAtCertificate, type ShownCertificate } from './certificate.ts'
import {
  destinationInputOf,
  fieldLabels,
  peerInputOf,
  secretFields,
  typedOfDestination,
  typedOfPeer,
} from './form.ts'
import { mountInvite } from './invite.ts'
import { mountJoin } from './join.ts'
import { liveTokens, peerRows } from './list-view.ts'
import { peerTitle, peerView, rsyncInWords } from './peer-view.ts'
import { goodCopies, jobsSendingTo, loneCopies } from './query.ts'
import { peerPath } from './state.ts'

/** Copies there and not here, on a peer's page. */
const shownLone = 50

/** One that does not answer is not waited for longer. */
const sshTestMs = 90_000

/** What of a peer's page is not as it is stored. */
interface Shown {
  readonly peer?: Typed
  readonly destination?: Typed
  readonly wrong?: Wrong
  readonly certificate?: ShownCertificate | null
}

export const mountPeers: MountPage = (app, deps) => {
  const { db, engine, clock } = deps
  const asking = inBackground(deps.log, 'a peer could not be asked')

  app.get('/peers', async (c) => {
    const rows = await rowsOf(c, clock.now(), c.get('f'))
    return render(c, 'peers/list', { rows }, { title: c.get('t')('peers.title') })
  })

  app.get('/peers/events', (c) =>
    liveParts(c, async (f, now) => ({
      title: c.get('t')('peers.title'),
      parts: { 'peers-table': fragment(c, 'peers-table', { rows: await rowsOf(c, now, f) }) },
      busy: false,
    })),
  )

  mountInvite(app, deps)
  mountJoin(app, deps)
  mountAddPeer(app, deps)

  app.get('/peers/:id', async (c) => peerPage(c, await peerOf(c)))

  app.post('/peers/:id', async (c) => {
    const peer = await peerOf(c)
    const form = c.get('form')
    const typed = typedOf(form, secretFields)
    const asTyped = typedForm(typed, {}, words(c))
    if (form.get('intent') === 'certificate') {
      const { certificate, wrong } = await lookAtCertificate(c, asTyped.value('url').trim())
      return peerPage(c, peer, { peer: typed, wrong, certificate })
    }
    const { input, errors } = peerInputOf(asTyped, form.get('key') ?? '')
    if (errors.length > 0) return peerPage(c, peer, { peer: typed, wrong: { errors } })
    try {
      await engine.peers.update(peer.id, input, c.get('user'))
    } catch (error) {
      return peerPage(c, peer, { peer: typed, wrong: wrongOf(error) })
    }
    return redirectWith(c, peerPath(peer.id), 'peers.flash.saved')
  })

  app.post('/peers/:id/copies', async (c) => {
    const peer = await peerOf(c)
    const destination = await destinationOfPeer(db, peer.id)
    if (destination === null) throw new Problem('destination_not_found', { name: peer.name })
    const typed = typedOf(c.get('form'))
    const { input, errors } = destinationInputOf(typedForm(typed, {}, words(c)))
    if (errors.length > 0) return peerPage(c, peer, { destination: typed, wrong: { errors } })
    try {
      await engine.transfers.changeDestination(destination.id, input, c.get('user'))
    } catch (error) {
      return peerPage(c, peer, { destination: typed, wrong: wrongOf(error) })
    }
    return redirectWith(c, peerPath(peer.id), 'peers.flash.copies_saved')
  })

  app.post('/peers/:id/poll', async (c) => {
    const peer = await peerOf(c)
    const back = c.get('form').get('back') === 'list' ? '/peers' : peerPath(peer.id)
    const name = visibleName(peer.name)
    const now = await asking.begin(String(peer.id), () => engine.peers.poll(peer.id))
    if (now === null) return redirectWith(c, back, 'peers.flash.asking', { name })
    return now.status === 'online'
      ? redirectWith(c, back, 'peers.flash.answered', { name })
      : redirectWith(c, back, 'peers.flash.no_answer', { name }, 'warning')
  })

  app.post('/peers/:id/rotate', async (c) => {
    const peer = await peerOf(c)
    try {
      await engine.peers.rotateKey(peer.id, c.get('user'))
    } catch (error) {
      return peerPage(c, peer, { wrong: wrongOf(error) })
    }
    return redirectWith(c, peerPath(peer.id), 'peers.flash.rotated')
  })

  app.post('/peers/:id/test-ssh', async (c) => {
    const peer = await peerOf(c)
    const t = c.get('t')
    const { problem, here, there } = await engine.transfers.testSsh(peer.id, AbortSignal.timeout(sshTestMs))
    if (problem !== null) return peerPage(c, peer, { wrong: { problem } })
    const versions = { here: rsyncInWords(here, t), there: rsyncInWords(there, t) }
    const tone = [here, there].every((one) => one?.standing === 'good') ? 'ok' : 'warning'
    const facts = { name: visibleName(peer.name), ...versions }
    return redirectWith(c, peerPath(peer.id), 'peers.ssh.works', facts, tone)
  })

  app.post('/peers/:id/fetch', async (c) => {
    const peer = await peerOf(c)
    const archive = c.get('form').get('archive') ?? ''
    try {
      const order = { archive, peerId: peer.id, trigger: 'manual' as const }
      const { id } = await engine.transfers.fetch(order, c.get('user'))
      return redirectWith(c, transferPath(id), 'transfers.flash.fetching')
    } catch (error) {
      return peerPage(c, peer, { wrong: wrongOf(error) })
    }
  })

  app.get('/peers/:id/remove', async (c) => removal(c, await peerOf(c), ''))

  app.post('/peers/:id/remove', async (c) => {
    const peer = await peerOf(c)
    const typed = c.get('form').get('name')?.trim() ?? ''
    if ((await losesCopies(peer)) && typed !== peer.name) return removal(c, peer, typed, true)
    await engine.peers.remove(peer.id, c.get('user'))
    return redirectWith(c, '/peers', 'peers.flash.removed', { name: visibleName(peer.name) })
  })

  async function rowsOf(c: WebContext, now: number, f: Formats) {
    const [peers, tokens, held] = await Promise.all([listPeers(db), listTokens(db), holdings(db)])
    const byOwner = new Map(held.map((one) => [one.owner, one]))
    return peerRows({ peers, tokens, held: byOwner }, now, { t: c.get('t'), f })
  }

  async function peerPage(c: WebContext, peer: Peer, shown: Shown = {}) {
    const destination = await destinationOfPeer(db, peer.id)
    const [tokens, held, copies, lone] = await Promise.all([
      listTokens(db, { peerId: peer.id }),
      holdings(db, ownerOfPeer(peer)),
      destination === null ? { count: 0, bytes: 0 } : goodCopies(db, destination.id),
      destination === null ? { count: 0, copies: [] } : loneCopies(db, destination.id, shownLone),
    ])
    const view = peerView({ peer, destination, tokens, held, copies, lone }, clock.now(), words(c))
    const wrong = shown.wrong ?? {}
    const model = {
      peer: view,
      form: typedForm(shown.peer ?? typedOfPeer(peer), wrong, words(c), fieldLabels),
      copies:
        destination === null
          ? null
          : typedForm(shown.destination ?? typedOfDestination(destination), wrong, words(c)),
      certificate: shown.certificate ?? null,
      timeZone: c.get('f').timeZone,
    }
    const refused = (wrong.errors?.length ?? 0) > 0 || (wrong.problem ?? null) !== null
    const title = refused ? `■ ${view.name}` : peerTitle(view)
    return render(c, 'peers/peer', model, { title, status: refused ? 422 : 200, here: peerPath(peer.id) })
  }

  /** Says exactly what ends and what stays; `wrong` when the name had to be typed and was not. */
  async function removal(c: WebContext, peer: Peer, typed: string, wrong = false) {
    const t = c.get('t')
    const f = c.get('f')
    const destination = await destinationOfPeer(db, peer.id)
    const [tokens, held, copies, lone, open, jobs] = await Promise.all([
      listTokens(db, { peerId: peer.id }),
      holdings(db, ownerOfPeer(peer)),
      destination === null ? { count: 0, bytes: 0 } : goodCopies(db, destination.id),
      destination === null ? { count: 0 } : loneCopies(db, destination.id, 0),
      destination === null
        ? []
        : listTransfers(db, { destinationId: destination.id, statuses: openStatuses, limit: 1000 }),
      destination === null ? 0 : jobsSendingTo(db, destination.id),
    ])
    const left = held[0] ?? { count: 0, bytes: 0 }
    const alive = liveTokens(peer.id, tokens, clock.now()).length
    const say = (key: 'tokens' | 'transfers' | 'jobs', count: number) =>
      count === 0 ? [] : [t(`peers.remove.${key}`, { count, number: f.number(count) })]
    const amount = (count: number, bytes: number) => ({ count, number: f.number(count), size: f.size(bytes) })
    const name = visibleName(peer.name)
    const model = {
      id: peer.id,
      name,
      ends: [...say('tokens', alive), ...say('transfers', open.length), ...say('jobs', jobs)],
      stays:
        left.count === 0
          ? t('peers.remove.nothing_here')
          : t('peers.remove.stay', amount(left.count, left.bytes)),
      copies: copies.count === 0 ? '' : t('peers.remove.copies', amount(copies.count, copies.bytes)),
      lone:
        lone.count === 0 ? '' : t('peers.remove.lone', { count: lone.count, number: f.number(lone.count) }),
      typed,
      wrong,
      heading: t('peers.remove.title', { name }),
    }
    const here = `${peerPath(peer.id)}/remove`
    return render(c, 'peers/remove', model, { title: model.heading, status: wrong ? 422 : 200, here })
  }

  /** Archives that are there and not here could not be found any more. */
  async function losesCopies(peer: Peer): Promise<boolean> {
    const destination = await destinationOfPeer(db, peer.id)
    return destination !== null && (await loneCopies(db, destination.id, 0)).count > 0
  }

  async function peerOf(c: WebContext): Promise<Peer> {
    const text = c.req.param('id') ?? ''
    const peer = /^\d{1,15}$/.test(text) ? await getPeer(db, Number(text)) : null
    if (peer === null) throw new Problem('peer_not_found', { id: text })
    return peer
  }
}
