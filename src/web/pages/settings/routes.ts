// The settings page: what an admin changes here, and what this instance is.
import { isProblem } from '../../../domain/problem.ts'
import { redirectWith } from '../../flash.ts'
import { type MountPage, render, type WebContext } from '../../page.ts'
import { fieldText } from '../../problem-text.ts'
import { words } from '../../problem.ts'
import { instanceFacts } from './facts.ts'
import { readForm, settingFields } from './fields.ts'

export const mountSettings: MountPage = (app, deps) => {
  const { engine } = deps

  app.get('/settings', (c) => page(c))

  app.post('/settings', async (c) => {
    const { change, errors } = readForm(c.get('form'), c.get('t'))
    if (Object.keys(errors).length > 0) return page(c, errors)
    try {
      await engine.updateSettings(change, c.get('user'))
    } catch (error) {
      if (!isProblem(error, 'validation_failed')) throw error
      return page(c, Object.fromEntries(error.errors.map((one) => [one.field, fieldText(words(c), one)])))
    }
    return redirectWith(c, '/settings', 'settings.flash.saved')
  })

  async function page(c: WebContext, errors?: Readonly<Record<string, string>>) {
    const t = c.get('t')
    const wrong = errors && { typed: c.get('form'), errors }
    const model = {
      fields: settingFields(engine.settings(), t, wrong),
      wrong: errors !== undefined,
      facts: await instanceFacts(deps, t),
    }
    return render(c, 'settings/settings', model, {
      title: t('settings.title'),
      status: errors ? 422 : 200,
      here: '/settings',
    })
  }
}
