// A real instance, a real client, and a line between them that breaks all the time. `npm run bench -- chaos` does it a thousand times.
import { expect, test } from 'vitest'
import { chaosTransfers, overTheBar } from '../support/chaos-transfers.ts'

test(
  'archives arrive equal through a line that breaks, and little is sent twice',
  { timeout: 300_000 },
  async () => {
    const result = await chaosTransfers(15, 4711)
    expect(overTheBar(result), JSON.stringify(result)).toBeNull()
    // The line did break.
    expect(result.faults).toBeGreaterThan(3)
  },
)
