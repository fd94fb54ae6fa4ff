// Opens the instance for one command and closes it whatever happens.
import type { CliContext, Instance } from './context.ts'

/** `thorough`: read the whole database for damage first. */
export async function withInstance<R>(
  context: CliContext,
  work: (it: Instance) => Promise<R>,
  options: { readonly thorough?: boolean } = {},
): Promise<R> {
  const instance = await context.open(options)
  try {
    return await work(instance)
  } finally {
    await instance.close()
  }
}

/** Who the activity log names: the person behind sudo, if there is one. */
export function cliActor(env: Readonly<Record<string, string | undefined>> = process.env): string {
  const user = env['SUDO_USER'] ?? env['USER'] ?? ''
  return /^[\w.-]{1,64}$/.test(user) ? `cli (${user})` : 'cli'
}
