// A small directory tree with the kinds of files that backups get wrong.
import { randomBytes } from 'node:crypto'
import { link, mkdir, open, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Makes the tree below `folder`, which must not exist; `bytes` of pictures that do not compress. */
export async function makeAwkwardTree(folder: string, bytes = 8 * 1024 * 1024): Promise<void> {
  await mkdir(join(folder, 'albums', 'été 2025'), { recursive: true })
  await mkdir(join(folder, 'empty folder'))
  await mkdir(join(folder, 'cache'))
  await writeFile(join(folder, 'cache', 'thumbnail.tmp'), 'left out by the job')
  const pictures = 16
  for (let n = 0; n < pictures; n += 1) {
    const picture = join(folder, 'albums', 'été 2025', `photo ${n}.jpg`)
    await writeFile(picture, randomBytes(Math.ceil(bytes / pictures)))
    await utimes(picture, 1_750_000_000 + n, 1_750_000_000.125 + n)
  }
  await writeFile(join(folder, '-starts with a dash'), 'one')
  await writeFile(join(folder, 'two\nlines'), 'a newline in the name')
  await writeFile(Buffer.concat([Buffer.from(`${folder}/latin1-`), Buffer.from([0xe9])]), 'not UTF-8')
  await writeFile(join(folder, 'original'), 'one file, two names', { mode: 0o640 })
  await link(join(folder, 'original'), join(folder, 'hard link'))
  await symlink('albums/été 2025', join(folder, 'newest album'))
  await symlink('/nowhere/at/all', join(folder, 'dangling link'))
  const sparse = await open(join(folder, 'disk.img'), 'w')
  try {
    await sparse.truncate(64 * 1024 * 1024)
    await sparse.write('data in the middle of nothing', 32 * 1024 * 1024)
  } finally {
    await sparse.close()
  }
}
