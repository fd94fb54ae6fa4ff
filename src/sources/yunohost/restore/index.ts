// How archives of YunoHost come back: by `yunohost backup restore`, with a way back wherever something was before.
import type { RestorePlan } from '../../../domain/restore.ts'
import { asProblem } from '../../../sys/failure.ts'
import { cancelledBy } from '../../cancelled.ts'
import type { Restorer, RestoreRequest, SourceIo } from '../../source.ts'
import { applyRestore } from './apply.ts'
import { yunohostChanges } from './changes.ts'
import { decide } from './decide.ts'
import { drill } from './drill.ts'
import { surveyRestore } from './survey.ts'

/** The restorer of one of the two sources. An archive may hold apps and parts: both restore both. */
export function yunohostRestorer<S>(type: string, recall: Restorer<S>['recall']): Restorer<S> {
  return {
    options: ['targets'],
    drills: ['extract'],
    recall,
    plan: (request, io) => planRestore(type, request, io),
    apply: (request, plan, tx, io) => applyRestore(request, plan, tx, io),
    changes: yunohostChanges,
    drill: ({ archive }, _depth, io) => drill(archive, io),
  }
}

async function planRestore(
  type: string,
  request: RestoreRequest<unknown>,
  io: SourceIo,
): Promise<RestorePlan> {
  try {
    const survey = await surveyRestore(request.archive, io)
    return decide(survey, type, request.options, [io.places.archivesDir, io.places.dataDir])
  } catch (error) {
    throw cancelledBy(io.signal) ?? asProblem(error)
  }
}
