import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { anOrder, describeSource, traces, watchedIo } from '../contract.ts'
import { stockParts } from '../yunohost/facts.ts'
import { aServer, contractWorld, placesOf } from '../yunohost/yunohost-world.ts'
import { createYnhSystem, ynhSystem } from './index.ts'

describeSource(ynhSystem, () => contractWorld({ parts: ['conf_ynh_settings', 'data_home'] }))

describe('settings of ynh_system', () => {
  test('mean all parts when none is named', () => {
    expect(ynhSystem.settings.parse({})).toEqual({ parts: [] })
  })
  test.each(['--apps', '-n', '', 'a b', 'a/b', 'x\n', 'x'.repeat(101)])('refuse the part %j', (part) => {
    expect(ynhSystem.settings.safeParse({ parts: [part] }).success).toBe(false)
  })
})

describe('a backup of the system', () => {
  test('takes all parts when none is named', async () => {
    const fake = await aServer()
    const made = await ynhSystem.produce({ parts: [] }, anOrder('all'), watchedIo(placesOf(fake)))
    expect(made.targets.map((target) => target.id).toSorted()).toEqual(stockParts.toSorted())
    expect(made.targets.every((target) => target.kind === 'system' && target.status === 'success')).toBe(true)
  })

  test('is never green when one of its parts failed, though YunoHost exits with 0', async () => {
    const fake = await aServer({ modes: { part_error: ['data_mail'] } })
    const parts = ['data_home', 'data_mail']
    const made = await ynhSystem.produce({ parts }, anOrder('partly'), watchedIo(placesOf(fake)))
    expect(made.targets).toEqual([
      { kind: 'system', id: 'data_home', status: 'success' },
      {
        kind: 'system',
        id: 'data_mail',
        status: 'error',
        detail: 'Could not run script: /usr/share/yunohost/hooks/backup/23-data_mail',
      },
    ])
    expect(made.warnings).toEqual([
      { code: 'target_failed', facts: { target: 'data_mail', status: 'error' } },
    ])
    expect(made.warningCount).toBe(1)
    expect(made.backupInfo['results']).toEqual({
      apps: {},
      system: { data_home: 'success', data_mail: 'error' },
    })
  })

  test('fails when every part failed, and leaves nothing', async () => {
    const fake = await aServer({ modes: { part_error: ['data_home', 'data_mail'] } })
    const parts = ['data_home', 'data_mail']
    const work = ynhSystem.produce({ parts }, anOrder('none'), watchedIo(placesOf(fake)))
    await expect(work).rejects.toMatchObject({ code: 'nothing_backed_up' })
    expect(await traces(fake.archivesDir)).toEqual([])
  })

  test('says beside the field which part is unknown, and knows those of the admin’s own hooks', async () => {
    const fake = await aServer()
    const hooksDir = join(fake.root, 'etc/yunohost/hooks.d/backup')
    await writeFile(join(hooksDir, '95-data_own'), '#!/bin/bash\n')
    const system = createYnhSystem(hooksDir)
    const parts = ['data_home', 'data_own', 'data_nope']
    expect(await system.check({ parts }, watchedIo(placesOf(fake)))).toEqual([
      { field: 'config.parts', code: 'part_unknown', facts: { part: 'data_nope' } },
    ])
  })

  test('cannot be checked where there is no YunoHost', async () => {
    const fake = await aServer()
    const places = { ...placesOf(fake), yunohost: ['/nonexistent/yunohost'] }
    await expect(ynhSystem.check({ parts: [] }, watchedIo(places))).rejects.toMatchObject({
      code: 'tool_missing',
    })
  })
})
