// French. `Record<MessageKey, …>` makes a missing or unknown key a type error.
import type { Message } from '../src/domain/i18n.ts'
import type { MessageKey } from './en.ts'

export const fr: Record<MessageKey, Message> = {
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

  // --- fields ---
  // --- end fields ---

  // --- problems ---
  // --- end problems ---

  // --- warnings ---
  // --- end warnings ---
}
