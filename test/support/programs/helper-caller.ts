// A server that calls the root helper and waits: tests kill it. Arguments: entry, operation, hook command.
import { createHelper } from '../../../src/sys/helper-client.ts'

const [, , entry = '', operation = '', command = ''] = process.argv
const helper = createHelper({
  target: { kind: 'direct', entry },
  env: { BM_ARCHIVES_DIR: '/nowhere', BM_DATA_DIR: '/nowhere' },
})
await helper.call('hook', { command, env: {} }, { operation })
