// Walks a tar that is handed over piece by piece: ustar, PAX and GNU headers. It looks at headers only, never trusts
// them, keeps a bounded amount of memory and never throws: what is wrong with the tar is part of the answer.
import { blockSize } from './format.ts'
import { paxNumber, paxTime, readPax } from './pax.ts'
import { readHeader, sparseGoesOn, type TarFields } from './tar-fields.ts'

/** More than any tool writes: xattrs, ACLs and the longest paths together. */
const metaMaxBytes = 8 * 1024 * 1024

export interface TarMember {
  /** As bytes; a directory's may end with a slash. */
  readonly name: Buffer
  /** Names that other readers may take it to have; nearly always none. */
  readonly otherNames: readonly Buffer[]
  /** It has headers that contradict each other, as no tool writes them: readers do not agree on what they mean. */
  readonly doubtful: boolean
  /** `0` file, `1` hard link, `2` symbolic link, `3` `4` devices, `5` directory, `6` fifo, and odder ones. */
  readonly type: string
  /** Target of a link. */
  readonly linkName: Buffer
  /** Bytes of data stored in the tar; a sparse file is larger once unpacked. */
  readonly size: number
  /** Bytes once unpacked; more than {@link TarMember.size} for a sparse file. */
  readonly realSize: number
  /** Its data is a map of what is not empty, and that. */
  readonly sparse: boolean
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Names, empty when the tar has none. */
  readonly owner: string
  readonly group: string
  /** Nanoseconds since 1970. */
  readonly mtimeNs: bigint
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
  /** True when no further member can come: the end was reached, or the tar is damaged. */
  over(): boolean
  /** Bytes of a member's data that come next and need not be pushed. */
  ahead(): number
  /** Passes over so many of them, which the caller knows to be there. */
  skip(bytes: number): void
  /** What is known if nothing more comes. */
  end(): TarEnd
}

type Expecting = 'header' | 'meta' | 'sparse' | 'data' | 'end' | 'nothing'

/** Headers that describe the next member. */
const extensions = new Set(['x', 'X', 'g', 'L', 'K'])
/** Types without data behind them; a size there means one thing to one reader and another to the next. */
const dataless = new Set(['2', '3', '4', '5', '6'])
const zeros = Buffer.alloc(64 * 1024)

/**
 * `onMember` is called when the header of a member is complete, before its data. `from`: where in the tar the first piece
 * stands, when the members before are known.
 */
export function tarScanner(onMember?: (member: TarMember) => void, from = 0): TarScanner {
  const block = Buffer.alloc(blockSize)
  let state: Expecting = 'header'
  let position = from
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
  /** A member has two extended headers of one sort. */
  let contradicting = false
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
    if (fields.type === '1') {
      // Readers agree that a hard link has no data, whatever its header says. A record is taken for the truth by some.
      if (paxSize && size !== 0) return spoil('bad size', at)
      size = 0
    }
    if (size === null || (size > 0 && dataless.has(fields.type))) return spoil('bad size', at)
    const dataOffset = at + blockSize
    if (dataOffset + padded(size) > Number.MAX_SAFE_INTEGER) return spoil('bad size', at)
    members += 1
    // As GNU tar chooses. Others go by the order in which the headers come.
    const names = [record('GNU.sparse.name'), record('path')].filter((one) => one !== undefined)
    const [name = longName ?? fields.name, ...others] = names
    const otherNames = names.length === 0 && !longName && fields.otherName ? [fields.otherName] : others
    const linkName = record('linkpath') ?? longLink ?? fields.linkName
    const doubtful =
      contradicting ||
      (longName !== null && names.length > 0) ||
      (longLink !== null && record('linkpath') !== undefined) ||
      (paxSize !== undefined && sparseSizes.some((key) => record(key) !== undefined))
    const told = facts(fields, record, size)
    local = new Map()
    longName = longLink = waiting = null
    pending = contradicting = false
    skip = padded(size)
    state = skip === 0 ? 'header' : 'data'
    onMember?.({
      name,
      otherNames,
      doubtful,
      type: fields.type,
      linkName,
      size,
      ...told,
      offset: headerAt,
      dataOffset,
    })
  }

  const finishMeta = (at: number): void => {
    const { type, data } = meta ?? { type: '', data: Buffer.alloc(0) }
    meta = null
    state = 'header'
    filled = 0
    if (type === 'L') {
      contradicting ||= longName !== null
      longName = untilNul(data)
    } else if (type === 'K') {
      contradicting ||= longLink !== null
      longLink = untilNul(data)
    } else {
      const records = readPax(data)
      if (records === null) return spoil('bad extended header', at)
      if (type === 'g') keepKnown(global, records)
      else {
        contradicting ||= local.size > 0
        local = records
      }
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

  const skipData = (bytes: number): void => {
    if (bytes === 0) return
    if (state !== 'data' || bytes > skip) throw new RangeError('only data can be passed over')
    skip -= bytes
    position += bytes
    if (skip === 0) state = 'header'
  }

  return {
    push,
    end,
    over: () => state === 'end' || state === 'nothing',
    ahead: () => (state === 'data' ? skip : 0),
    skip: skipData,
  }
}

/** A size rounded up to whole blocks. */
export function padded(size: number): number {
  return Math.ceil(size / blockSize) * blockSize
}

/** One of them is there for every sparse file, whichever of GNU's three forms it has. */
const sparseRecords = ['GNU.sparse.major', 'GNU.sparse.size', 'GNU.sparse.map']

/** Said beside a size, Python's tarfile takes them for the length of the data. */
const sparseSizes = ['GNU.sparse.size', 'GNU.sparse.realsize']

/** What PAX records say comes before what the header says; a record that is no number is passed over. */
function facts(
  fields: TarFields,
  record: (key: string) => Buffer | undefined,
  size: number,
): Pick<TarMember, 'realSize' | 'sparse' | 'mode' | 'uid' | 'gid' | 'owner' | 'group' | 'mtimeNs'> {
  const number = (key: string): number | null => {
    const value = record(key)
    return value === undefined ? null : paxNumber(value)
  }
  return {
    sparse: fields.type === 'S' || sparseRecords.some((key) => record(key) !== undefined),
    realSize: number('GNU.sparse.realsize') ?? number('GNU.sparse.size') ?? fields.realSize ?? size,
    mode: fields.mode,
    uid: number('uid') ?? fields.uid,
    gid: number('gid') ?? fields.gid,
    owner: (record('uname') ?? fields.owner).toString('utf8'),
    group: (record('gname') ?? fields.group).toString('utf8'),
    mtimeNs: paxTime(record('mtime')) ?? BigInt(fields.mtime) * 1_000_000_000n,
  }
}

function untilNul(data: Buffer): Buffer {
  const end = data.indexOf(0)
  return end === -1 ? data : data.subarray(0, end)
}

/** Global records stay for the rest of the tar: only those that are read are kept. */
function keepKnown(global: Map<string, Buffer>, records: Map<string, Buffer>): void {
  for (const key of [
    'size',
    'path',
    'linkpath',
    'GNU.sparse.name',
    'uid',
    'gid',
    'uname',
    'gname',
    'mtime',
  ]) {
    const value = records.get(key)
    if (value) global.set(key, value)
  }
}
