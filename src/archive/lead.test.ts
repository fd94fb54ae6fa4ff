import { execFileSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { customPart, mysqlPart, ownParts } from './format.ts'
import { info } from './info-json.ts'
import { leadMembers, type Recipe } from './lead.ts'
import { restoreHook } from './restore-hook.ts'
import { tarEnd } from './tar-header.ts'

interface Listed {
  readonly name: string
  readonly mode: number
  readonly owner: string
  readonly mtime: number
  /** Null for a directory. */
  readonly text: string | null
}

const described = info({
  description: 'é',
  createdAt: 1_778_209_200_000,
  size: 5,
  part: customPart,
  yunohostVersion: '12.1.39',
})

function lead(recipe: Recipe, part = customPart): Listed[] {
  const members = leadMembers({
    info: described,
    csv: [['/srv/a "b"', 'data/custom/srv/a "b"']],
    part,
    recipe,
    mtime: 1_778_209_200,
  })
  const script = `
import tarfile, json, io, sys
t = tarfile.open(fileobj=io.BytesIO(sys.stdin.buffer.read()))
print(json.dumps([{'name': m.name, 'mode': m.mode, 'owner': f'{m.uid}:{m.gid}:{m.uname}:{m.gname}', 'mtime': m.mtime,
  'text': t.extractfile(m).read().decode() if m.isfile() else None} for m in t]))`
  const input = Buffer.concat([members, tarEnd(members.length)])
  return JSON.parse(execFileSync('python3', ['-c', script], { input }).toString()) as Listed[]
}

describe('what an archive begins with', () => {
  test('are the descriptions, the hook, and the recipe, each directory before what is in it', () => {
    const found = lead({
      format: '2\n',
      source: '/srv/a\n',
      'commands/001': 'true\n',
      'commands/002': 'false\n',
    })
    expect(found.map(({ name }) => name)).toEqual([
      'info.json',
      'backup.csv',
      'hooks',
      'hooks/restore',
      'hooks/restore/95-data_custom',
      'data',
      'data/custom',
      'data/custom/.backupmanager',
      'data/custom/.backupmanager/commands',
      'data/custom/.backupmanager/format',
      'data/custom/.backupmanager/source',
      'data/custom/.backupmanager/commands/001',
      'data/custom/.backupmanager/commands/002',
    ])
  })

  test('are whole: contents, and the bytes of the hook', () => {
    const text = new Map(
      lead({ format: '2\n', unit: '[Unit]\nno newline at its end é' }).map((one) => [one.name, one.text]),
    )
    expect(JSON.parse(text.get('info.json') ?? '')).toEqual(described)
    expect(text.get('backup.csv')).toBe('"/srv/a ""b""","data/custom/srv/a ""b"""\r\n')
    expect(text.get('hooks/restore/95-data_custom')).toBe(restoreHook(customPart).toString())
    expect(text.get('data/custom/.backupmanager/unit')).toBe('[Unit]\nno newline at its end é')
  })

  test('belong to root by number, and the recipe is for root alone', () => {
    for (const { name, mode, owner, mtime, text } of lead({ format: '2\n', 'commands/001': 'true\n' })) {
      expect({ name, owner, mtime }).toEqual({ name, owner: '0:0::', mtime: 1_778_209_200 })
      const secret = name.startsWith('data/custom/.backupmanager')
      const script = name.startsWith('hooks/restore/')
      expect({ name, mode: mode.toString(8) }).toEqual({
        name,
        mode: text === null ? (secret ? '700' : '755') : secret ? '600' : script ? '755' : '644',
      })
    }
  })

  test('are called as YunoHost looks for them, whatever the part', () => {
    for (const part of ownParts) {
      const names = lead({ format: '2\n' }, part).map(({ name }) => name)
      expect(names).toContain(`hooks/restore/${part.hook}`)
      // It takes the members below the part's name with slashes for its lines.
      expect(names).toContain(`${part.part.replaceAll('_', '/')}/.backupmanager/format`)
    }
    expect(lead({ format: '2\n' }, mysqlPart).map(({ name }) => name)).not.toContain('data/custom')
  })
})
