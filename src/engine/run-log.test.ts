import { describe, expect, test } from 'vitest'
import { temporaryFolder } from '../../test/support/temp.ts'
import { openRunLog, readRunLog, removeRunLogs } from './run-log.ts'

const stamp = () => '03:00'
const quiet = () => undefined

describe('the log of a run', () => {
  test('is read by cursor while it grows', async () => {
    const folder = await temporaryFolder()
    const log = await openRunLog(folder, 7, stamp, quiet)
    log.write('out', 'first')
    log.write('err', 'second\nthird')
    await log.close()
    const start = await readRunLog(folder, 7, 0, 1024)
    expect(start).toEqual({ text: '03:00 | first\n03:00 ! second\n03:00 ! third\n', next: 43, end: true })
    expect(await readRunLog(folder, 7, start.next, 1024)).toEqual({ text: '', next: 43, end: true })
  })

  test('never cuts a character in two, wherever the piece ends', async () => {
    const folder = await temporaryFolder()
    const log = await openRunLog(folder, 1, stamp, quiet)
    log.write('out', 'été 写真 🙂')
    const whole = await log.close()
    for (let size = 4; size < 30; size += 1) {
      let text = ''
      for (let from = 0; ;) {
        const piece = await readRunLog(folder, 1, from, size)
        text += piece.text
        from = piece.next
        if (piece.end) break
      }
      expect(text).toBe(whole)
    }
  })

  test('keeps one line a line whatever a program prints', async () => {
    const folder = await temporaryFolder()
    const log = await openRunLog(folder, 1, stamp, quiet)
    log.write('out', 'red\u001b[31m\rover\u0000written\ttab')
    expect(await log.close()).toBe('03:00 | red\u{fffd}[31m\u{fffd}over\u{fffd}written\ttab\n')
  })

  test('stops growing under a flood but keeps the last lines and says how many are missing', async () => {
    const folder = await temporaryFolder()
    const log = await openRunLog(folder, 1, stamp, quiet)
    const line = 'x'.repeat(8000)
    for (let n = 0; n < 2000; n += 1) log.write('out', `${n} ${line}`)
    log.write('info', 'the very last line')
    const tail = await log.close()
    expect(tail).toContain('the very last line')
    const piece = await readRunLog(folder, 1, 0, 64 * 1024 * 1024)
    expect(piece.next).toBeLessThan(13 * 1024 * 1024)
    expect(piece.text).toMatch(/\d+ lines left out/)
    expect(piece.text).toContain('03:00 | 0 x')
    expect(piece.text).toContain('03:00 | 1999 x')
  })

  test('of an unknown run is empty, and removing is safe', async () => {
    const folder = await temporaryFolder()
    expect(await readRunLog(folder, 404, 0, 10)).toEqual({ text: '', next: 0, end: true })
    await removeRunLogs(folder, [404])
  })
})
