// The index of one archive's contents: a SQLite file of its own, written once and then only read. It can be made again at
// any time, so nothing in it is dear.

/** Kept in `user_version`: a file with another number is made anew. */
export const contentsVersion = 1
/** Of the row that stands for the top of the archive. */
export const topId = 1

/** `rank`: 0 a directory, 1 anything else, so that pages can begin with the directories. A directory's id is smaller than those below it. */
export const contentsSchema = `
  CREATE TABLE node (
    id INTEGER PRIMARY KEY,
    parent INTEGER NOT NULL,
    rank INTEGER NOT NULL,
    name BLOB NOT NULL,
    folded BLOB,
    kind INTEGER NOT NULL,
    size INTEGER NOT NULL DEFAULT 0,
    files INTEGER NOT NULL DEFAULT 0,
    entries INTEGER NOT NULL DEFAULT 0,
    modified INTEGER,
    mode INTEGER,
    owner TEXT,
    grp TEXT,
    link BLOB,
    place INTEGER
  );
  CREATE UNIQUE INDEX node_place ON node (parent, rank, name);
  INSERT INTO node (id, parent, rank, name, kind) VALUES (${topId}, 0, 0, x'', 1);
`

const letter = /[A-Z\u0080-\u{10ffff}]/u

/** A name as it is searched for: in small letters, whatever way its accents were written. Null when it is that already. */
export function folded(name: Buffer): Buffer | null {
  const latin = name.toString('latin1')
  if (!letter.test(latin)) return null
  return foldedText(name.toString('utf8'))
}

/** A text that is searched for, in the same form. */
export function foldedText(text: string): Buffer {
  return Buffer.from(text.normalize('NFC').toLowerCase(), 'utf8')
}
