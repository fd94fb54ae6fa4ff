import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import BetterSqlite3 from 'better-sqlite3'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openDatabase } from './database.ts'
import { findings } from './migrate.ts'
import { finishRun, getRun, openRuns } from './runs.ts'
import { runEnd, T0 } from './testing.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'bm-crash-'))
})
afterEach(() => {
  rmSync(dir, { recursive: true, force: true })
})

/** Lets a child write runs until it has acknowledged that many, and kills it at whatever it is doing then. */
async function writeAndKill(file: string, runs: number): Promise<number[]> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'children/write-runs.ts'), file], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const acknowledged: number[] = []
  const lines = createInterface({ input: child.stdout })
  lines.on('line', (line) => {
    acknowledged.push(Number(line))
    if (acknowledged.length === runs) child.kill('SIGKILL')
  })
  const [[code, signal]] = await Promise.all([once(child, 'exit'), once(lines, 'close')])
  expect([code, signal]).toEqual([null, 'SIGKILL'])
  return acknowledged
}

it('everything that a killed process had acknowledged is there, and the file is whole, again and again', async () => {
  const file = join(dir, 'backupmanager.db')
  const acknowledged: number[] = []
  for (const runs of [1, 37, 150, 300]) {
    const written = await writeAndKill(file, runs)
    expect(written.length).toBeGreaterThanOrEqual(runs)
    acknowledged.push(...written)
    expect(readdirSync(dir)).toContain('backupmanager.db-wal')

    await using database = await openDatabase(file, { now: T0 })
    for (const id of acknowledged) {
      expect(await getRun(database.db, id)).toMatchObject({
        status: 'success',
        sizeBytes: id,
        progressDone: id,
      })
    }
    // What was under way is either there as open or not at all; it is closed here, as recovery does it.
    const open = await openRuns(database.db)
    expect(open.length).toBeLessThanOrEqual(1)
    for (const run of open) {
      expect(acknowledged).not.toContain(run.id)
      await finishRun(database.db, run.id, runEnd({ status: 'interrupted', archiveName: null }))
    }
    await database.close()
    const raw = new BetterSqlite3(file)
    expect(findings(raw, 'integrity_check')).toEqual([])
    raw.close()
  }
}, 60_000)
