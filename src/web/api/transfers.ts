// Sending archives elsewhere, asked for from afar.
import { transferAskSchema, transferSchema, transferStartedSchema } from '../../domain/api/archives.ts'
import { Problem } from '../../domain/problem.ts'
import type { Transfer } from '../../domain/transfer.ts'
import { transferToWire } from '../../domain/wire.ts'
import { destinationOfPeer, getDestination } from '../../store/destinations.ts'
import { getPeerByUid } from '../../store/peers.ts'
import { getTransfer } from '../../store/transfers.ts'
import type { WebDeps } from '../page.ts'
import type { Api } from './frame.ts'
import { idParams, nameParams } from './params.ts'
import { transferRights } from './transfer-rights.ts'
import { clip } from './wire.ts'

/** Adds `POST /archives/{name}/transfer`, `GET /transfers/{id}` and `POST /transfers/{id}/cancel`. */
export function mountTransfers(api: Api, deps: WebDeps): void {
  const { engine, db, config } = deps
  const rights = transferRights(deps)

  api.route(
    {
      method: 'post',
      path: '/archives/{name}/transfer',
      scope: 'run',
      summary:
        'Queues sending an archive to a peer (instance_id) or another destination of this instance. The key of a peer reaches what that peer has sent, and what goes to that destination anyway.',
      params: nameParams,
      body: transferAskSchema,
      answers: { 202: transferStartedSchema },
    },
    async (c, { params, body }, reply) => {
      const caller = c.get('caller')
      const found = body.destination_id ?? (await destinationOf(body.instance_id ?? ''))
      // Who may not have it sent is not told which destinations there are.
      await rights.mustOrder(caller, params.name, found ?? -1)
      if (found === null) throw new Problem('destination_not_found')
      const transfer = await engine.transfers.send(
        { archive: params.name, destinationId: found, mode: body.mode, trigger: 'api' },
        caller.actor,
      )
      return reply(202, { transfer_id: transfer.id, mode: transfer.chosen ?? transfer.mode })
    },
  )

  api.route(
    {
      method: 'get',
      path: '/transfers/{id}',
      scope: 'read',
      summary: 'How a transfer stands. The key of a peer reaches those that the peer could have ordered.',
      params: idParams,
      answers: { 200: transferSchema },
    },
    async (c, { params }, reply) => {
      const transfer = await found(params.id)
      await rights.mustSee(c.get('caller'), transfer)
      return reply(200, await described(transfer))
    },
  )

  api.route(
    {
      method: 'post',
      path: '/transfers/{id}/cancel',
      scope: 'run',
      summary: 'Stops a transfer for good. The key of a peer reaches those that the peer ordered.',
      params: idParams,
      answers: { 202: transferSchema },
    },
    async (c, { params }, reply) => {
      const caller = c.get('caller')
      await rights.mustStop(caller, await found(params.id))
      return reply(202, await described(await engine.transfers.cancel(params.id, caller.actor)))
    },
  )

  async function found(id: number): Promise<Transfer> {
    const transfer = await getTransfer(db, id)
    if (transfer === null) throw new Problem('transfer_not_found', { id })
    return transfer
  }

  async function destinationOf(instanceId: string): Promise<number | null> {
    const peer = await getPeerByUid(db, instanceId)
    return peer && ((await destinationOfPeer(db, peer.id))?.id ?? null)
  }

  async function described(transfer: Transfer) {
    const destination = await getDestination(db, transfer.destinationId)
    return transferToWire(transfer, clip(destination?.name ?? '', 300), config.timeZone)
  }
}
