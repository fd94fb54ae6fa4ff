// The network page, the page of one instance, and what can be asked of it.
import { isProblem, Problem } from '../../../domain/problem.ts'
import { listRemoteRestores } from '../../../store/remote-restores.ts'
import { redirectWith } from '../../flash.ts'
import { liveParts } from '../../live-parts.ts'
import { fragment, type MountPage, render, type WebContext } from '../../page.ts'
import { textOf, words } from '../../problem.ts'
import type { Formats } from '../../i18n.ts'
import { shapes } from '../runs/state.ts'
import { archivesThereView } from './archives-view.ts'
import { networkReader } from './facts.ts'
import { friendLines, instanceView, stateOfInstance } from './instance-view.ts'
import { matrixOf } from './matrix.ts'
import { matrixView } from './matrix-view.ts'
import { mountRemoteRestores } from './restores.ts'
import { mountRemoteWizard } from './wizard.ts'
import { peerView } from './peer-view.ts'

const longestSearch = 100
const shownRestores = 5
const archivesPerPage = 50

export const mountNetwork: MountPage = (app, deps) => {
  const { db, engine, clock } = deps
  const reader = networkReader(deps)
  mountRemoteWizard(app, deps)
  mountRemoteRestores(app, deps)

  app.get('/network', async (c) => {
    const view = await networkOf(c, c.get('f'))
    const live = `/network/events?${new URLSearchParams(c.req.query()).toString()}`
    return render(c, 'network/network', { page: view, live }, { title: view.title })
  })

  app.get('/network/events', (c) =>
    liveParts(c, async (f) => {
      const page = await networkOf(c, f)
      return {
        title: page.title,
        parts: {
          'network-instances': fragment(c, 'network-instances', { page }),
          'network-matrix': fragment(c, 'network-matrix', { page }),
          'network-friends': fragment(c, 'network-friends', { page }),
        },
        busy: false,
      }
    }),
  )

  app.get('/network/:id{[0-9]+}', async (c) => {
    const page = await peerOf(c, c.get('f'))
    const model = { page, live: `/network/${page.id}/events` }
    return render(c, 'network/peer', model, { title: titleOf(page.instance) })
  })

  app.get('/network/:id{[0-9]+}/events', (c) =>
    liveParts(c, async (f) => {
      const page = await peerOf(c, f)
      const busy = page.jobs.some((job) => job.state.state === 'running')
      return {
        title: titleOf(page.instance),
        parts: {
          'peer-state': fragment(c, 'network-peer-state', { page }),
          'peer-jobs': fragment(c, 'network-peer-jobs', { page }),
        },
        busy,
      }
    }),
  )

  app.post('/network/:id{[0-9]+}/poll', async (c) => {
    const peer = await engine.peers.poll(idOf(c))
    const path = `/network/${peer.id}`
    return peer.status === 'online'
      ? redirectWith(c, path, 'network.flash.answered', { name: peer.name })
      : redirectWith(c, path, 'network.flash.not_answered', { name: peer.name }, 'warning')
  })

  app.post('/network/:id{[0-9]+}/jobs/:job{[0-9]+}/run', async (c) => {
    const id = idOf(c)
    const path = `/network/${id}`
    try {
      const { runId } = await engine.remote.startRun(id, Number(c.req.param('job')), c.get('user'))
      // The page shows it as soon as the peer has been asked again; that it cannot be is no failure of the run.
      await engine.peers.poll(id).catch(() => null)
      return redirectWith(c, path, 'network.flash.run', { number: runId })
    } catch (error) {
      if (!isProblem(error)) throw error
      return redirectWith(c, path, 'network.flash.refused', { reason: textOf(c, error).title }, 'failed')
    }
  })

  app.get('/network/:id{[0-9]+}/archives', async (c) => {
    const peer = await peerOf(c, c.get('f'))
    const query = {
      q: (c.req.query('q') ?? '').trim().slice(0, longestSearch),
      cursor: (c.req.query('cursor') ?? '').slice(0, 500),
      limit: archivesPerPage,
    }
    const found = await engine.remote.archives(peer.id, query).then(
      (list) => ({ list, problem: null }),
      (error: unknown) => {
        if (!isProblem(error)) throw error
        return { list: null, problem: textOf(c, error) }
      },
    )
    const here = await namesHere(found.list?.items.map(({ name }) => name) ?? [])
    const page = archivesThereView(peer, found.list, here, query, words(c))
    const title = c.get('t')('network.archives.title', { name: peer.instance.name })
    return render(c, 'network/archives', { page, problem: found.problem }, { title })
  })

  app.post('/network/:id{[0-9]+}/fetch', async (c) => {
    const id = idOf(c)
    const archive = c.get('form').get('archive') ?? ''
    try {
      const order = { archive, peerId: id, trigger: 'manual' } as const
      const transfer = await engine.transfers.fetch(order, c.get('user'))
      return redirectWith(c, `/transfers/${transfer.id}`, 'network.flash.fetching', { archive })
    } catch (error) {
      if (!isProblem(error)) throw error
      const reason = textOf(c, error).title
      return redirectWith(c, `/network/${id}/archives`, 'network.flash.refused', { reason }, 'failed')
    }
  })

  async function networkOf(c: WebContext, f: Formats) {
    const t = c.get('t')
    const now = clock.now()
    const instances = await reader.read()
    const query = {
      search: (c.req.query('q') ?? '').trim().slice(0, longestSearch),
      page: pageOf(c.req.query('page') ?? ''),
    }
    const states = instances.map((one) => stateOfInstance(one, now, t).state)
    const bad = states.filter((state) => state === 'failed' || state === 'warning').length
    const shape = states.includes('failed') ? shapes.failed : bad > 0 ? shapes.warning : shapes.ok
    return {
      title: bad > 0 ? `${shape} ${t('network.title.bad', { count: bad })}` : `${shape} ${t('nav.network')}`,
      alone: instances.length < 2,
      instances: instances.map((one) => instanceView(one, now, { t, f })),
      matrix: matrixView(instances, matrixOf(instances), query, now, { t, f }),
      friends: friendLines(instances, now, { t, f }),
    }
  }

  async function peerOf(c: WebContext, f: Formats) {
    const id = idOf(c)
    const facts = (await reader.read()).find(({ peer }) => peer?.id === id)
    const restores = await listRemoteRestores(db, { peerId: id, limit: shownRestores })
    const view = facts && peerView(facts, restores, clock.now(), { t: c.get('t'), f })
    if (!view) throw new Problem('peer_not_found', { id })
    return view
  }

  async function namesHere(names: readonly string[]): Promise<ReadonlySet<string>> {
    if (names.length === 0) return new Set()
    const rows = await db
      .selectFrom('archives')
      .select('name')
      .where('name', 'in', names)
      .where('missing_at', 'is', null)
      .execute()
    return new Set(rows.map(({ name }) => name))
  }
}

function titleOf({
  state,
  name,
}: {
  readonly state: { readonly state: keyof typeof shapes; readonly label: string }
  readonly name: string
}): string {
  return `${shapes[state.state]} ${name} · ${state.label}`
}

function idOf(c: WebContext): number {
  return Number(c.req.param('id'))
}

function pageOf(text: string): number {
  return /^[1-9]\d{0,4}$/.test(text) ? Number(text) - 1 : 0
}
