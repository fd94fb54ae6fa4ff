// Archives on their way: the list, a transfer's live page, and what can be asked of one.
import type { Kysely } from 'kysely'
import { isProblem, Problem } from '../../../domain/problem.ts'
import type { Transfer } from '../../../domain/transfer.ts'
import { getDestination, listDestinations } from '../../../store/destinations.ts'
import type { Schema } from '../../../store/schema.ts'
import { getTransfer, listTransfers } from '../../../store/transfers.ts'
import { redirectWith } from '../../flash.ts'
import type { Formats } from '../../i18n.ts'
import { liveParts } from '../../live-parts.ts'
import { liveWork } from '../../live-work.ts'
import { fragment, type MountPage, render, type WebContext } from '../../page.ts'
import { visibleName } from '../../visible-name.ts'
import { openStatuses, transferActions } from './state.ts'
import { transferPath, transferRow, transferTitle, transferView } from './view.ts'

const pageSize = 25
/** Shown of those on their way: a page stays below 100 KB. */
const shownOpen = 35
/** More of them than anybody queues. */
const mostOpen = 1000
const endedStatuses = ['success', 'error', 'cancelled'] as const

export const mountTransfers: MountPage = (app, { db, engine, clock }) => {
  app.get('/transfers', async (c) => {
    const page = await listOf(c, c.get('f'))
    const query = new URLSearchParams({ destination: page.chosen, before: c.req.query('before') ?? '' })
    const model = {
      page,
      live: `/transfers/events?${query.toString()}`,
      refresh: page.open.length > 0 ? 10 : 0,
    }
    return render(c, 'transfers/list', model, { title: page.title })
  })

  app.get('/transfers/events', (c) =>
    liveParts(c, async (f) => {
      const page = await listOf(c, f)
      return {
        title: page.title,
        parts: {
          'transfers-open': fragment(c, 'transfers-table', {
            rows: page.open,
            caption: c.get('t')('transfers.open'),
            none: c.get('t')('transfers.open.none'),
          }),
          'transfers-ended': fragment(c, 'transfers-table', {
            rows: page.ended,
            caption: c.get('t')('transfers.recent'),
            none: c.get('t')('transfers.none'),
          }),
        },
        busy: page.open.length > 0,
      }
    }),
  )

  app.get('/transfers/:id', async (c) => {
    const view = await viewOf(c, await transferOf(c), clock.now(), c.get('f'))
    return render(
      c,
      'transfers/transfer',
      { view, refresh: view.open ? 5 : 0 },
      { title: transferTitle(view) },
    )
  })

  app.get('/transfers/:id/events', async (c) => {
    const { id } = await transferOf(c)
    return liveWork(c, {
      watch: (changed) => engine.transfers.watch(id, changed),
      logPath: null,
      newsId: 'transfer-news',
      async look(f, now) {
        const transfer = await getTransfer(db, id)
        if (transfer === null) return null
        const view = await viewOf(c, transfer, now, f)
        return {
          title: transferTitle(view),
          parts: {
            'transfer-status': fragment(c, 'transfer-status', { view }),
            // Apart from what changes every second: a button must stay while it is pressed.
            'transfer-actions': fragment(c, 'transfer-actions', { view }),
          },
          news: view.news,
          open: view.open,
        }
      },
    })
  })

  for (const action of transferActions) {
    app.post(`/transfers/:id/${action}`, async (c) => {
      const { id } = await transferOf(c)
      try {
        await engine.transfers[action](id, c.get('user'))
      } catch (error) {
        // It ended by itself a moment before: the page says how.
        if (!isProblem(error, 'transfer_finished')) throw error
        return redirectWith(c, transferPath(id), 'transfers.flash.finished', {}, 'warning')
      }
      return redirectWith(c, transferPath(id), `transfers.flash.${action}`)
    })
  }

  async function listOf(c: WebContext, f: Formats) {
    const t = c.get('t')
    const before = numberOf(c.req.query('before') ?? '')
    const wanted = numberOf(c.req.query('destination') ?? '')
    const of = wanted === null ? {} : { destinationId: wanted }
    const [destinations, open, found] = await Promise.all([
      listDestinations(db),
      listTransfers(db, { ...of, statuses: openStatuses, limit: mostOpen }),
      listTransfers(db, {
        ...of,
        statuses: endedStatuses,
        limit: pageSize + 1,
        ...(before === null ? {} : { before }),
      }),
    ])
    const places = new Map(destinations.map((one) => [one.id, one]))
    const moving = [
      ...open.filter(({ status }) => status === 'running'),
      ...open.filter(({ status }) => status !== 'running'),
    ]
    const onTheirWay = moving.slice(0, shownOpen)
    const known = await knownArchives(db, [...onTheirWay, ...found])
    const row = (transfer: Transfer) =>
      transferRow(
        {
          transfer,
          destination: places.get(transfer.destinationId) ?? null,
          known: known.has(transfer.archiveName),
          pace: transfer.status === 'running' ? engine.transfers.pace(transfer.id) : null,
        },
        { t, f },
      )
    const shown = found.slice(0, pageSize)
    const oldest = shown.at(-1)
    const chosen = wanted === null ? '' : String(wanted)
    return {
      title: open.length > 0 ? `◌ ${t('transfers.title')}` : t('transfers.title'),
      open: onTheirWay.map(row),
      moreOpen: open.length > shownOpen ? t('transfers.more_open', { count: open.length - shownOpen }) : '',
      ended: shown.map(row),
      chosen,
      destinations: destinations.map((one) => ({
        value: String(one.id),
        label: visibleName(one.name),
        chosen: one.id === wanted,
      })),
      older: found.length > pageSize && oldest ? pageLink(chosen, oldest.id) : '',
      newest: before === null ? '' : pageLink(chosen, null),
    }
  }

  async function viewOf(c: WebContext, transfer: Transfer, now: number, f: Formats) {
    const destination = await getDestination(db, transfer.destinationId)
    const pace = transfer.status === 'running' ? engine.transfers.pace(transfer.id) : null
    const known = (await knownArchives(db, [transfer])).has(transfer.archiveName)
    return transferView({ transfer, destination, pace, known }, now, { t: c.get('t'), f })
  }

  async function transferOf(c: WebContext): Promise<Transfer> {
    const id = numberOf(c.req.param('id') ?? '')
    const transfer = id === null ? null : await getTransfer(db, id)
    if (transfer === null) throw new Problem('transfer_not_found', { id: c.req.param('id') })
    return transfer
  }
}

/** Names of those archives that have a page. */
async function knownArchives(
  db: Kysely<Schema>,
  transfers: readonly Pick<Transfer, 'archiveName'>[],
): Promise<ReadonlySet<string>> {
  const names = [...new Set(transfers.map((one) => one.archiveName))]
  if (names.length === 0) return new Set()
  const rows = await db.selectFrom('archives').select('name').where('name', 'in', names).execute()
  return new Set(rows.map((row) => row.name))
}

function pageLink(destination: string, before: number | null): string {
  const query = new URLSearchParams({
    ...(destination !== '' && { destination }),
    ...(before !== null && { before: String(before) }),
  })
  return query.size === 0 ? '/transfers' : `/transfers?${query.toString()}`
}

function numberOf(text: string): number | null {
  return /^\d{1,15}$/.test(text) ? Number(text) : null
}
