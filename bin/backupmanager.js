#!/usr/bin/env node
// Plain JavaScript on purpose: an older Node must be told what to do before it meets syntax or addons it cannot load.
import { mkdirSync, statSync } from 'node:fs'
// As a whole: a name that an older Node does not have would end it before it can be told.
import * as nodeModule from 'node:module'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'

const major = Number(process.versions.node.split('.')[0])
if (major < 24) {
  process.stderr.write(
    `backupmanager needs Node.js 24 or newer; this is ${process.versions.node} (${process.execPath}).\n` +
      'Run it through npm (npm start), which brings its own Node.js, or install Node.js 24.\n',
  )
  process.exit(78)
}
rememberCompiledCode()
// A server that idles for days should not keep the room that its start needed.
if (process.argv[2] === 'serve') setFlagsFromString('--semi-space-growth-factor=1')
const { main } = await import('../src/main.ts')
await main(process.argv.slice(2))

/**
 * Keeps compiled code beside the installed packages: starts take half the time, and the part of Node that strips types
 * is not even loaded. What is in that folder is executed, also by root, so nobody but the owner of this program's code
 * may be able to write there; otherwise it is not used.
 */
function rememberCompiledCode() {
  const code = statSync(fileURLToPath(import.meta.url))
  const folder = fileURLToPath(new URL('../node_modules/.cache/backupmanager', import.meta.url))
  try {
    if (process.getuid?.() === code.uid) mkdirSync(folder, { recursive: true, mode: 0o755 })
    const cache = statSync(folder)
    if (cache.uid === code.uid && (cache.mode & 0o022) === 0) nodeModule.enableCompileCache(folder)
  } catch {
    // A read-only or unusual installation: everything works without, only slower.
  }
}
