// A directory tree with everything that is hard to save and to bring back. Tests only.
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'

/** Fills an empty directory with everything that a file system has: kinds, names, owners, times, attributes. */
export function awkwardTree(tree: string): void {
  const sh = (script: string): Buffer => execFileSync('sh', ['-euc', script], { cwd: tree })
  const inTree = (name: string): Buffer =>
    Buffer.concat([Buffer.from(`${tree}/`), Buffer.from(name, 'latin1')])
  const emptyFile = (name: string, megabytes: number): void => {
    writeFileSync(join(tree, name), '')
    truncateSync(join(tree, name), megabytes * 1024 * 1024)
  }
  // Kinds
  writeFileSync(join(tree, 'file'), 'contents')
  symlinkSync('nowhere', join(tree, 'dangling'))
  symlinkSync('/etc/passwd', join(tree, 'absolute'))
  symlinkSync('./x/../file', join(tree, 'dotted'))
  mkdirSync(join(tree, 'empty'))
  mkdirSync(join(tree, 'far/away'), { recursive: true })
  linkSync(join(tree, 'file'), join(tree, 'far/away/hard'))
  linkSync(join(tree, 'dangling'), join(tree, 'hard soft link'))
  sh('mkfifo pipe; mknod character c 1 3; mknod block b 7 200')
  // Names
  const names = [
    'a b',
    'new\nline',
    'tab\t',
    '-rf',
    '--checkpoint=1',
    'back\\slash',
    'back\\n',
    'qu"o\'te',
    '$(x)`y`',
    ' ',
    '*?[a]',
    'a:b',
    '@',
    '\xff\xfe',
    'latin\xe9',
    'd\xc3\xa9j\xc3\xa0',
    'n'.repeat(255),
    '\xe2\x98'.repeat(80),
    '\xf0\x9f\x90\x99 octopus',
  ]
  for (const name of names) writeFileSync(inTree(name), name)
  mkdirSync(inTree('dir\n\xff'))
  writeFileSync(inTree('dir\n\xff/\\134'), 'inside')
  const deep = join(tree, ...Array.from({ length: 5 }, (_, i) => String(i).repeat(100)))
  mkdirSync(deep, { recursive: true })
  writeFileSync(join(deep, 'bottom'), 'deep')
  // Modes, owners, times
  writeFileSync(join(tree, 'setuid'), 'x')
  chownSync(join(tree, 'setuid'), 12_345, 54_321)
  chmodSync(join(tree, 'setuid'), 0o6751)
  writeFileSync(join(tree, 'no rights'), 'x')
  chmodSync(join(tree, 'no rights'), 0)
  mkdirSync(join(tree, 'sticky'))
  chmodSync(join(tree, 'sticky'), 0o3777)
  mkdirSync(join(tree, 'read only'))
  writeFileSync(join(tree, 'read only/inside'), 'x')
  chownSync(join(tree, 'read only'), 4_000_000_000, 3_999_999_999)
  chmodSync(join(tree, 'read only'), 0o555)
  sh(
    'touch -d @0 "a b"; touch -d "1999-12-31 23:59:59.123456789 UTC" "-rf" 2>/dev/null || touch -d "1999-12-31 23:59:59.123456789 UTC" ./-rf; touch -d @8589934592 ./file; touch -d @-1.5 ./@',
  )
  lutimesSync(join(tree, 'absolute'), 1e9, 1e9)
  // Attributes
  sh(
    'setfattr -n user.comment -v "é\n" file; setfattr -n user.empty ./-rf; setfattr -n trusted.deep -v 0x00ff00 "a b"; setfattr -n user.dir -v 1 empty',
  )
  sh(
    'setfattr -h -n trusted.link -v 1 dangling; cp /bin/true capable; setcap cap_net_bind_service=ep capable',
  )
  sh(
    'setfacl -m u:12345:rwx,g:54321:r,m::rx ./setuid; setfacl -d -m u:12345:rw empty; setfacl -m u:1:r sticky; chmod u+s setuid',
  )
  // Sizes: the end of the payload must be found behind nothing but zeros
  emptyFile('holes', 200)
  sh('printf x | dd of=holes bs=1 seek=100000000 conv=notrunc status=none; printf e >>holes')
  emptyFile('only a hole', 3)
  writeFileSync(join(tree, 'zz zeros'), Buffer.alloc(1024 * 1024))
  writeFileSync(join(tree, 'zzz empty'), '')
  utimesSync(join(tree, 'far/away'), 1.25, 1.25)
  utimesSync(tree, 3.5, 3.5)
  chmodSync(tree, 0o2750)
}
