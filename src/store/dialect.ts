// Kysely over better-sqlite3, with two corrections: transactions take the write lock at once, errors become Problems.
import type BetterSqlite3 from 'better-sqlite3'
import {
  CompiledQuery,
  SqliteDialect,
  SqliteDriver,
  type DatabaseConnection,
  type Dialect,
  type SqliteDatabase,
  type SqliteStatement,
} from 'kysely'
import { explainSqlite } from './sqlite-errors.ts'

/**
 * Kysely's own `begin` is deferred: a transaction that reads before it writes fails with SQLITE_BUSY at once, without
 * waiting, when the command line wrote in between.
 */
class ImmediateDriver extends SqliteDriver {
  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('begin immediate'))
  }
}

/** The dialect over an open connection; `Kysely.destroy` closes it. */
export function storeDialect(raw: BetterSqlite3.Database): Dialect {
  const database = explained(raw)
  const plain = new SqliteDialect({ database })
  return {
    createDriver: () => new ImmediateDriver({ database }),
    createAdapter: () => plain.createAdapter(),
    createIntrospector: (db) => plain.createIntrospector(db),
    createQueryCompiler: () => plain.createQueryCompiler(),
  }
}

function explained(raw: BetterSqlite3.Database): SqliteDatabase {
  const explain = <T>(work: () => T): T => {
    try {
      return work()
    } catch (error) {
      throw explainSqlite(error, raw.name)
    }
  }
  return {
    close: () => {
      raw.close()
    },
    prepare: (sql) => {
      const statement = explain(() => raw.prepare(sql))
      return {
        reader: statement.reader,
        all: (parameters) => explain(() => statement.all(...parameters)),
        run: (parameters) => explain(() => statement.run(...parameters)),
        iterate: (parameters) => statement.iterate(...parameters),
      } satisfies SqliteStatement
    },
  }
}
