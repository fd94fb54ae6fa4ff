import { describe, expect, test } from 'vitest'
import { grantsSql, rolesSql } from './account-sql.ts'
import { strangeScript } from './account-sql-check.ts'
import type { DatabaseFacts } from './catalogue.ts'
import { anonymousBlock, conninfo, dumpName, identifier, literal, passwordLine } from './quoting.ts'
import { sqlState, troubleIn } from './trouble.ts'
import { CommandError } from '../../sys/process.ts'

describe('quoting', () => {
  test('keeps every text what it is', () => {
    expect(conninfo('dbname', String.raw`a'b\c`)).toBe(String.raw`dbname='a\'b\\c'`)
    expect(identifier('a"b')).toBe('"a""b"')
    expect(literal("it's")).toBe("'it''s'")
    // Neither a backslash, which is a command to psql, nor the end of a line.
    expect(literal(String.raw`a!\'b`)).toBe(`U&'a!0021!005c''b' UESCAPE '!'`)
    expect(literal('a\nb')).toBe(`U&'a!000ab' UESCAPE '!'`)
    expect(identifier(String.raw`a\"b`)).toBe(`U&"a!005c""b" UESCAPE '!'`)
    expect(passwordLine(String.raw`a:b\c`)).toBe(`*:*:*:*:${String.raw`a\:b\\c`}\n`)
    expect(dumpName('Ma base/é')).toBe('Ma_base__.dump')
  })

  test('ends a block only where it ends', () => {
    expect(anonymousBlock('x $bm$ y $bm1$')).toBe('DO $bm2$\nx $bm$ y $bm1$\n$bm2$;\n')
  })
})

describe('the statements of a recipe', () => {
  const facts = (more: Partial<DatabaseFacts>): DatabaseFacts => ({
    snapshot: '',
    server: { version: '15.1', number: 150_001, superuser: true },
    database: { datname: 'x', datcollate: 'C', datctype: 'C', datconnlimit: -1 },
    owner: 'postgres',
    encoding: 'UTF8',
    tablespace: 'pg_default',
    comment: null,
    bytes: 1,
    tables: 1,
    tablespaces: [],
    acl: null,
    settings: [],
    roles: [],
    memberships: [],
    ...more,
  })

  test('give nobody rights over the server, and the first superuser no password', () => {
    const role = { login: true, inherit: true, connections: -1, validUntil: null, config: null }
    const roles = [
      { name: 'postgres', first: true, ...role },
      { name: 'app', first: false, ...role },
    ]
    const sql = rolesSql(
      facts({ roles }),
      new Map(['postgres', 'app'].map((name) => [name, `SCRAM-of-${name}`])),
    )
    expect(sql).toContain("PASSWORD 'SCRAM-of-app'")
    expect(sql).not.toContain('SCRAM-of-postgres')
    expect(sql.match(/CREATE ROLE/g)).toHaveLength(2)
    expect(sql.match(/NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS/g)).toHaveLength(2)
  })

  test('name the database by a variable only', () => {
    const sql = grantsSql(
      facts({
        settings: [
          { role: null, config: ['search_path="$user", public, "a,""b"', 'temp_tablespaces=""', 'x.y=a=b'] },
        ],
        comment: 'x',
      }),
    )
    expect(sql.split('\n').slice(1, -1)).toEqual([
      `ALTER DATABASE :"db" SET "search_path" TO '$user', 'public', 'a,"b';`,
      `ALTER DATABASE :"db" SET "temp_tablespaces" TO '';`,
      `ALTER DATABASE :"db" SET "x.y" TO 'a=b';`,
      `COMMENT ON DATABASE :"db" IS 'x';`,
    ])
  })
})

