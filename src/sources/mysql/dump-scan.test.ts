import { expect, test } from 'vitest'
import { dumpScan, type DumpEnd } from './dump-scan.ts'

const head =
  "/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump 10.19\n/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;\n"
const whole = `${head}
CREATE SEQUENCE \`s\` start with 1;
DROP TABLE IF EXISTS \`a\`;
CREATE TABLE \`a\` (
  \`x\` int
);
INSERT INTO \`a\` VALUES
('\\nCREATE TABLE \`no\` (');
CREATE TABLE \`we\`\`ird é\` (
);

-- Dump completed
`

/** Scans a text in pieces of so many bytes. */
function scan(text: string, size: number): DumpEnd & { readonly written: string } {
  const bytes = Buffer.from(text, 'utf8')
  const dump = dumpScan()
  const pieces: Buffer[] = []
  for (let at = 0; at < bytes.length; at += size)
    pieces.push(Buffer.from(dump.push(bytes.subarray(at, at + size))))
  const end = dump.end()
  return { ...end, written: Buffer.concat([...pieces, end.rest]).toString('utf8') }
}

test.each([1, 2, 7, 64, 1000, 1 << 20])(
  'sees the tables of a dump that comes in pieces of %i bytes',
  (size) => {
    // Longer than what is held back at the beginning.
    const text = whole.replace('DROP', `-- ${'x'.repeat(10_000)}\nDROP`)
    const { fault, tables, sequences, written, longestLine } = scan(text, size)
    expect(fault).toBe('')
    expect([...tables]).toEqual(['a', 'we`ird é'])
    expect([...sequences]).toEqual(['s'])
    expect(written).toBe(text.replace('NO_AUTO_VALUE_ON_ZERO', 'NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES'))
    if (size < 1000) expect(longestLine).toBeGreaterThanOrEqual(10_003)
  },
)

test.each([
  ['', 'begin'],
  ['\n', 'begin'],
  [whole.slice(0, -30), 'end'],
  [whole.replace('-- Dump completed', '-- Dump'), 'end'],
  [`${whole}CREATE TABLE x (a INT);\n`, 'end'],
  [whole.replace('-- MariaDB dump', '-- Something'), 'begin'],
  [whole.replace("SQL_MODE='NO_AUTO_VALUE_ON_ZERO'", ''), 'mode'],
])('a dump that is not whole has a fault', (text, word) => {
  expect(scan(text, 100).fault).toContain(word)
})

test('the older and the dated forms are whole, too', () => {
  const old = whole
    .replace(/^.*\n/, '')
    .replace('-- Dump completed\n', '-- Dump completed on 2026-11-21  7:29:11\n')
  expect(scan(old, 50).fault).toBe('')
  expect(scan(old.replace('-- MariaDB dump', '-- MySQL dump'), 50).fault).toBe('')
})
