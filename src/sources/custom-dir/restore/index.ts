// How archives of a directory come back: all of it in one exchange, with the user, the service and the rest of the recipe.
import type { Restorer } from '../../source.ts'
import type { Settings } from '../settings.ts'
import { apply, changes } from './apply.ts'
import { drill } from './drill.ts'
import { plan } from './prepare.ts'
import { recall } from './recall.ts'

export const restore: Restorer<Settings> = {
  options: ['target_path', 'paths', 'recipe', 'devices'],
  drills: ['extract'],
  recall,
  plan,
  apply,
  changes,
  drill,
}
