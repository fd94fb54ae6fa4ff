// Size of a job's archives over time, as one line; the words beside it say the same.

export interface SizePoint {
  /** Epoch milliseconds. */
  readonly at: number
  readonly bytes: number
}

/** Paths for `viewBox="0 0 600 120"`; null when there is nothing to compare. */
export interface SizeChart {
  readonly line: string
  readonly area: string
  readonly dots: string
  readonly least: number
  readonly most: number
  readonly first: SizePoint
  readonly last: SizePoint
}

const width = 600
const height = 120
const margin = 6

/**
 * The chart of sizes by time; the scale starts at zero, so that a small change looks small.
 * At least two points at different times are needed.
 */
export function sizeChart(points: readonly SizePoint[]): SizeChart | null {
  const sorted = points.toSorted((a, b) => a.at - b.at)
  const first = sorted[0]
  const last = sorted.at(-1)
  if (first === undefined || last === undefined || last.at <= first.at) return null
  const most = Math.max(...sorted.map((p) => p.bytes))
  const least = Math.min(...sorted.map((p) => p.bytes))
  const x = (p: SizePoint) =>
    round(margin + ((p.at - first.at) / (last.at - first.at)) * (width - 2 * margin))
  const y = (p: SizePoint) => round(height - margin - (p.bytes / Math.max(most, 1)) * (height - 3 * margin))
  const line = sorted.map((p, i) => `${i === 0 ? 'M' : 'L'}${x(p)} ${y(p)}`).join('')
  return {
    line,
    area: `${line}L${x(last)} ${height - margin}L${x(first)} ${height - margin}Z`,
    // A zero-length stroke with round ends is a dot.
    dots: sorted.length > 60 ? '' : sorted.map((p) => `M${x(p)} ${y(p)}h0`).join(''),
    least,
    most,
    first,
    last,
  }
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
