// The home page, and the one click that protects apps.
import { isProblem } from '../../../domain/problem.ts'
import type { Engine, Offers } from '../../../engine/engine.ts'
import { redirectWith } from '../../flash.ts'
import { render, type MountPage, type WebContext } from '../../page.ts'
import { textOf } from '../../problem.ts'
import { filters, homeReader, type HomeQuery } from './facts.ts'
import { liveHome, stampOf } from './live.ts'
import { protect, protectChoice, protectJobs } from './protect.ts'
import { homeTitle, homeView } from './view.ts'

const longestSearch = 100

export const mountHome: MountPage = (app, deps) => {
  const reader = homeReader(deps)
  const { engine, config } = deps

  app.get('/', async (c) => {
    const query = queryOf(c)
    const facts = await reader.read(query, c.get('language'), c.get('t'), c.get('f'))
    const page = homeView(facts, c.get('t'), c.get('f'))
    const again = new URLSearchParams({ ...c.req.query(), seen: stampOf(page) })
    const model = {
      page,
      form: { timeZone: config.timeZone },
      live: `/home/events?${again.toString()}`,
    }
    return render(c, 'home/home', model, { title: homeTitle(facts, c.get('t')) })
  })

  app.get('/home/events', (c) => liveHome(c, reader, queryOf(c)))

  app.post('/jobs/protect', async (c) => {
    const choice = protectChoice(c.get('form'))
    const offers = await offersOrNull(engine)
    if (offers === null) return redirectWith(c, '/', 'home.attention.apps_unknown', {}, 'failed')
    const inputs = protectJobs(choice, offers, await reader.protectedApps())
    if (inputs.length === 0) return redirectWith(c, '/', 'home.flash.nothing', {}, 'warning')
    const { created, failed } = await protect(engine, inputs, c.get('user'))
    if (choice.startNow) for (const job of created) await engine.startRun(job.id, 'manual', c.get('user'))
    const [first] = failed
    if (first !== undefined) {
      const facts = { created: created.length, count: failed.length, name: first.name }
      const reason = textOf(c, first.problem).title
      return redirectWith(c, '/', 'home.flash.some_failed', { ...facts, reason }, 'failed')
    }
    return redirectWith(c, '/', 'home.flash.protected', { count: created.length })
  })
}

/** Null when YunoHost cannot be asked: the home page then says why. */
async function offersOrNull(engine: Engine): Promise<Offers | null> {
  try {
    return await engine.offers()
  } catch (error) {
    if (isProblem(error)) return null
    throw error
  }
}

function queryOf(c: WebContext): HomeQuery {
  const page = c.req.query('page') ?? ''
  return {
    search: (c.req.query('q') ?? '').trim().slice(0, longestSearch),
    only: filters.find((filter) => filter === c.req.query('only')) ?? '',
    page: /^[1-9]\d{0,4}$/.test(page) ? Number(page) - 1 : 0,
  }
}
