// The activity page: the audit log, newest first.
import { listActivity } from '../../../store/activity.ts'
import { type MountPage, render } from '../../page.ts'
import { words } from '../../problem.ts'
import { activityRow } from './view.ts'

const pageSize = 100

export const mountActivity: MountPage = (app, { db }) => {
  app.get('/activity', async (c) => {
    const before = /^\d{1,15}$/.exec(c.req.query('before') ?? '')?.[0]
    const entries = await listActivity(db, {
      limit: pageSize + 1,
      ...(before === undefined ? {} : { beforeId: Number(before) }),
    })
    const shown = entries.slice(0, pageSize)
    const last = shown.at(-1)
    const model = {
      rows: shown.map((entry) => activityRow(entry, words(c))),
      older: last !== undefined && entries.length > pageSize ? `/activity?before=${last.id}` : '',
      newest: before === undefined ? '' : '/activity',
    }
    return render(c, 'activity/activity', model, { title: c.get('t')('activity.title') })
  })
}
