// Templates: what they may print, and what they may not do.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createRenderer, strictEscape } from './views.ts'

const folder = join(import.meta.dirname, '../../views')
const templates = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) =>
  file.endsWith('.eta'),
)

test('a text is escaped for content and for quoted attributes', () => {
  expect(strictEscape(`<a href="x" title='y'>&</a>`)).toBe(
    '&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;&lt;/a&gt;',
  )
  expect(strictEscape(42)).toBe('42')
})

test.each([[undefined], [null], [{}], [[]], [true], [() => 1]])('%s is never printed', (value) => {
  expect(() => strictEscape(value)).toThrow('a template printed')
})

test('a missing value fails the page instead of reaching it', () => {
  const renderer = createRenderer({ cache: true })
  expect(() => renderer.render('partials/csrf', {})).toThrow('a template printed undefined')
})

describe.each(templates)('%s', (file) => {
  const text = readFileSync(join(folder, file), 'utf8')

  test('prints raw HTML only from other templates', () => {
    const raw = [...text.matchAll(/<%~\s*([^%]*?)\s*%>/g)].map(([, code]) => code ?? '')
    expect(raw.filter((code) => !/^(include\(|block\(|it\.body$)/.test(code))).toEqual([])
  })

  test('has neither inline style nor inline script', () => {
    expect(text).not.toMatch(/\sstyle=|\son[a-z]+=|<style|<script(?![^>]*\ssrc=)/)
  })

  test('quotes every attribute that it fills', () => {
    expect(text).not.toMatch(/=<%=/)
  })
})
