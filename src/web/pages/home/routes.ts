// The home page, and the one click that protects apps.
import { redirectWith } from '../../flash.ts'
import { render, type MountPage } from '../../page.ts'
import { textOf } from '../../problem.ts'
import { filters, homeReader } from './facts.ts'
import { protect, protectChoice, protectJobs } from './protect.ts'
import { homeTitle, homeView } from './view.ts'

const longestSearch = 100

export const mountHome: MountPage = (app, deps) => {
  const reader = homeReader(deps)
  const { engine, config } = deps

  app.get('/', async (c) => {
    const only = filters.find((filter) => filter === c.req.query('only')) ?? ''
    const page = /^[1-9]\d{0,4}$/.test(c.req.query('page') ?? '') ? Number(c.req.query('page')) - 1 : 0
    const search = (c.req.query('q') ?? '').trim().slice(0, longestSearch)
    const facts = await reader.read({ search, only, page }, c.get('language'), c.get('t'), c.get('f'))
    const model = { page: homeView(facts, c.get('t'), c.get('f')), form: { timeZone: config.timeZone } }
    return render(c, 'home/home', model, { title: homeTitle(facts, c.get('t')) })
  })

  app.post('/jobs/protect', async (c) => {
    const choice = protectChoice(c.get('form'))
    const inputs = protectJobs(choice, await engine.offers(), await reader.protectedApps())
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
