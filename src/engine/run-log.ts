// Where the logs of runs and restores lie, one file each.
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { openLogFile, readLogFile, type LogFile, type LogPiece } from './log-file.ts'

export type { LogFile as RunLog, LogPiece } from './log-file.ts'

/** Where the log of a run lies. */
export function runLogPath(dataDir: string, runId: number): string {
  return pathOf(dataDir, 'runs', runId)
}

/** Where the log of a restore lies. */
export function restoreLogPath(dataDir: string, restoreId: number): string {
  return pathOf(dataDir, 'restores', restoreId)
}

/** See {@link openLogFile}. */
export function openRunLog(
  dataDir: string,
  runId: number,
  stamp: () => string,
  changed: () => void,
): Promise<LogFile> {
  return openLogFile(runLogPath(dataDir, runId), stamp, changed)
}

/** See {@link readLogFile}. */
export function readRunLog(
  dataDir: string,
  runId: number,
  from: number,
  maxBytes: number,
): Promise<LogPiece> {
  return readLogFile(runLogPath(dataDir, runId), from, maxBytes)
}

/** See {@link readLogFile}. */
export function readRestoreLog(
  dataDir: string,
  restoreId: number,
  from: number,
  maxBytes: number,
): Promise<LogPiece> {
  return readLogFile(restoreLogPath(dataDir, restoreId), from, maxBytes)
}

/** Removes the logs of runs whose rows are gone. */
export async function removeRunLogs(dataDir: string, runIds: readonly number[]): Promise<void> {
  for (const id of runIds) await rm(runLogPath(dataDir, id), { force: true })
}

/** Removes the logs of restores whose rows are gone. */
export async function removeRestoreLogs(dataDir: string, restoreIds: readonly number[]): Promise<void> {
  for (const id of restoreIds) await rm(restoreLogPath(dataDir, id), { force: true })
}

function pathOf(dataDir: string, kind: string, id: number): string {
  return join(dataDir, 'logs', kind, `${Math.floor(id / 1000)}`, `${id}.log`)
}
