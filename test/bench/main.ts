// `npm run bench`: the figures of the bars, measured on this machine now. Ratios are against the plain tool in the same run.
// `-- retention server custom-dir restore` runs only some.
import { benchContents } from './contents.ts'
import { benchCustomDir } from './custom-dir.ts'
import { benchRetention } from './decisions.ts'
import { report } from './measure.ts'
import { benchRestore } from './restore.ts'
import { benchServer } from './server.ts'
import { benchTransfer } from './transfer.ts'
import { chaosTransfers, overTheBar } from '../support/chaos-transfers.ts'

const all: Readonly<Record<string, () => Promise<void>>> = {
  retention: benchRetention,
  server: benchServer,
  contents: benchContents,
  'custom-dir': async () => {
    await benchCustomDir()
  },
  restore: benchRestore,
  transfer: benchTransfer,
  chaos: async () => {
    const result = await chaosTransfers(1000, 20_261_121)
    console.log(JSON.stringify(result))
    report(
      '1,000 transfers over a line that breaks',
      overTheBar(result) ?? 'met',
      'equal; twice ≤ 2 % + a chunk per cut',
    )
  },
}

const wanted = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(all)
for (const name of wanted) {
  const bench = all[name]
  if (!bench) throw new Error(`no such bench: ${name}; there are ${Object.keys(all).join(', ')}`)
  console.log(`\n${name}`)
  await bench()
}