describe('scripts of an archive', () => {
  const block = (text: string): string => `DO $bm$\nBEGIN\n  CREATE ROLE "a" WITH ${text};\nEND\n$bm$;\n`
  const rights = 'NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS'

  test('are run when they are ours, whatever characters names and values have', () => {
    const odd = String.raw`it's "$bm$" \! id` + '\n!'
    const role = { first: false, login: true, inherit: false, connections: 3, validUntil: 'infinity' }
    const facts: DatabaseFacts = {
      snapshot: '',
      server: { version: '15.1', number: 150_001, superuser: true },
      database: { datname: 'x', datcollate: 'C', datctype: 'C', datconnlimit: 4 },
      owner: odd,
      encoding: 'UTF8',
      tablespace: 'pg_default',
      comment: odd,
      bytes: 1,
      tables: 1,
      tablespaces: [],
      acl: [
        { grantee: null, privilege: 'CONNECT', grantable: false },
        { grantee: odd, privilege: 'TEMPORARY', grantable: true },
      ],
      settings: [{ role: odd, config: [`a.b=${odd}`, 'search_path="$user", public'] }],
      roles: [{ name: odd, ...role, config: [`a.b=${odd}`] }],
      memberships: [{ role: odd, member: odd, admin: true }],
    }
    const scripts = {
      'roles.sql': rolesSql(facts, new Map([[odd, 'SCRAM-SHA-256$4096:a+/=$b:c']])),
      'grants.sql': grantsSql({ ...facts, settings: [{ role: null, config: ['a=b'] }, ...facts.settings] }),
    }
    expect(strangeScript(scripts)).toBeNull()
    expect(Object.values(scripts).join('')).not.toContain('\\')
    expect(strangeScript({ 'roles.sql': block(`LOGIN INHERIT ${rights}`), 'grants.sql': '' })).toBeNull()
  })

  test.each([
    String.raw`\! id`,
    String.raw`GRANT CONNECT ON DATABASE :"db" TO "a"; \! id`,
    String.raw`COMMENT ON DATABASE :"db" IS 'a' \g |id`,
    `COPY t TO PROGRAM 'id';`,
    `GRANT CONNECT ON DATABASE :"db" TO "a"; COPY t TO PROGRAM 'id';`,
    `COMMENT ON DATABASE :"db" IS '\nCOPY t TO PROGRAM $$id$$;'`,
    `ALTER ROLE "a" SUPERUSER;`,
    `GRANT "postgres" TO "a";`,
    `-- a */ /*`,
  ])('are refused when rights hold %j', (line) => {
    expect(strangeScript({ 'roles.sql': '', 'grants.sql': `${line}\n` })).toBe('grants.sql')
  })

  test.each([
    block('LOGIN INHERIT SUPERUSER'),
    block(`LOGIN INHERIT ${rights} SUPERUSER`),
    block(`LOGIN INHERIT ${rights} PASSWORD '$bm$; COPY t TO PROGRAM ''id''; DO $bm$'`),
    block(`LOGIN INHERIT ${rights} PASSWORD E'a'`),
    block(`LOGIN INHERIT ${rights}`) + block(`LOGIN INHERIT ${rights}`),
    String.raw`\i /etc/passwd`,
    'SELECT 1;',
  ])('are refused when roles hold %j', (script) => {
    expect(strangeScript({ 'roles.sql': script, 'grants.sql': '' })).toBe('roles.sql')
  })
})

describe('what programs say', () => {
  test.each([
    ['ERROR:  42501: permission denied for table t\nLOCATION:  x', 'permission_denied'],
    ['psql:<stdin>:3: ERREUR:  55006: la base de données est en cours d’utilisation', 'in_use'],
    ['ERROR:  53100', 'no_space'],
    ['psql: error: connection to server at "h" (::1), port 1 failed: Connection refused', 'unreachable'],
    ['pg_dump: error: server closed the connection unexpectedly', 'unreachable'],
    ['psql: error: could not translate host name "h" to address: Name or service not known', 'unreachable'],
    [
      'psql: error: connection to server at "h", port 1 failed: fe_sendauth: no password supplied',
      'login_refused',
    ],
    [
      'psql: error: connection to server on socket "s" failed: FATAL:  role "x" does not exist',
      'login_refused',
    ],
    [
      'psql: error: connection to server on socket "s" failed: FATAL:  database "x" does not exist',
      'database_missing',
    ],
    [
      'psql: error: connection to server on socket "s" failed: FATAL:  la base de données « x » n’existe pas',
      undefined,
    ],
    ['pg_restore: error: could not execute query: ERROR:  role "x" does not exist', undefined],
  ])('%j', (said, kind) => {
    const error = new CommandError('psql', { how: 'exit', code: 2 }, said)
    expect(troubleIn(said, sqlState(error))?.kind).toBe(kind)
  })

  test('the first line that tells something is what people see', () => {
    const said =
      'Warning: No existing cluster is suitable\npsql: error: connection to server on socket "s" failed: Connection refused\n\tIs it running?'
    expect(troubleIn(said)?.detail).toBe('connection to server on socket "s" failed: Connection refused')
  })
})
