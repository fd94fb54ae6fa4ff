import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  archiveName,
  instanceNameFrom,
  instanceNamePattern,
  isArchiveName,
  localDay,
  parseArchiveName,
  slug,
} from './archive-name.ts'
import { isProblem } from './problem.ts'

const name = (subject: string, instance = 'jerry', day = '20260508') =>
  archiveName({ instance, subject, day, taken: () => false })

const alphanumeric = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'.split('')
const text = (characters: readonly string[], maxLength: number, minLength = 1) =>
  fc.string({ unit: fc.constantFrom(...characters), minLength, maxLength })
const instances = fc
  .tuple(text(alphanumeric, 1), text([...alphanumeric, '-'], 19, 0))
  .map(([first, rest]) => first + rest)
const days = fc.integer({ min: 0, max: 4_000_000_000_000 }).map((ms) => localDay(ms, 'Europe/Paris'))
const plainSubjects = text([...alphanumeric, '_', '.', '-'], 60)

describe('archive names', () => {
  test.each([
    ['nocodb', 'jerry_nocodb_20260508'],
    ['mysql_mabase', 'jerry_mysql_mabase_20260508'],
    ['hermes-agent', 'jerry_hermes-agent_20260508'],
    ['nextcloud__2', 'jerry_nextcloud__2_20260508'],
  ])('%s is named %s', (subject, expected) => {
    expect(name(subject)).toBe(expected)
  })

  test('a second and third archive of the day get a suffix, the tenth too', () => {
    const taken = new Set<string>()
    for (let i = 1; i <= 10; i++) {
      const made = archiveName({
        instance: 'jerry',
        subject: 'hermes-agent',
        day: '20260508',
        taken: (n) => taken.has(n),
      })
      expect(made).toBe(`jerry_hermes-agent_20260508${i === 1 ? '' : `-${i}`}`)
      expect(parseArchiveName(made)?.sequence).toBe(i)
      taken.add(made)
    }
  })

  test('1,000 archives of one long subject in one day are all valid and different', () => {
    const taken = new Set<string>()
    for (let i = 0; i < 1000; i++) {
      const made = archiveName({
        instance: 'a-rather-long-name-x',
        subject: 'exactly-17-chars_',
        day: '20260508',
        taken: (n) => taken.has(n),
      })
      expect(isArchiveName(made)).toBe(true)
      taken.add(made)
    }
    expect(taken.size).toBe(1000)
  })

  test('names that are taken for ever end in a problem, not in an endless search', () => {
    expect(() =>
      archiveName({ instance: 'jerry', subject: 'x', day: '20260508', taken: () => true }),
    ).toThrow(expect.toSatisfy((e) => isProblem(e, 'archive_exists')))
  })

  test.each([
    ['an underscore in the instance', 'je_rry', '20260508'],
    ['an empty instance', '', '20260508'],
    ['an instance of 21 characters', 'a'.repeat(21), '20260508'],
    ['a day that does not exist', 'jerry', '20260230'],
    ['a day with hyphens', 'jerry', '2026-05-08'],
  ])('%s is refused', (_, instance, day) => {
    expect(() => name('nocodb', instance, day)).toThrow(expect.toSatisfy((e) => isProblem(e, 'name_invalid')))
  })

  test('a subject is shortened to a readable beginning and a hash that never changes', () => {
    expect(name('a-directory-with-a-name-that-is-much-too-long')).toBe(
      'jerry_a-directory-with-a-name--3wyggqu_20260508',
    )
    expect(name('Photos d’été')).toBe('jerry_Photos-d-ete--mulolkx_20260508')
    expect(name('日本')).toBe('jerry_x--be25fxj_20260508')
    expect(name('')).toBe('jerry_x--d821df5_20260508')
  })

  test('32 characters fit beside a five-letter instance, with room for a suffix; 33 do not', () => {
    const subject = 'x'.repeat(32)
    expect(name(subject)).toBe(`jerry_${subject}_20260508`)
    expect(name(`${subject}x`)).toMatch(/^jerry_x{23}--[0-9a-z]{7}_20260508$/)
  })

  test('any name is one that YunoHost and the helper accept', () => {
    fc.assert(
      fc.property(
        instances,
        fc.oneof(plainSubjects, fc.string({ unit: 'binary', maxLength: 80 })),
        days,
        fc.integer({ min: 0, max: 120 }),
        (instance, subject, day, before) => {
          let asked = 0
          const made = archiveName({ instance, subject, day, taken: () => asked++ < before })
          expect(made).toMatch(/^[\w.-]{1,50}(?<!\.)$/)
          expect(isArchiveName(made)).toBe(true)
          expect(parseArchiveName(made)).toMatchObject({ instance, day, sequence: before + 1 })
        },
      ),
    )
  })

  test('parsing gives back every subject that needed no shortening', () => {
    fc.assert(
      fc.property(instances, plainSubjects, days, (instance, subject, day) => {
        fc.pre(subject.length <= 37 - instance.length && !/--[0-9a-z]{7}$/.test(subject))
        expect(parseArchiveName(name(subject, instance, day))).toEqual({
          instance,
          subject,
          day,
          sequence: 1,
        })
      }),
    )
  })

  test('two different subjects never share a name, in whatever way they are alike', () => {
    const variations = fc.constantFrom(
      (s: string) => `${s} `,
      (s: string) => `${s}-`,
      (s: string) => s.replaceAll('-', ' '),
      (s: string) => s.replaceAll('-', '_'),
      (s: string) => s.toUpperCase(),
      (s: string) => `${s}é`,
      (s: string) => s.slice(0, 30),
      (s: string) => `${s}x`,
      // The text of a shortened subject is a subject of its own.
      (s: string) => parseArchiveName(name(s))?.subject ?? s,
    )
    fc.assert(
      fc.property(
        fc.oneof(plainSubjects, fc.string({ unit: 'binary', maxLength: 60 })),
        variations,
        (subject, vary) => {
          const other = vary(subject)
          expect(name(other) === name(subject)).toBe(other === subject)
        },
      ),
      { numRuns: 2000 },
    )
    expect(name('a b')).not.toBe(name('a-b'))
  })

  test.each([
    'jerry',
    'jerry_nocodb',
    'jerry_nocodb_2026050',
    'jerry_nocodb_20261308',
    'jerry_nocodb_20260508-1',
    'jerry_nocodb_20260508-01',
    'jerry_nocodb_20260508-',
    'jerry__20260508',
    '_x_20260508',
    '20260508-143000',
    'jerry_été_20260508',
    `jerry_${'x'.repeat(40)}_20260508`,
    '../jerry_x_20260508',
    'jerry_x_20260508\n',
  ])('%j is none of our names', (foreign) => {
    expect(parseArchiveName(foreign)).toBeNull()
  })

  test('parsing any text never throws, and what it accepts is rebuilt from its parts', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ unit: 'binary' }), fc.stringMatching(/^[\w-]*_[\w.-]*_\d{8}(-\d+)?$/)),
        (s) => {
          const parts = parseArchiveName(s)
          if (parts === null) return
          const suffix = parts.sequence === 1 ? '' : `-${parts.sequence}`
          expect(`${parts.instance}_${parts.subject}_${parts.day}${suffix}`).toBe(s)
        },
      ),
    )
  })
})

