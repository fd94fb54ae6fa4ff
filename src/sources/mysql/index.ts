// The source `mysql`: one database of a MariaDB or MySQL server, with the accounts that use it.
import { slug } from '../../domain/archive-name.ts'
import type { Source } from '../source.ts'
import { check, estimate, offers } from './check.ts'
import { produce } from './produce.ts'
import { restore } from './restore/index.ts'
import { settingsSchema, type Settings } from './settings.ts'
import { mainTools } from './tools.ts'

export const mysql: Source<Settings> = {
  id: 'mysql',
  settings: settingsSchema,
  secrets: ['password'],
  connection: ['user', 'host', 'port', 'socket'],
  lane: 'general',
  tools: mainTools,
  supportsCoreOnly: false,
  subject: ({ database }) => `mysql_${slug(database)}`,
  offers,
  check,
  estimate,
  produce,
  restore,
}
