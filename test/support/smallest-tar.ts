// A tar of one file, written by hand: what an upload must look like at its beginning.

/** One member `a` with these contents, and the end of the archive. */
export function smallestTar(contents: Buffer): Buffer {
  const head = Buffer.alloc(512)
  head.write('a', 0)
  head.write('0000644\0', 100)
  head.write('0000000\0', 108)
  head.write('0000000\0', 116)
  head.write(`${contents.length.toString(8).padStart(11, '0')}\0`, 124)
  head.write('00000000000\0', 136)
  head.write('        ', 148)
  head.write('0', 156)
  head.write('ustar\x0000', 257)
  const sum = head.reduce((all, byte) => all + byte, 0)
  head.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  const padding = Buffer.alloc((512 - (contents.length % 512)) % 512)
  return Buffer.concat([head, contents, padding, Buffer.alloc(1024)])
}
