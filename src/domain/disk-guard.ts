// Decides whether a run may start: the disk must never fill up because of a backup.
import { Problem } from './problem.ts'

const gibibyte = 1024 ** 3

/** All sizes in bytes. `neededBytes` is what the archive needs with a margin; null when nobody can tell. */
export type DiskVerdict =
  | { readonly ok: true; readonly reserveBytes: number }
  | {
      readonly ok: false
      readonly neededBytes: number | null
      readonly freeBytes: number
      readonly reserveBytes: number
      /** What is missing: needed + reserve - free. */
      readonly shortBytes: number
    }

/**
 * An archive of `neededBytes` and 10 % more must fit and still leave the reserve free.
 * Without an estimate (null) only the reserve is checked. Default reserve: 5 % of the disk, at most 1 GiB.
 */
export function diskGuard(disk: {
  readonly neededBytes: number | null
  readonly freeBytes: number
  readonly totalBytes: number
  readonly reserveBytes: number | null
}): DiskVerdict {
  const { freeBytes } = disk
  const reserveBytes = disk.reserveBytes ?? Math.min(Math.floor(disk.totalBytes * 0.05), gibibyte)
  const neededBytes = disk.neededBytes === null ? null : disk.neededBytes + Math.ceil(disk.neededBytes / 10)
  const shortBytes = (neededBytes ?? 0) + reserveBytes - freeBytes
  return shortBytes <= 0
    ? { ok: true, reserveBytes }
    : { ok: false, neededBytes, freeBytes, reserveBytes, shortBytes }
}

/** {@link diskGuard} as a refusal: `insufficient_storage` unless it fits. */
export function mustLeaveRoom(disk: Parameters<typeof diskGuard>[0]): void {
  const verdict = diskGuard(disk)
  if (verdict.ok) return
  throw new Problem('insufficient_storage', {
    needed: verdict.neededBytes ?? 0,
    free: Math.max(0, verdict.freeBytes),
    reserve: verdict.reserveBytes,
    short: verdict.shortBytes,
  })
}
