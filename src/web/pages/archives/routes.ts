// The list of archives, an archive's page, and what can be done with one.
import { Problem } from '../../../domain/problem.ts'
import { facets } from '../../../store/archives.ts'
import { hasPeers } from '../../../store/peers.ts'
import { listRestores } from '../../../store/restores.ts'
import { redirectWith } from '../../flash.ts'
import { type MountPage, render, type WebContext } from '../../page.ts'
import { textOf, words } from '../../problem.ts'
import { type Typed, typedOf, type Wrong } from '../../typed-form.ts'
import { copiesOfArchive, sendArchive, sendForm } from '../copies/section.ts'
import { restoreRow } from '../restore/list-view.ts'
import { isComparable } from '../restore/restorable.ts'
import { transferPath } from '../transfers/view.ts'
import { findArchive, isLastGood } from './detail-query.ts'
import { archiveTitle, archiveView, stateView } from './detail-view.ts'
import { freshCatalogue } from './fresh.ts'
import { archivesView } from './list-view.ts'
import { liveState } from './live.ts'
import { countCopies, findArchives, wantedOf } from './query.ts'
import { archivePath } from './state.ts'
import { verifications } from './verification.ts'

/** Of one archive, on its page. */
const shownRestores = 5

export const mountArchives: MountPage = (app, deps) => {
  const { db, engine, sources } = deps
  const fresh = freshCatalogue(deps)
  const verification = verifications(deps)

  app.get('/archives', async (c) => {
    const wanted = wantedOf(c.req.query())
    const { unfinished, problem } = await fresh()
    const [found, choices] = await Promise.all([findArchives(db, wanted), facets(db)])
    const copies = await countCopies(
      db,
      found.rows.map((row) => row.name),
    )
    const list = archivesView({ ...found, copies }, choices, wanted, unfinished, engine.verifying(), words(c))
    const model = { list, problem: problem === null ? null : textOf(c, problem) }
    return render(c, 'archives/list', model, { title: c.get('t')('archives.title') })
  })

  app.post('/archives/rescan', async (c) => {
    const { problem } = await fresh(true)
    if (problem !== null) throw problem
    return redirectWith(c, '/archives', 'archives.flash.rescanned')
  })

  app.get('/archives/:name', (c) => archivePage(c))

  app.post('/archives/:name/send', async (c) => {
    const { name } = await archiveOf(c)
    const sent = await sendArchive(c, name)
    if ('id' in sent) return redirectWith(c, transferPath(sent.id), 'transfers.flash.queued')
    return archivePage(c, typedOf(c.get('form')), sent.wrong)
  })

  /** `wrong`: why the archive could not be sent. */
  async function archivePage(c: WebContext, typed: Typed = {}, wrong: Wrong | null = null) {
    const row = await archiveOf(c)
    const failure = verification.failureOf(row.name)
    const archive = archiveView(row, engine.verifying(), words(c))
    const state = stateView(row, engine.verifying(), failure && textOf(c, failure), words(c))
    const restores = await listRestores(db, { archive: row.name, limit: shownRestores })
    const model = {
      archive,
      state,
      comparable: isComparable(row, sources),
      network: await hasPeers(db),
      restores: restores.map((restore) => restoreRow(restore, words(c))),
      copies: await copiesOfArchive(c, row.name, c.get('f'), deps.clock.now()),
      send: archive.usable ? await sendForm(c, typed, wrong ?? {}) : null,
      refused: wrong?.problem ? textOf(c, wrong.problem) : null,
    }
    const title = archiveTitle(state, row.name)
    const status = wrong === null ? 200 : 422
    return render(c, 'archives/archive', model, { title, status, here: archivePath(row.name) })
  }

  app.get('/archives/:name/live', async (c) => {
    const { name } = await archiveOf(c)
    return liveState(c, name, verification)
  })

  app.post('/archives/:name/verify', async (c) => {
    const { name } = await archiveOf(c)
    const archive = await verification.begin(name, c.get('user'))
    if (archive === null) return redirectWith(c, archivePath(name), 'archives.flash.verifying')
    return archive.state === 'corrupted'
      ? redirectWith(c, archivePath(name), 'archives.flash.corrupted', {}, 'failed')
      : redirectWith(c, archivePath(name), 'archives.flash.verified')
  })

  for (const [action, pinned] of [
    ['pin', true],
    ['unpin', false],
  ] as const) {
    app.post(`/archives/:name/${action}`, async (c) => {
      const { name } = await archiveOf(c)
      await engine.setPinned(name, pinned, c.get('user'))
      return redirectWith(c, archivePath(name), pinned ? 'archives.flash.pinned' : 'archives.flash.unpinned')
    })
  }

  app.get('/archives/:name/delete', async (c) => confirmation(c, ''))

  app.post('/archives/:name/delete', async (c) => {
    const row = await archiveOf(c)
    const typed = c.get('form').get('name')?.trim() ?? ''
    if ((await isLastGood(db, row)) && typed !== row.name) return confirmation(c, typed, true)
    await engine.deleteArchive(row.name, c.get('user'))
    const size = c.get('f').size(row.size_bytes)
    return redirectWith(c, '/archives', 'archives.flash.deleted', { name: row.name, size })
  })

  /** Says exactly what would go; `wrong` when the name had to be typed and was not. */
  async function confirmation(c: WebContext, typed: string, wrong = false) {
    const row = await archiveOf(c)
    const archive = archiveView(row, engine.verifying(), words(c))
    const model = { archive, lastGood: await isLastGood(db, row), typed, wrong }
    const title = c.get('t')('archives.delete.title', { name: row.name })
    const here = `${archivePath(row.name)}/delete`
    return render(c, 'archives/delete', model, { title, status: wrong ? 422 : 200, here })
  }

  async function archiveOf(c: WebContext) {
    const name = c.req.param('name') ?? ''
    const row = await findArchive(db, name)
    if (row === null) throw new Problem('archive_not_found', { archive: name })
    return row
  }
}
