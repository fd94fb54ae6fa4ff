// The files of `public/`, held in memory with their content hash, so that browsers may keep them for ever.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { extname, join } from 'node:path'

export interface Asset {
  readonly body: Uint8Array<ArrayBuffer>
  readonly type: string
  readonly hash: string
}

export interface Assets {
  get(name: string): Asset | undefined
  /** The path with the content's hash, e.g. `/static/app.css?v=1a2b3c…`. Throws for a file that is not there. */
  href(name: string): string
}

const types: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
}

/** Reads the folder once; other kinds of files are not served. */
export function loadAssets(folder: string = join(import.meta.dirname, '../../public')): Assets {
  const assets = new Map<string, Asset>()
  for (const name of readdirSync(folder)) {
    const type = types[extname(name)]
    if (type === undefined) continue
    const body = new Uint8Array(readFileSync(join(folder, name)))
    assets.set(name, { body, type, hash: createHash('sha256').update(body).digest('hex').slice(0, 16) })
  }
  return {
    get: (name) => assets.get(name),
    href: (name) => {
      const asset = assets.get(name)
      if (asset === undefined) throw new Error(`no file ${name} in public`)
      return `/static/${name}?v=${asset.hash}`
    },
  }
}
