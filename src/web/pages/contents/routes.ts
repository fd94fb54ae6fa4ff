// What is in an archive: its tree, search, downloads, and how it differs from now.
import { isProblem, Problem } from '../../../domain/problem.ts'
import type { ContentsPage } from '../../../domain/contents.ts'
import type { Formats } from '../../i18n.ts'
import { liveParts } from '../../live-parts.ts'
import { fragment, type MountPage, render, urlOf, type WebContext } from '../../page.ts'
import { textOf } from '../../problem.ts'
import { type ArchiveRow, findArchive, presentArchive } from '../archives/detail-query.ts'
import { archivePath } from '../archives/state.ts'
import { keyOf } from '../restore/chosen-paths.ts'
import { isComparable, memberBase, restorableOf } from '../restore/restorable.ts'
import { comparisons } from './comparisons.ts'
import { compareView } from './compare-view.ts'
import { isKey } from './keys.ts'
import { rangeOf, sameFile } from './range.ts'
import { downloadHeaders, send, tagOf } from './send.ts'
import { contentsView, entriesPerPage } from './view.ts'

export const mountContents: MountPage = (app, deps) => {
  const { db, engine, sources, clock } = deps
  const comparing = comparisons(deps)

  app.get('/archives/:name/contents', async (c) => {
    const row = await archiveOf(c)
    const page = await pageOf(c, row, c.get('f'))
    const events = new URLSearchParams(c.req.query()).toString()
    const model = { page, live: `${archivePath(row.name)}/contents/events?${events}` }
    return render(c, 'contents/contents', model, { title: titleOf(c, row, page.building !== null) })
  })

  // Only while the index is being made: then the page as it is, and the end.
  app.get('/archives/:name/contents/events', async (c) => {
    const row = await archiveOf(c)
    let ready = false
    return liveParts(c, async (f) => {
      if (ready) return null
      try {
        const page = await pageOf(c, row, f)
        ready = page.building === null
        const parts = { 'contents-body': fragment(c, 'contents-body', { page }) }
        return { title: titleOf(c, row, !ready), parts, busy: true }
      } catch (error) {
        if (!isProblem(error)) throw error
        ready = true
        const problem = textOf(c, error)
        const parts = { 'contents-body': fragment(c, 'problem-alert', { problem }) }
        return { title: `■ ${problem.title}`, parts, busy: true }
      }
    })
  })

  app.get('/archives/:name/contents/download', async (c) => {
    const { name } = await archiveOf(c)
    const key = c.req.query('path') ?? ''
    if (!isKey(key)) throw new Problem('member_not_found', { archive: name })
    return send(c, await engine.contents.download(name, key, c.req.raw.signal))
  })

  app.get('/archives/:name/download', async (c) => {
    const row = await archiveOf(c)
    const tag = tagOf(row)
    const size = row.size_bytes
    const common = { 'Accept-Ranges': 'bytes', ETag: tag }
    if (c.req.method === 'HEAD') {
      // Ranges are for GET alone.
      const type = row.file.endsWith('.gz') ? 'application/gzip' : 'application/x-tar'
      return new Response(null, { headers: { ...downloadHeaders(row.file, type, size), ...common } })
    }
    // What the browser has of another file is worth nothing.
    const asked = sameFile(c.req.header('if-range'), tag) ? rangeOf(c.req.header('range'), size) : 'whole'
    if (asked === 'unsatisfiable') {
      return new Response(null, { status: 416, headers: { ...common, 'Content-Range': `bytes */${size}` } })
    }
    const range = asked === 'whole' ? null : asked
    const outgoing = await engine.contents.archive(row.name, range, c.req.raw.signal)
    const now = await findArchive(db, row.name)
    if (now === null || tagOf(now) !== tag) {
      // The file was exchanged under its name, which was seen only now: what is said of it must be said anew.
      await outgoing.bytes.cancel()
      return c.redirect(urlOf(c, `${archivePath(row.name)}/download`), 307)
    }
    if (range === null) return send(c, outgoing, { headers: common })
    const last = range.offset + range.length - 1
    const headers = { ...common, 'Content-Range': `bytes ${range.offset}-${last}/${size}` }
    return send(c, outgoing, { status: 206, headers })
  })

  app.get('/archives/:name/compare', async (c) => {
    const row = await comparableOf(c)
    const page = compareView(row.name, comparing.of(row.name), clock.now(), { t: c.get('t'), f: c.get('f') })
    const title = `${page.running === '' ? '' : '◌ '}${c.get('t')('contents.compare.title', { archive: row.name })}`
    const directory = restorableOf(row, sources).directory ?? ''
    return render(c, 'contents/compare', { page, directory, live: `${page.href}/compare/events` }, { title })
  })

  app.get('/archives/:name/compare/events', async (c) => {
    const { name } = await comparableOf(c)
    return liveParts(c, async (f, now) => {
      const page = compareView(name, comparing.of(name), now, { t: c.get('t'), f })
      return {
        title: `${page.running === '' ? '' : '◌ '}${c.get('t')('contents.compare.title', { archive: name })}`,
        parts: { 'compare-result': fragment(c, 'compare-result', { page }) },
        busy: page.running !== '',
      }
    })
  })

  app.post('/archives/:name/compare', async (c) => {
    const { name } = await comparableOf(c)
    const form = c.get('form')
    await comparing.begin(name, {
      against: form.get('against')?.trim() ?? '',
      thorough: form.has('thorough'),
    })
    return c.redirect(urlOf(c, `${archivePath(name)}/compare`), 303)
  })

  /** Without a path it begins where the saved directory is, when the archive has one. */
  async function pageOf(c: WebContext, row: ArchiveRow, f: Formats) {
    const archive = restorableOf(row, sources)
    const search = (c.req.query('q') ?? '').trim().slice(0, 200)
    const after = c.req.query('after') ?? ''
    const given = c.req.query('path')
    if (given !== undefined && !isKey(given)) throw new Problem('member_not_found', { archive: row.name })
    const base = memberBase(archive)
    const first = given ?? (base === null ? '' : keyOf(base))
    const shown = (path: string, page: ContentsPage) =>
      contentsView(archive, { path, search, after }, page, { t: c.get('t'), f })
    const more = { limit: entriesPerPage, ...(after === '' ? {} : { after }) }
    if (search !== '') return shown('', await engine.contents.search(row.name, { text: search, ...more }))
    try {
      return shown(first, await engine.contents.list(row.name, { path: first, ...more }))
    } catch (error) {
      if (given !== undefined || !isProblem(error, 'member_not_found')) throw error
      return shown('', await engine.contents.list(row.name, { path: '', ...more }))
    }
  }

  function titleOf(c: WebContext, row: ArchiveRow, building: boolean): string {
    return `${building ? '◌ ' : ''}${c.get('t')('contents.title', { archive: row.name })}`
  }

  async function comparableOf(c: WebContext): Promise<ArchiveRow> {
    const row = await archiveOf(c)
    if (!isComparable(row, sources)) throw new Problem('page_not_found')
    return row
  }

  function archiveOf(c: WebContext): Promise<ArchiveRow> {
    return presentArchive(db, c.req.param('name') ?? '')
  }
}
