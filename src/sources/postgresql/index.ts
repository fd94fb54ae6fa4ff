// The source `postgresql`: one database of a PostgreSQL server, as a dump that its own tools and a stock YunoHost can load.
import { slug } from '../../domain/archive-name.ts'
import type { Source } from '../source.ts'
import { check, estimate, offers } from './check.ts'
import { produce } from './produce.ts'
import { apply } from './restore/apply.ts'
import { changes } from './restore/changes.ts'
import { drill } from './restore/drill.ts'
import { plan } from './restore/plan.ts'
import { settingsSchema, type Settings } from './settings.ts'

export const postgresql: Source<Settings> = {
  id: 'postgresql',
  settings: settingsSchema,
  secrets: ['password'],
  connection: ['user', 'host', 'port', 'socket'],
  lane: 'general',
  tools: ['pg_dump', 'pg_restore', 'psql'],
  supportsCoreOnly: false,
  subject: ({ database }) => `postgresql_${slug(database)}`,
  offers,
  check,
  estimate,
  produce,
  restore: {
    options: ['target_database'],
    drills: ['load'],
    recall: ({ backupInfo }) => {
      if (backupInfo?.['type'] !== 'postgresql' || typeof backupInfo['database'] !== 'string') return null
      const keys = ['database', 'user', 'host', 'port', 'socket'] as const
      return Object.fromEntries(
        keys.flatMap((key) => (backupInfo[key] === undefined ? [] : [[key, backupInfo[key]]])),
      )
    },
    plan,
    apply,
    changes,
    drill,
  },
}
