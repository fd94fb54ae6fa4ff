// How archives of databases come back.
import type { Restorer } from '../../source.ts'
import type { Settings } from '../settings.ts'
import { apply } from './apply.ts'
import { changes } from './changes.ts'
import { drill } from './drill.ts'
import { plan } from './plan.ts'

const remembered = ['database', 'user', 'host', 'port', 'socket'] as const

export const restore: Restorer<Settings> = {
  options: ['target_database'],
  drills: ['load'],
  recall: ({ backupInfo }) => {
    if (typeof backupInfo?.['database'] !== 'string') return null
    return Object.fromEntries(
      remembered.flatMap((key) => (backupInfo[key] === undefined ? [] : [[key, backupInfo[key]]])),
    )
  },
  plan,
  apply,
  changes,
  drill,
}
