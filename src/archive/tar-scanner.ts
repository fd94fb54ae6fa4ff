// Walks a tar that is handed over piece by piece: ustar, PAX and GNU headers. It looks at headers only, never trusts
// them, keeps a bounded amount of memory and never throws: what is wrong with the tar is part of the answer.
import { blockSize } from './format.ts'
import { paxNumber, readPax } from './pax.ts'
import { readHeader, sparseGoesOn, type TarFields } from './tar-fields.ts'

/** More than any tool writes: xattrs, ACLs and the longest paths together. */
const metaMaxBytes = 8 * 1024 * 1024

export interface TarMember {
  /** As bytes; a directory's may end with a slash. */
  readonly name: Buffer
  /** `0` file, `1` hard link, `2` symbolic link, `3` `4` devices, `5` directory, `6` fifo, and odder ones. */
  readonly type: string
  /** Target of a link. */
  readonly linkName: Buffer
  /** Bytes of data stored in the tar; a sparse file is larger once unpacked. */
  readonly size: number
  /** Where its first header begins, and its data. */
  readonly offset: number
  readonly dataOffset: number
}

export interface TarEnd {
  readonly members: number
  /** Where the end blocks begin; null when they were not reached. */
  readonly payloadEnd: number | null
  /** Empty for a whole tar; else what is wrong and where, in English. */
  readonly damage: string
}

export interface TarScanner {
  /** Takes the next piece. Returns how many of its bytes come before the end blocks, if pieces are whole blocks. */
  push(chunk: Buffer): number
  /** What is known if nothing more comes. */
  end(): TarEnd
}

type Expecting = 'header' | 'meta' | 'sparse' | 'data' | 'end' | 'nothing'

/** Headers that describe the next member. */
const extensions = new Set(['x', 'X', 'g', 'L', 'K'])
/** Types without data behind them; a size there means one thing to one reader and another to the next. */
const dataless = new Set(['2', '3', '4', '5', '6'])
const zeros = Buffer.alloc(64 * 1024)

