import { expect, test } from 'vitest'
import { wholeOnly, withOtherDatabase, withOtherSequences } from './rename.ts'

async function* pieces(text: string, size: number): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(text, 'utf8')
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function textOf(bytes: AsyncIterable<Buffer>): Promise<string> {
  const all: Buffer[] = []
  for await (const piece of bytes) all.push(Buffer.from(piece))
  return Buffer.concat(all).toString('utf8')
}

const table = [
  'CREATE TABLE `t` (',
  "  `id` int DEFAULT nextval(`é`.`s`) COMMENT 'é',",
  '  `l` int DEFAULT (lastval(`é`.`s`) + nextval(`other`.`s`)),',
  ') ENGINE=InnoDB;',
  "INSERT INTO `t` VALUES ('  `nextval(`é`.`s`)'),",
  "(1,'nextval(`é`.`s`)');",
  `('${'x'.repeat(300_000)}nextval(\`é\`.\`s\`)');`,
  '',
].join('\n')

test.each([1, 5, 100, 1 << 20])(
  'defaults by sequences follow, rows do not (%i bytes at a time)',
  async (size) => {
    const small = size === 1 ? table.replace('x'.repeat(300_000), '') : table
    const changed = await textOf(withOtherSequences(pieces(small, size), 'é', 'new'))
    expect(changed.split('\n').slice(1, 3)).toEqual([
      "  `id` int DEFAULT nextval(`new`.`s`) COMMENT 'é',",
      '  `l` int DEFAULT (lastval(`new`.`s`) + nextval(`other`.`s`)),',
    ])
    expect(changed.split('\n').slice(3)).toEqual(small.split('\n').slice(3))
  },
)

test.each([
  ['select `wp`.`id` AS `id` from `wp`', 'select `wp`.`id` AS `id` from `wp`'],
  ['select `wp`.`wp`.`wp` AS `x` from `wp`', 'select `b`.`wp`.`wp` AS `x` from `wp`'],
  ['select nextval(`wp`.`s`) AS `n`', 'select nextval(`b`.`s`) AS `n`'],
  ["select `wp`.`f`(1),'`wp`.`f`(1)' AS `n`", "select `b`.`f`(1),'`wp`.`f`(1)' AS `n`"],
  ["select 'it''s \\' `wp`.`a`.`b`',`wp`.`a`.`b`", "select 'it''s \\' `wp`.`a`.`b`',`b`.`a`.`b`"],
  ['select `x`.`wp`.`c`,`a``wp`.`a`.`c`', 'select `x`.`wp`.`c`,`a``wp`.`a`.`c`'],
])('in a view the database is told from a table of the same name: %s', async (from, to) => {
  const line = (body: string): string => `/*!50001 VIEW \`v\` AS ${body} */;\n-- \`wp\`.\`a\`.\`b\`\n`
  expect(await textOf(withOtherDatabase(pieces(line(from), 7), 'wp', 'b'))).toBe(line(to))
})

test('a part without its end breaks off instead of being taken for all', async () => {
  const broken = (): Error => new Error('broken')
  expect(await textOf(wholeOnly(pieces('a\nEND\n', 2), (tail) => tail.endsWith('END\n'), broken))).toBe(
    'a\nEND\n',
  )
  await expect(
    textOf(wholeOnly(pieces('a\nEN', 2), (tail) => tail.endsWith('END\n'), broken)),
  ).rejects.toThrow('broken')
})
