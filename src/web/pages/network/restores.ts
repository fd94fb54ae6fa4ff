// The live page of a restore that another instance carries out for this one.
import { Problem } from '../../../domain/problem.ts'
import { remoteRestore } from '../../../engine/network/remote.ts'
import { getPeer } from '../../../store/peers.ts'
import { getRemoteRestore } from '../../../store/remote-restores.ts'
import { getTransfer } from '../../../store/transfers.ts'
import type { Formats } from '../../i18n.ts'
import { liveParts } from '../../live-parts.ts'
import { fragment, type MountPage, render, type WebContext } from '../../page.ts'
import { remoteRestoreView, remoteTitle } from './remote-state.ts'

export const mountRemoteRestores: MountPage = (app, { db, clock }) => {
  app.get('/network/restores/:id{[0-9]+}', async (c) => {
    const page = await viewOf(c, c.get('f'))
    const model = { page, refresh: page.open ? 5 : 0 }
    return render(c, 'network/restore', model, { title: remoteTitle(page) })
  })

  app.get('/network/restores/:id{[0-9]+}/events', (c) =>
    liveParts(c, async (f) => {
      if ((await getRemoteRestore(db, Number(c.req.param('id')))) === null) return null
      const page = await viewOf(c, f)
      return {
        title: remoteTitle(page),
        parts: {
          'remote-news': fragment(c, 'news', { text: page.news }),
          'remote-status': fragment(c, 'network-restore-status', { page }),
        },
        busy: page.open,
      }
    }),
  )

  async function viewOf(c: WebContext, f: Formats) {
    const id = Number(c.req.param('id'))
    const row = await getRemoteRestore(db, id)
    if (row === null) throw new Problem('restore_not_found', { id })
    const restore = remoteRestore(row)
    const peer = await getPeer(db, restore.peerId)
    if (peer === null) throw new Problem('peer_not_found', { id: restore.peerId })
    const transfer = restore.transferId === null ? null : await getTransfer(db, restore.transferId)
    return remoteRestoreView(restore, peer.name, transfer, clock.now(), { t: c.get('t'), f })
  }
}
