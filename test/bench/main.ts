// `npm run bench`: the figures of the bars, measured on this machine now. Ratios are against the plain tool in the same run.
// `-- retention server custom-dir restore` runs only some.
import { benchContents } from './contents.ts'
import { benchCustomDir } from './custom-dir.ts'
import { benchRetention } from './decisions.ts'
import { benchRestore } from './restore.ts'
import { benchServer } from './server.ts'

const all: Readonly<Record<string, () => Promise<void>>> = {
  retention: benchRetention,
  server: benchServer,
  contents: benchContents,
  'custom-dir': async () => {
    await benchCustomDir()
  },
  restore: benchRestore,
}

const wanted = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(all)
for (const name of wanted) {
  const bench = all[name]
  if (!bench) throw new Error(`no such bench: ${name}; there are ${Object.keys(all).join(', ')}`)
  console.log(`\n${name}`)
  await bench()
}
