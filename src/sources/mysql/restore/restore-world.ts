// A live database that differs from the saved one in everything, and ways to stop a restore at any moment. Tests only.
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { TestMariadb } from '../../../../test/support/mariadb.ts'
import type { RestoreTransaction, SourceIo } from '../../source.ts'
import { newJournal } from '../../restore/journal.ts'
import { mysql } from '../index.ts'
import type { World } from '../mysql-world.ts'
import type { Settings } from '../settings.ts'

/** The state that is saved. */
export function makeSaved(server: TestMariadb, name: string): void {
  server.sql(`DROP DATABASE IF EXISTS ${name}; CREATE DATABASE ${name} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin; USE ${name};
CREATE TABLE parent (id INT PRIMARY KEY); CREATE TABLE child (id INT, p INT, CONSTRAINT fk FOREIGN KEY (p) REFERENCES parent (id));
INSERT INTO parent VALUES (1), (2); INSERT INTO child VALUES (1, 1), (2, 2);
CREATE TABLE log_ (m TEXT); CREATE SEQUENCE seq; CREATE TABLE numbered (id INT DEFAULT NEXTVAL(seq)); INSERT INTO numbered VALUES (5);
CREATE TABLE only_saved (a INT);
CREATE TRIGGER tr AFTER INSERT ON parent FOR EACH ROW INSERT INTO log_ VALUES ('saved');
CREATE PROCEDURE p() SELECT 'saved'; CREATE FUNCTION only_saved_f() RETURNS INT DETERMINISTIC RETURN 1;
CREATE VIEW v AS SELECT id FROM parent; CREATE VIEW only_saved_v AS SELECT only_saved_f() AS f FROM v;
CREATE EVENT e ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 00:00:00' DO INSERT INTO log_ VALUES ('saved');
GRANT EXECUTE ON PROCEDURE ${name}.p TO user_of_it@localhost;`)
}

/** What is there by the time of the restore. */
export function makeLive(server: TestMariadb, name: string): void {
  server.sql(`DROP DATABASE IF EXISTS ${name}; CREATE DATABASE ${name} CHARACTER SET latin1 COLLATE latin1_german1_ci; USE ${name};
CREATE TABLE parent (id INT PRIMARY KEY, more INT); CREATE TABLE child (p INT, CONSTRAINT fk FOREIGN KEY (p) REFERENCES parent (id));
CREATE TABLE log_ (m TEXT); CREATE SEQUENCE seq START WITH 50; CREATE TABLE numbered (id INT DEFAULT NEXTVAL(seq));
CREATE TABLE only_live (a INT) ENGINE=MyISAM; CREATE TABLE versioned (a INT) WITH SYSTEM VERSIONING;
CREATE TRIGGER tr AFTER INSERT ON parent FOR EACH ROW INSERT INTO log_ VALUES ('live');
CREATE TRIGGER tr2 AFTER INSERT ON parent FOR EACH ROW FOLLOWS tr INSERT INTO log_ VALUES ('live 2');
INSERT INTO parent VALUES (7, 8); INSERT INTO child VALUES (7); INSERT INTO only_live VALUES (1), (2);
CREATE PROCEDURE p() SELECT 'live'; CREATE PROCEDURE only_live_p() SELECT 1;
CREATE VIEW v AS SELECT id, more FROM parent; CREATE VIEW only_live_v AS SELECT * FROM v;
CREATE TABLE gone (a INT); CREATE VIEW broken AS SELECT a FROM gone; DROP TABLE gone;
CREATE EVENT e ON SCHEDULE EVERY 2 DAY STARTS '2030-01-01 00:00:00' DO INSERT INTO log_ VALUES ('live');
GRANT EXECUTE ON PROCEDURE ${name}.only_live_p TO user_of_it@localhost; GRANT SELECT ON ${name}.parent TO user_of_it@localhost;
GRANT ALTER ROUTINE ON PROCEDURE ${name}.p TO user_of_it@localhost;`)
}

/** Calls of programs that change something, as an io sees them. */
export interface Stop {
  /** The call it happens at, counted from 0. */
  readonly at: number
  /** `before` the call, `after` it, or with only so many lines of its script done. */
  readonly when: 'before' | 'after' | number
}

class Stopped extends Error {
  override readonly name = 'Stopped'
}

/** An io whose changing calls are counted, and one of which is stopped. */
export function stopping(
  io: SourceIo,
  stop: Stop | null,
): { readonly io: SourceIo; readonly scripts: string[] } {
  const scripts: string[] = []
  return {
    scripts,
    io: {
      ...io,
      run: async (file, args, options = {}) => {
        const { stdin } = options
        const changes = stdin !== undefined && (typeof stdin !== 'string' || stdin.includes('GET_LOCK'))
        if (!changes) return io.run(file, args, options)
        const index = scripts.push(typeof stdin === 'string' ? stdin : 'a dump') - 1
        if (index !== stop?.at) return io.run(file, args, options)
        if (stop.when === 'before') throw new Stopped()
        const part =
          typeof stop.when === 'number' && typeof stdin === 'string' ? firstLines(stdin, stop.when) : stdin
        await io.run(file, args, { ...options, stdin: part })
        throw new Stopped()
      },
    },
  }
}

/** That many of its statements. */
function firstLines(script: string, count: number): string {
  return script
    .split(/(?<=;\n)/)
    .slice(0, count)
    .join('')
}

/** Changes bytes of the archive in their place: the first that are so. */
export function patchArchive(world: World, from: string, to: string): void {
  const path = join(world.places.archivesDir, 'made.tar')
  const at = readFileSync(path).indexOf(from)
  if (at === -1 || Buffer.byteLength(from) !== Buffer.byteLength(to)) throw new Error(`cannot change ${from}`)
  const fd = openSync(path, 'r+')
  writeSync(fd, to, at)
  closeSync(fd)
}

/** Plans, and applies until it is stopped, as a process does that is killed there; null: to the end and committed. */
export async function applyUntilStopped(
  world: World,
  settings: Settings,
  stop: Stop | null,
): Promise<SourceIo> {
  const io = world.io()
  const request = { archive: 'made', settings, options: {} }
  const plan = await mysql.restore.plan(request, io)
  const journal = newJournal(world.places.archivesDir, io.operation)
  const tx: RestoreTransaction = {
    step: (_, work) => work(),
    will: (change) => journal.add(change),
    remark: () => undefined,
    commit: () => journal.commit(),
  }
  const stopped = stopping(io, stop)
  try {
    await mysql.restore.apply(request, plan, tx, stopped.io)
  } catch (error) {
    if (stop === null || stopped.scripts.length !== stop.at + 1) throw error
    return io
  }
  await journal.commit()
  if (stop === null) return io
  throw new Error(`the restore never came to call ${stop.at}`)
}
