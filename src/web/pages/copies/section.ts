// The section "Copies" of an archive's page: where else it is, and the form that sends it somewhere.
import { isProblem } from '../../../domain/problem.ts'
import { transferModes } from '../../../domain/transfer.ts'
import { copiesOf } from '../../../store/copies.ts'
import { listDestinations } from '../../../store/destinations.ts'
import { listPeers } from '../../../store/peers.ts'
import { getReceived } from '../../../store/received.ts'
import { listTransfers } from '../../../store/transfers.ts'
import type { Formats } from '../../i18n.ts'
import type { WebContext } from '../../page.ts'
import { type Typed, typedForm, type Wrong } from '../../typed-form.ts'
import { visibleName } from '../../visible-name.ts'
import { openStatuses } from '../transfers/state.ts'
import { copiesView, type CopiesView } from './view.ts'

const mostTransfers = 20

/** What is known now of an archive's copies. */
export async function copiesOfArchive(
  c: WebContext,
  name: string,
  f: Formats,
  now: number,
): Promise<CopiesView> {
  const { db } = c.get('deps')
  const [copies, destinations, peers, transfers, received] = await Promise.all([
    copiesOf(db, [name]),
    listDestinations(db),
    listPeers(db),
    listTransfers(db, { archive: name, statuses: openStatuses, limit: mostTransfers }),
    getReceived(db, name),
  ])
  const facts = { copies: copies.get(name) ?? [], destinations, peers, transfers, received }
  return copiesView(facts, now, { t: c.get('t'), f })
}

/** The form; null when there is nowhere to send it. */
export async function sendForm(c: WebContext, typed: Typed = {}, wrong: Wrong = {}) {
  const t = c.get('t')
  const form = typedForm(typed, wrong, { t, f: c.get('f') })
  const destinations = (await listDestinations(c.get('deps').db)).filter((one) => one.enabled)
  if (destinations.length === 0) return null
  return {
    form,
    destinations: destinations.map((one) => ({
      value: String(one.id),
      label: visibleName(one.name),
      chosen: form.value('destination') === String(one.id),
    })),
    modes: transferModes.map((value) => ({
      value,
      label: t(`transfers.mode.${value}`),
      chosen: form.value('mode') === value,
    })),
  }
}

/** Queues the transfer that the form asks for; its id, or what is wrong. */
export async function sendArchive(
  c: WebContext,
  name: string,
): Promise<{ readonly id: number } | { readonly wrong: Wrong }> {
  const { engine } = c.get('deps')
  const text = c.get('form').get('destination') ?? ''
  if (!/^\d{1,15}$/.test(text)) return { wrong: { errors: [{ field: 'destination', code: 'required' }] } }
  const mode = transferModes.find((one) => one === c.get('form').get('mode')) ?? 'auto'
  try {
    const order = { archive: name, destinationId: Number(text), mode, trigger: 'manual' as const }
    return await engine.transfers.send(order, c.get('user'))
  } catch (error) {
    if (!isProblem(error)) throw error
    return { wrong: { problem: error } }
  }
}
