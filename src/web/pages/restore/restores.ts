// Restores that were started: the live page with its result, and the history.
import { isProblem, Problem } from '../../../domain/problem.ts'
import type { Restore } from '../../../domain/restore.ts'
import { restoreLogPath } from '../../../engine/run-log.ts'
import { getArchive } from '../../../store/archives.ts'
import { getRestore, listRestores } from '../../../store/restores.ts'
import { redirectWith } from '../../flash.ts'
import type { Formats } from '../../i18n.ts'
import { liveParts } from '../../live-parts.ts'
import { liveWork } from '../../live-work.ts'
import { fragment, type MountPage, render, type WebContext } from '../../page.ts'
import { endOfLog, logView, shownLogBytes, streamLog } from '../runs/log.ts'
import { restoreRow } from './list-view.ts'
import { hasEnded } from './state.ts'
import { restoreStatusView, restoreTitle } from './status-view.ts'

const pageSize = 50

export const mountRestores: MountPage = (app, { db, engine, config, clock }) => {
  app.get('/restores', async (c) => {
    const { title, ...page } = await listOf(c, c.get('f'))
    const before = c.req.query('before') ?? ''
    const live = `/restores/events?${new URLSearchParams({ before }).toString()}`
    return render(c, 'restore/list', { page, live, refresh: page.open ? 10 : 0 }, { title })
  })

  app.get('/restores/events', (c) =>
    liveParts(c, async (f) => {
      const { title, ...page } = await listOf(c, f)
      return { title, parts: { 'restores-table': fragment(c, 'restores-table', { page }) }, busy: page.open }
    }),
  )

  app.get('/restores/:id', async (c) => {
    const restore = await restoreOf(c)
    const status = await statusOf(c, restore, clock.now(), c.get('f'))
    const log = await endOfLog(restoreLogPath(config.dataDir, restore.id), shownLogBytes)
    // Its file may be gone before the row is, whose last lines then stand in.
    const tail = log.next === 0 && !status.open && restore.logTail !== '' ? restore.logTail : null
    const t = c.get('t')
    const model = {
      status,
      log: logView(log, tail, t, c.get('f')),
      refresh: status.open ? 5 : 0,
    }
    return render(c, 'restore/restore', model, { title: restoreTitle(restore, t) })
  })

  app.get('/restores/:id/events', async (c) => {
    const { id } = await restoreOf(c)
    return liveWork(c, {
      watch: (changed) => engine.watchRestore(id, changed),
      logPath: restoreLogPath(config.dataDir, id),
      newsId: 'restore-news',
      async look(f, now) {
        const restore = await getRestore(db, id)
        if (restore === null) return null
        const status = await statusOf(c, restore, now, f)
        return {
          title: restoreTitle(restore, c.get('t')),
          parts: {
            'restore-stages': fragment(c, 'restore-stages', { stages: status.stages }),
            'restore-status': fragment(c, 'restore-status', { status }),
            'restore-actions': fragment(c, 'restore-actions', { status }),
          },
          news: status.news,
          open: status.open,
        }
      },
    })
  })

  app.get('/restores/:id/log', async (c) => {
    const { id } = await restoreOf(c)
    if (c.req.query('download') !== undefined) {
      c.header('Content-Disposition', `attachment; filename="backupmanager-restore-${id}.log"`)
    }
    c.header('Content-Type', 'text/plain; charset=utf-8')
    return c.body(streamLog(restoreLogPath(config.dataDir, id), numberOf(c.req.query('from') ?? '') ?? 0))
  })

  app.post('/restores/:id/cancel', async (c) => {
    const { id } = await restoreOf(c)
    try {
      await engine.cancelRestore(id, c.get('user'))
    } catch (error) {
      // It ended by itself a moment before: the page says how.
      if (!isProblem(error, 'restore_finished')) throw error
      return redirectWith(c, `/restores/${id}`, 'restore.flash.finished', {}, 'warning')
    }
    return redirectWith(c, `/restores/${id}`, 'restore.flash.cancelling')
  })

  async function listOf(c: WebContext, f: Formats) {
    const t = c.get('t')
    const before = numberOf(c.req.query('before') ?? '')
    const found = await listRestores(db, { limit: pageSize + 1, ...(before === null ? {} : { before }) })
    const shown = found.slice(0, pageSize)
    const oldest = shown.at(-1)
    return {
      title: t('restore.list.title'),
      rows: shown.map((restore) => restoreRow(restore, { t, f })),
      older: found.length > pageSize && oldest ? `/restores?before=${oldest.id}` : '',
      later: before !== null,
      open: shown.some((restore) => !hasEnded(restore.status)),
    }
  }

  async function statusOf(c: WebContext, restore: Restore, now: number, f: Formats) {
    const { safetyArchive } = restore
    const safety = safetyArchive === null ? null : await getArchive(db, safetyArchive)
    return restoreStatusView(restore, safety, now, { t: c.get('t'), f })
  }

  async function restoreOf(c: WebContext): Promise<Restore> {
    const id = numberOf(c.req.param('id') ?? '')
    const restore = id === null ? null : await getRestore(db, id)
    if (restore === null) throw new Problem('restore_not_found', { id: c.req.param('id') })
    return restore
  }
}

function numberOf(text: string): number | null {
  return /^\d{1,15}$/.test(text) ? Number(text) : null
}
