// What every page must obey, checked on its text without a browser.
import { en } from '../../locales/en.ts'

/** What is wrong with a page's HTML; empty when it obeys. */
export function htmlProblems(html: string): readonly string[] {
  const problems: string[] = []
  const headings = html.match(/<h1[\s>]/g)?.length ?? 0
  if (headings !== 1) problems.push(`${headings} h1`)
  for (const word of ['undefined', '[object', 'NaN', 'Invalid Date']) {
    if (visibleText(html).includes(word)) problems.push(`the word ${word}`)
  }
  for (const blank of visibleText(html).match(/\{\w+\}/g) ?? []) problems.push(`the blank ${blank}`)
  for (const key of Object.keys(en)) {
    if (key.includes('.') && new RegExp(`[>"]${key.replaceAll('.', String.raw`\.`)}[<"]`).test(html)) {
      problems.push(`the key ${key}`)
    }
  }
  for (const form of html.match(/<form\b[^>]*method="post"[\s\S]*?<\/form>/g) ?? []) {
    if (!/name="_csrf" value="[\w-]{20,}"/.test(form)) problems.push(`no token in ${form.slice(0, 80)}`)
  }
  problems.push(...unlabelled(html), ...repeatedIds(html), ...inline(html))
  return problems
}

/** The text of a page, without its tags. */
export function visibleText(html: string): string {
  return html.replaceAll(/<[^>]*>/g, ' ').replaceAll(/\s+/g, ' ')
}

function unlabelled(html: string): readonly string[] {
  const labels = new Set([...html.matchAll(/<label\b[^>]*\bfor="([^"]+)"/g)].map(([, id]) => id))
  // A control inside its label has it.
  const outside = html.replaceAll(/<label\b(?![^>]*\bfor=)[\s\S]*?<\/label>/g, '')
  return (outside.match(/<(?:input|select|textarea)\b[^>]*>/g) ?? [])
    .filter((tag) => !/type="(?:hidden|submit)"/.test(tag) && !/aria-label(?:ledby)?="/.test(tag))
    .filter((tag) => !labels.has(/\bid="([^"]+)"/.exec(tag)?.[1] ?? ''))
    .map((tag) => `no label for ${tag}`)
}

function repeatedIds(html: string): readonly string[] {
  const ids = [...html.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id ?? '')
  return ids.filter((id, i) => ids.indexOf(id) !== i).map((id) => `the id ${id} twice`)
}

/** The content security policy would block these. */
function inline(html: string): readonly string[] {
  return [...html.matchAll(/<[a-z]+\b[^>]*?\s(style|on[a-z]+)="|<(style)\b|<(script)>|(javascript:)/g)].map(
    ([found]) => `inline code or style: ${found.slice(0, 80)}`,
  )
}
