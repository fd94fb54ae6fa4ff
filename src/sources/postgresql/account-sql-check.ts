// Whether roles.sql and grants.sql of an archive are what our own writer makes (account-sql.ts): psql would obey anything, and
// an archive may be from anywhere. The bash hook has the same patterns. Pure.
import type { ReadRecipe } from './recipe.ts'

const name = `(?:U&)?(?:"[^"]*")+(?: UESCAPE '!')?`
const text = `(?:U&)?(?:'[^']*')+(?: UESCAPE '!')?`
const comment = '-- [A-Za-z][A-Za-z0-9 .,;:=_-]*'
const assignment = `${name} TO ${text}(?:, ${text})*`

const grantLine = oneOf(
  comment,
  `REVOKE ALL ON DATABASE :"db" FROM (?:PUBLIC|${name});`,
  `GRANT [A-Z]+ ON DATABASE :"db" TO (?:PUBLIC|${name})(?: WITH GRANT OPTION)?;`,
  `ALTER (?:DATABASE :"db"|ROLE ${name} IN DATABASE :"db") SET ${assignment};`,
  'ALTER DATABASE :"db" CONNECTION LIMIT [0-9]+;',
  `COMMENT ON DATABASE :"db" IS ${text};`,
)

const roleLine = oneOf(
  comment,
  'DO [$]bm[0-9]*[$]',
  `DECLARE made pg_catalog[.]text\\[\\] := '\\{\\}';`,
  'BEGIN',
  `IF NOT EXISTS [(]SELECT FROM pg_catalog[.]pg_roles WHERE rolname = ${text}[)] THEN`,
  `  CREATE ROLE ${name} WITH (?:NO)?LOGIN (?:NO)?INHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS(?: CONNECTION LIMIT [0-9]+)?(?: PASSWORD ${text})?(?: VALID UNTIL ${text})?;`,
  `  ALTER ROLE ${name} SET ${assignment};`,
  `  made := pg_catalog[.]array_append[(]made, ${text}::pg_catalog[.]text[)];`,
  'END IF;',
  `IF made && ARRAY\\[${text}, ${text}\\]::pg_catalog[.]text\\[\\] THEN`,
  `  GRANT ${name} TO ${name}(?: WITH ADMIN OPTION)?;`,
  'END',
  '[$]bm[0-9]*[$];',
)

/** The file that holds something else; null when neither does. */
export function strangeScript(
  recipe: Pick<ReadRecipe, 'roles.sql' | 'grants.sql'>,
): 'roles.sql' | 'grants.sql' | null {
  const roles = linesOf(recipe['roles.sql'])
  if (!areOurs(roles, roleLine) || !endsWhereItEnds(roles)) return 'roles.sql'
  return areOurs(linesOf(recipe['grants.sql']), grantLine) ? null : 'grants.sql'
}

function linesOf(script: string): string[] {
  return script.split('\n').filter((line) => line !== '')
}

/** Every line is a whole statement of ours, or in a block of ours. None has a backslash or a control character. */
function areOurs(lines: readonly string[], pattern: RegExp): boolean {
  return lines.every((line) => !/[\\\p{Cc}]/u.test(line) && pattern.test(line))
}

/** There is one block at most, and no text in it ends it before its end. */
function endsWhereItEnds(lines: readonly string[]): boolean {
  const [start, ...more] = lines.filter((line) => line.startsWith('DO '))
  if (start === undefined) return true
  const tag = start.slice('DO '.length)
  return more.length === 0 && lines.every((line) => !line.includes(tag) || [start, `${tag};`].includes(line))
}

function oneOf(...patterns: readonly string[]): RegExp {
  return new RegExp(`^(?:${patterns.join('|')})$`, 'u')
}
