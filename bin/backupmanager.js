#!/usr/bin/env node
// Plain JavaScript on purpose: an older Node must be told what to do before it meets syntax or addons it cannot load.
const major = Number(process.versions.node.split('.')[0])
if (major < 24) {
  process.stderr.write(
    `backupmanager needs Node.js 24 or newer; this is ${process.versions.node} (${process.execPath}).\n` +
      'Run it through npm (npm start), which brings its own Node.js, or install Node.js 24.\n',
  )
  process.exit(78)
}
const { main } = await import('../src/main.ts')
await main(process.argv.slice(2))
