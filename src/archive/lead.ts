// The members that an archive of our own begins with: descriptions, the restore hook, and the recipe.
import { backupCsv } from './backup-csv.ts'
import { csvMember, hookMember, infoMember, recipeFolder, type Part } from './format.ts'
import { infoBytes } from './info-json.ts'
import { restoreHook } from './restore-hook.ts'
import { tarDirectory, tarFile } from './tar-header.ts'

/** Facts for a restore, one small file each; a name with a `/` is in a folder of its own. doc/archive-format.md lists them. */
export type Recipe = Readonly<Record<string, string>>

/** Everything before the payload. `mtime` in epoch seconds; `csv` as {@link backupCsv} takes it. */
export function leadMembers(lead: {
  readonly info: Readonly<Record<string, unknown>>
  readonly csv: readonly (readonly [source: string, destination: string])[]
  readonly part: Part
  readonly recipe: Recipe
  readonly mtime: number
}): Buffer {
  const { part, mtime } = lead
  const recipe = `${part.folder}/${recipeFolder}`
  const names = Object.keys(lead.recipe)
  const folders = new Set(
    names.filter((name) => name.includes('/')).map((name) => name.slice(0, name.lastIndexOf('/'))),
  )
  return Buffer.concat([
    tarFile(infoMember, infoBytes(lead.info), mtime),
    tarFile(csvMember, backupCsv(lead.csv), mtime),
    // A member for every directory: YunoHost may run with umask 0, and makes those that have none with mode 777.
    ...directories(`hooks/restore`, mtime),
    tarFile(hookMember(part), restoreHook(part), mtime, 0o755),
    ...directories(part.folder, mtime),
    tarDirectory(recipe, mtime, 0o700),
    ...[...folders].map((folder) => tarDirectory(`${recipe}/${folder}`, mtime, 0o700)),
    ...names.map((name) =>
      tarFile(`${recipe}/${name}`, Buffer.from(lead.recipe[name] ?? '', 'utf8'), mtime, 0o600),
    ),
  ])
}

function directories(path: string, mtime: number): Buffer[] {
  const steps = path.split('/')
  return steps.map((_, i) => tarDirectory(steps.slice(0, i + 1).join('/'), mtime))
}
