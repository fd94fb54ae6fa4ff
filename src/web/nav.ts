// The main navigation, in its order. A page adds its line here.
import type { MessageKey } from '../../locales/en.ts'

interface Item {
  readonly path: string
  readonly label: MessageKey
  /** Other paths that belong to the same item. */
  readonly also?: readonly string[]
}

const items: readonly Item[] = [
  { path: '/', label: 'nav.home', also: ['/jobs'] },
  { path: '/runs', label: 'nav.runs' },
  { path: '/archives', label: 'nav.archives' },
  { path: '/restore', label: 'nav.restore', also: ['/restores'] },
  { path: '/network', label: 'nav.network', also: ['/peers', '/transfers', '/tokens'] },
  { path: '/activity', label: 'nav.activity' },
  { path: '/settings', label: 'nav.settings' },
]

export interface NavItem {
  readonly path: string
  readonly label: MessageKey
  /** For `aria-current`. */
  readonly current: 'page' | 'true' | 'false'
}

/** The items, the one that the path belongs to marked. */
export function navigation(path: string): readonly NavItem[] {
  const below = (root: string) => path === root || path.startsWith(`${root}/`)
  return items.map((item) => ({
    path: item.path,
    label: item.label,
    current: path === item.path ? 'page' : [item.path, ...(item.also ?? [])].some(below) ? 'true' : 'false',
  }))
}
