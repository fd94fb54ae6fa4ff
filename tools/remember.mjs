// After `npm ci`: fills the cache of compiled code (see bin/backupmanager.js), so that the very first start is as quick and
// small as the later ones. Never fails an installation: everything works without.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

if (Number(process.versions.node.split('.')[0]) >= 24) {
  spawnSync(process.execPath, [fileURLToPath(new URL('../bin/backupmanager.js', import.meta.url)), 'version'])
}
