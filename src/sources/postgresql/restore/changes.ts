// How the changes that a restore announces are taken back, or tidied up: by what is there, any number of times.
import { z } from 'zod'
import type { Change, Changes, RestoreRequest, SourceIo } from '../../source.ts'
import { asServerProblem } from '../check.ts'
import { maintenanceDatabase } from '../maintenance.ts'
import { withServer, type Server } from '../server.ts'
import type { Settings } from '../settings.ts'
import { dropRoles, keepRoles } from './roles.ts'
import { dropDatabase, settle } from './scratch.ts'
import { dropFormer, giveBack, swapData } from './swap.ts'

const rolesData = z.object({ roles: z.array(z.string()), target: z.string() })
const scratchData = z.object({ name: z.string(), target: z.string() })

/** Roles that are missing will be created. */
export const rolesChange = (data: z.output<typeof rolesData>): Change => ({ kind: 'roles', data })
/** A database will be created, under a name that was free. */
export const scratchChange = (data: z.output<typeof scratchData>): Change => ({ kind: 'scratch', data })
/** The loaded database will take its place. */
export const swapChange = (data: z.output<typeof swapData>): Change => ({ kind: 'swap', data })

export const changes: Changes<Settings> = {
  roles: {
    undo: (data, request, io) => {
      const { roles, target } = rolesData.parse(data)
      return fromBase(target, request, io, (server, base) => dropRoles(server, base, roles))
    },
    finish: (data, request, io) => {
      const { roles, target } = rolesData.parse(data)
      return fromBase(target, request, io, (server, base) => keepRoles(server, base, roles))
    },
  },
  scratch: {
    undo: (data, request, io) => {
      const { name, target } = scratchData.parse(data)
      return fromBase(target, request, io, (server, base) => dropDatabase(server, base, name))
    },
  },
  swap: {
    undo: (data, request, io) => {
      const swap = swapData.parse(data)
      return fromBase(swap.target, request, io, (server, base) => giveBack(server, base, swap))
    },
    finish: (data, request, io) => {
      const swap = swapData.parse(data)
      return fromBase(swap.target, request, io, (server, base) => dropFormer(server, base, swap))
    },
  },
}

/** From another database than the one in question, and after everything of this operation has ended. */
async function fromBase(
  target: string,
  request: RestoreRequest<Settings>,
  io: SourceIo,
  work: (server: Server, base: string) => Promise<void>,
): Promise<void> {
  await withServer(request.settings, io, async (server) => {
    try {
      const base = await maintenanceDatabase(server, target)
      await settle(server, base)
      await work(server, base)
    } catch (error) {
      throw await asServerProblem(error, server, target)
    }
  })
}
