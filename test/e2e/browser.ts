// A real Chromium for tests: opens pages, looks for accessibility faults, sideways scrolling and blocked requests.
import { mkdtemp, mkdir, readFile, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Hono } from 'hono'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, onTestFinished } from 'vitest'
import { serveWeb, type Served } from '../../src/web/server.ts'
import type { WebEnv } from '../../src/web/page.ts'

export interface Look {
  readonly theme?: 'light' | 'dark'
  /** In CSS pixels. Default 1280. */
  readonly width?: number
  readonly language?: 'en' | 'fr'
  /** Default true. */
  readonly script?: boolean
}

/** Each page is looked at in both: together they have both themes, both languages, and the widest and the narrowest screen. */
export const looks: readonly (readonly [string, Look])[] = [
  ['wide and light', { theme: 'light', language: 'en' }],
  ['narrow, dark and French', { theme: 'dark', language: 'fr', width: 320 }],
]

export interface TestBrowser {
  /** A page in a browser of its own, closed when the test has finished. */
  page(look?: Look): Promise<Page>
}

/** Starts one Chromium for the tests of a file. */
export function useBrowser(): TestBrowser {
  let browser: Browser | undefined
  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    })
  })
  afterAll(() => browser?.close())
  return {
    async page({ theme = 'light', width = 1280, language = 'en', script = true } = {}) {
      if (browser === undefined) throw new Error('the browser has not been started')
      const context: BrowserContext = await browser.newContext({
        colorScheme: theme,
        locale: language === 'en' ? 'en-GB' : 'fr-FR',
        viewport: { width, height: 900 },
        javaScriptEnabled: script,
      })
      onTestFinished(() => context.close())
      return context.newPage()
    },
  }
}

/** Serves the application on a free port until the test has finished. */
export async function served(app: Hono<WebEnv>): Promise<Served> {
  const server = await serveWeb(app, { kind: 'tcp', host: '127.0.0.1', port: 0 })
  onTestFinished(() => server.close())
  return server
}

const axeFile = createRequire(import.meta.url).resolve('axe-core/axe.min.js')

/** What axe finds wrong, by rule and element; contrast included. Empty when nothing is. */
export async function accessibilityFaults(page: Page): Promise<readonly string[]> {
  // Evaluated by the debugger: the page's own policy would block a script element.
  await page.evaluate(await readFile(axeFile, 'utf8'))
  const { violations } = await page.evaluate<AxeResults>('axe.run()')
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary = '' }) => `${id}: ${html.slice(0, 160)} ${failureSummary}`),
  )
}

interface AxeResults {
  readonly violations: readonly {
    readonly id: string
    readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[]
  }[]
}

/** Elements that are wider than the window; empty when nothing has to be scrolled sideways. */
export async function tooWide(page: Page): Promise<readonly string[]> {
  return page.evaluate<readonly string[]>(`(() => {
    const { clientWidth, scrollWidth } = document.documentElement
    if (scrollWidth <= clientWidth) return []
    return [...document.querySelectorAll('body *')]
      .filter((element) => element.getBoundingClientRect().right > clientWidth + 1)
      .map((element) => element.outerHTML.slice(0, 120))
  })()`)
}

/** Collects what the page asks of other hosts, what its policy blocked and what its scripts complained of. */
export function complaints(page: Page): readonly string[] {
  const found: string[] = []
  page.on('request', (request) => {
    const { hostname, protocol } = new URL(request.url())
    if (hostname !== '127.0.0.1' && protocol !== 'data:') found.push(`asked ${request.url()}`)
  })
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') found.push(message.text())
  })
  page.on('pageerror', (error) => found.push(error.message))
  return found
}

/**
 * Saves a picture of the whole page and gives its path: in the folder that the environment variable SCREENSHOTS
 * names, else in a temporary one that goes with the test.
 */
export async function screenshot(page: Page, name: string): Promise<string> {
  const kept = process.env['SCREENSHOTS']
  const folder = kept ?? (await mkdtemp(join(tmpdir(), 'bm-shots-')))
  if (kept === undefined) onTestFinished(() => rm(folder, { recursive: true, force: true }))
  else await mkdir(folder, { recursive: true })
  const path = join(folder, `${name}.png`)
  await page.screenshot({ path, fullPage: true })
  return path
}
