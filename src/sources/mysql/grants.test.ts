import { describe, expect, test } from 'vitest'
import { grantScript, lacking, parseStatement, reducedGrant, rightsOn } from './grants.ts'
import { patternCovers } from './names.ts'
import { parseUsers } from './restore/users.ts'

const reduced = (line: string, database = 'my_app', target?: string): string | null => {
  const statement = parseStatement(line)
  return statement === null ? null : reducedGrant(statement, database, target)
}

describe('what a grant gives on one database', () => {
  test.each([
    ['GRANT ALL PRIVILEGES ON *.* TO `a`@`%` WITH GRANT OPTION', null],
    ['GRANT SUPER, FILE ON *.* TO `a`@`%`', null],
    ["GRANT USAGE ON *.* TO `a`@`%` IDENTIFIED BY PASSWORD '*X'", null],
    ['GRANT SELECT ON `%`.* TO `a`@`%`', null],
    ['GRANT SELECT ON `other`.* TO `a`@`%`', null],
    ['GRANT SELECT ON `my\\_app2`.* TO `a`@`%`', null],
    ['GRANT SELECT ON `other`.`my_app` TO `a`@`%`', null],
    ["GRANT PROXY ON ''@'%' TO 'root'@'localhost' WITH GRANT OPTION", null],
    ['GRANT SELECT, INSERT ON `my_app`.* TO `a`@`%`', 'GRANT SELECT, INSERT ON `my\\_app`.* TO `a`@`%`;'],
    [
      'GRANT SELECT ON `my%`.* TO `a`@`%` WITH GRANT OPTION',
      'GRANT SELECT ON `my\\_app`.* TO `a`@`%` WITH GRANT OPTION;',
    ],
    [
      'GRANT SELECT (`a``b`, `c`), INSERT ON `my_app`.`t` TO `a`@`h`',
      'GRANT SELECT (`a``b`, `c`), INSERT ON `my_app`.`t` TO `a`@`h`;',
    ],
    ['GRANT EXECUTE ON FUNCTION `my_app`.`f` TO `role`', 'GRANT EXECUTE ON FUNCTION `my_app`.`f` TO `role`;'],
    [
      'GRANT EXECUTE ON PACKAGE BODY `my_app`.`f` TO `a`@`h`',
      'GRANT EXECUTE ON PACKAGE BODY `my_app`.`f` TO `a`@`h`;',
    ],
  ])('%s', (line, sql) => {
    expect(reduced(line)).toBe(sql)
  })

  test('can be given on another one', () => {
    expect(reduced('GRANT SELECT ON `my_app`.* TO `a`@`%`', 'my_app', 'x_%y')).toBe(
      'GRANT SELECT ON `x\\_\\%y`.* TO `a`@`%`;',
    )
    expect(reduced('GRANT SELECT ON `my_app`.`t` TO `a`@`%`', 'my_app', 'b`c')).toBe(
      'GRANT SELECT ON `b``c`.`t` TO `a`@`%`;',
    )
  })
})

test.each([
  'CREATE USER `a`@`%`; DROP DATABASE x',
  'CREATE USER `a`@`%`, `b`@`%`',
  "CREATE USER `a`@`%` IDENTIFIED BY 'x' /* */",
  'CREATE USER `a`@`%` -- x',
  'CREATE ROLE `a`@`%`',
  'CREATE ROLE `a` WITH ADMIN `b`',
  'GRANT SELECT ON `a`.* TO `b`@`%`, `c`@`%`',
  'GRANT SELECT ON `a`.* TO `b`@`%` REQUIRE NONE',
  'GRANT SELECT ON `a` TO `b`@`%`',
  'GRANT SELECT ON a.* TO `b`@`%`',
  'DROP USER `a`@`%`',
  'SET PASSWORD FOR `a`@`%` = 1',
  'GRANT SELECT ON `a`.* TO `b`@`%`\u0000',
])('is not understood, and so never executed: %s', (line) => {
  expect(parseStatement(line)).toBeNull()
})

test('a users.sql that gives rights to somebody else, or beyond the database, is refused', () => {
  const create = 'CREATE USER IF NOT EXISTS `a`@`%`;\n'
  expect(parseUsers(`${create}GRANT SELECT ON \`x\`.* TO \`a\`@\`%\`;\n`, 'x')).toHaveLength(2)
  expect(parseUsers(`${create}GRANT SELECT ON \`x\`.* TO \`b\`@\`%\`;\n`, 'x')).toBeNull()
  expect(parseUsers(`${create}GRANT SELECT ON \`y\`.* TO \`a\`@\`%\`;\n`, 'x')).toBeNull()
  expect(parseUsers(`${create}GRANT \`dba\` TO \`a\`@\`%\`;\n`, 'x')).toBeNull()
  expect(
    parseUsers(
      grantScript(['CREATE USER IF NOT EXISTS `a`@`%`;', 'GRANT EXECUTE ON PACKAGE `x`.`p` TO `a`@`%`;']),
      'x',
    ),
  ).toHaveLength(2)
})

test('rights are counted where they hold', () => {
  const lines = [
    'GRANT SELECT, SHOW VIEW ON *.* TO `a`@`%`',
    'GRANT TRIGGER ON `sho_`.* TO `a`@`%`',
    'GRANT EVENT ON `shop`.`t` TO `a`@`%`',
  ]
  const statements = lines.map(parseStatement).filter((one) => one !== null)
  expect(lacking(rightsOn(statements, 'shop'), ['SELECT', 'TRIGGER', 'EVENT'])).toEqual(['EVENT'])
  expect(lacking(rightsOn(statements, null), ['SELECT', 'TRIGGER'])).toEqual(['TRIGGER'])
  expect(lacking(new Set(['ALL PRIVILEGES']), ['EVENT'])).toEqual([])
})

test.each([
  ['a_c', 'abc', true],
  ['a\\_c', 'abc', false],
  ['a\\_c', 'a_c', true],
  ['%', 'x', true],
  ['a.c', 'abc', false],
  ['a(b[c{', 'a(b[c{', true],
  ['A', 'a', false],
  ['été%', 'été-1', true],
])('the pattern %s and the name %s', (pattern, name, covers) => {
  expect(patternCovers(pattern, name)).toBe(covers)
})