/** `onMember` is called when the header of a member is complete, before its data. */
export function tarScanner(onMember?: (member: TarMember) => void): TarScanner {
  const block = Buffer.alloc(blockSize)
  let state: Expecting = 'header'
  let position = 0
  let filled = 0
  let skip = 0
  let members = 0
  let zeroBytes = 0
  let payloadEnd: number | null = null
  let damage = ''

  let headerAt = 0
  let pending = false
  let meta: { readonly type: string; readonly data: Buffer } | null = null
  let local = new Map<string, Buffer>()
  const global = new Map<string, Buffer>()
  let longName: Buffer | null = null
  let longLink: Buffer | null = null
  let waiting: TarFields | null = null

  const spoil = (what: string, at: number): void => {
    damage = `${what} at byte ${at}`
    state = 'nothing'
  }

  const begin = (at: number): void => {
    if (!block.some((byte) => byte !== 0)) {
      if (pending) return spoil('extended header without a member', at)
      payloadEnd = at
      zeroBytes = blockSize
      state = 'end'
      return
    }
    const fields = readHeader(block)
    if (typeof fields === 'string') return spoil(fields, at)
    if (!pending) headerAt = at
    if (extensions.has(fields.type)) {
      if (fields.size > metaMaxBytes) return spoil('oversized extended header', at)
      // A global header stands for itself: nothing needs to follow it.
      if (fields.type !== 'g') pending = true
      meta = { type: fields.type, data: Buffer.alloc(fields.size) }
      filled = 0
      skip = padded(fields.size)
      state = 'meta'
      if (skip === 0) finishMeta(at)
      return
    }
    waiting = fields
    if (fields.extended) state = 'sparse'
    else finishMember(at)
  }

  const finishMember = (at: number): void => {
    const fields = waiting
    if (!fields) return
    const record = (key: string): Buffer | undefined => local.get(key) ?? global.get(key)
    const paxSize = record('size')
    let size = paxSize ? paxNumber(paxSize) : fields.size
    // Readers agree that a hard link has no data, whatever its size says.
    if (fields.type === '1') size = 0
    if (size === null || (size > 0 && dataless.has(fields.type))) return spoil('bad size', at)
    const dataOffset = at + blockSize
    if (dataOffset + padded(size) > Number.MAX_SAFE_INTEGER) return spoil('bad size', at)
    members += 1
    const name = record('GNU.sparse.name') ?? record('path') ?? longName ?? fields.name
    const linkName = record('linkpath') ?? longLink ?? fields.linkName
    local = new Map()
    longName = longLink = waiting = null
    pending = false
    skip = padded(size)
    state = skip === 0 ? 'header' : 'data'
    onMember?.({ name, type: fields.type, linkName, size, offset: headerAt, dataOffset })
  }

  const finishMeta = (at: number): void => {
    const { type, data } = meta ?? { type: '', data: Buffer.alloc(0) }
    meta = null
    state = 'header'
    filled = 0
    if (type === 'L') longName = untilNul(data)
    else if (type === 'K') longLink = untilNul(data)
    else {
      const records = readPax(data)
      if (records === null) return spoil('bad extended header', at)
      if (type === 'g') keepKnown(global, records)
      else local = records
    }
  }

  /** Gathers one block across pieces; the number of bytes used. */
  const gather = (chunk: Buffer, from: number, then: (at: number) => void): number => {
    const used = chunk.copy(block, filled, from, from + blockSize - filled)
    filled += used
    if (filled === blockSize) {
      filled = 0
      then(position + used - blockSize)
    }
    return used
  }

  const step = (chunk: Buffer, from: number): number => {
    const left = chunk.length - from
    switch (state) {
      case 'header':
        return gather(chunk, from, begin)
      case 'sparse':
        return gather(chunk, from, (at) => {
          if (!sparseGoesOn(block)) finishMember(at)
        })
      case 'meta': {
        const used = Math.min(left, skip)
        if (meta && filled < meta.data.length) filled += chunk.copy(meta.data, filled, from, from + used)
        skip -= used
        if (skip === 0) finishMeta(headerAt)
        return used
      }
      case 'data': {
        const used = Math.min(left, skip)
        skip -= used
        if (skip === 0) state = 'header'
        return used
      }
      case 'end': {
        const used = Math.min(left, zeros.length)
        zeroBytes += used
        const isZero = zeros.compare(chunk, from, from + used, 0, used) === 0
        if (!isZero) spoil('data behind the end', payloadEnd ?? 0)
        return used
      }
      case 'nothing':
        break
    }
    return left
  }

  const push = (chunk: Buffer): number => {
    const start = position
    let from = 0
    while (from < chunk.length) {
      const used = step(chunk, from)
      from += used
      position += used
    }
    return payloadEnd === null ? chunk.length : Math.max(0, Math.min(chunk.length, payloadEnd - start))
  }

  const end = (): TarEnd => {
    let wrong = damage
    if (wrong === '') {
      if (state === 'data') wrong = `data cut off at byte ${position}`
      else if (state === 'meta' || state === 'sparse' || filled > 0)
        wrong = `header cut off at byte ${position}`
      else if (state === 'header') wrong = `end of archive missing at byte ${position}`
      else if (zeroBytes < 2 * blockSize) wrong = `end of archive cut off at byte ${position}`
    }
    return { members, payloadEnd, damage: wrong }
  }

  return { push, end }
}

/** A size rounded up to whole blocks. */
export function padded(size: number): number {
  return Math.ceil(size / blockSize) * blockSize
}

function untilNul(data: Buffer): Buffer {
  const end = data.indexOf(0)
  return end === -1 ? data : data.subarray(0, end)
}

/** Global records stay for the rest of the tar: only those that are read are kept. */
function keepKnown(global: Map<string, Buffer>, records: Map<string, Buffer>): void {
  for (const key of ['size', 'path', 'linkpath', 'GNU.sparse.name']) {
    const value = records.get(key)
    if (value) global.set(key, value)
  }
}