describe('slugs', () => {
  test.each([
    ['Photos d’été', 'photos-d-ete'],
    ['  Hermes  Agent! ', 'hermes-agent'],
    ['Cœur & Straße', 'coeur-strasse'],
    ['a_b.c', 'a-b-c'],
  ])('%j becomes %s', (given, expected) => {
    expect(slug(given)).toBe(expected)
  })

  test('are never empty and keep texts without a Latin letter apart', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (s) => {
        expect(slug(s)).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/)
      }),
    )
    expect(slug('日本')).not.toBe(slug('中国'))
  })
})

describe('instance names', () => {
  test.each([
    ['jerry', 'jerry'],
    ['jerry.example.org', 'jerry'],
    ['my_server', 'my-server'],
    ['-été-', 'ete'],
    ['', 'yunohost'],
    ['...', 'yunohost'],
  ])('host %j is named %s', (host, expected) => {
    expect(instanceNameFrom(host)).toBe(expected)
  })

  test('are valid for any host name, and long ones that begin alike differ', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 80 }), (s) => {
        expect(instanceNameFrom(s)).toMatch(instanceNamePattern)
      }),
    )
    expect(instanceNameFrom('backup-server-of-the-north')).not.toBe(
      instanceNameFrom('backup-server-of-the-south'),
    )
  })
})
