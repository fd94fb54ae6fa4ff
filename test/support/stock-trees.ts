// Directories to save and to restore on a stock server. Tests only.
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { customDir } from '../../src/sources/custom-dir/index.ts'
import type { StockServer, Told } from './stock-server.ts'

/** What a restore of a directory answers when all of it worked. */
export const success = { code: 0, answer: '{"system": {"data_custom": "Success"}, "apps": {}}' }

/** What the commands of a shell print. Throws when one fails. */
export function sh(cwd: string, script: string): string {
  return execFileSync('bash', ['-euc', script], { cwd }).toString()
}

/** A directory with everything that a directory can have. Its parent, `opt`, has an owner and a mode of its own. */
export function awkwardTree(server: StockServer): string {
  sh(
    server.folder,
    `mkdir -m 0751 opt; chown 1:2 opt; mkdir -p 'opt/a\\tb [x]*/sub/empty'; cd 'opt/a\\tb [x]*'
    echo contents >file; ln file sub/hard; ln -s nowhere dangling; ln -s /etc/passwd absolute; ln -s file sub/soft; mkfifo pipe; mknod null c 1 3
    for name in 'a b' $'new\\nline' -rf $'\\xff\\xfe' $'latin\\xe9' 'qu"o'\\''te' '$(x)\`y\`' 'back\\n' ' ' '*'; do echo "$name" >"./$name"; done
    mkdir $'dir\\n\\xff'; echo inside >$'dir\\n\\xff/\\\\134'
    truncate -s 30M holes; printf x | dd of=holes bs=1 seek=9000000 conv=notrunc status=none
    cp /bin/true capable; setcap cap_net_bind_service=ep capable; setfattr -n user.comment -v é file; setfattr -n trusted.t -v 1 sub
    touch setuid; chown 12345:54321 setuid; chmod 6751 setuid; chmod 0 pipe; chown -h 7:8 dangling; chown 4000000000:3999999999 sub; chmod 3777 sub
    setfacl -m u:12345:rwx,m::rx 'a b'; setfacl -d -m u:12345:rw sub/empty
    touch -d @-1.5 'a b'; touch -h -d '1999-12-31 23:59:59.123456789 UTC' absolute; touch -d @0 sub; chmod 2750 .; chown 33:33 .; touch -d @5 .`,
  )
  return join(server.folder, 'opt/a\\tb [x]*')
}

/** A small directory, and its archive. */
export async function small(
  server: StockServer,
  settings: object = {},
  directory = 'small',
): Promise<{ tree: string; name: string }> {
  const tree = join(server.folder, directory)
  mkdirSync(join(tree, 'sub'), { recursive: true })
  writeFileSync(join(tree, 'sub/file'), 'as it was saved')
  return { tree, name: await server.archive(customDir, { source_path: tree, ...settings }) }
}

/** Restores the archive of a directory. */
export function restore(
  server: StockServer,
  name: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Told> {
  return server.restore(name, 'data_custom', { env })
}
