// Everything about restores: the wizard, the restores that were started, and their history.
import type { MountPage } from '../../page.ts'
import { mountRestores } from './restores.ts'
import { mountWizard } from './wizard.ts'

export const mountRestore: MountPage = (app, deps) => {
  mountWizard(app, deps)
  mountRestores(app, deps)
}
