// English. Keys are grouped by the page or part that uses them; `fr.ts` must have the same keys.
import type { Message } from '../src/domain/i18n.ts'

export const en = {
  // --- app frame ---
  'app.name': 'BackupManager',
  // --- end app frame ---

  // --- home ---
  // --- end home ---

  // --- jobs ---
  // --- end jobs ---

  // --- runs ---
  // --- end runs ---

  // --- archives ---
  // --- end archives ---

  // --- settings ---
  // --- end settings ---

  // --- fields (domain/problem.ts fieldErrorCodes) ---
  // --- end fields ---

  // --- problems (domain/problem.ts problems): problem.<code>.title and .hint ---
  // --- end problems ---

  // --- warnings and notes of runs: warning.<code> ---
  // --- end warnings ---
} as const satisfies Record<string, Message>

export type MessageKey = keyof typeof en
