// A secret in memory that cannot be printed by accident.
import { inspect } from 'node:util'

const hidden = '•••'

/** Shows itself as dots wherever it is printed, logged or serialised; {@link Secret.reveal} gives the text. */
export class Secret {
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  reveal(): string {
    return this.#text
  }

  toString(): string {
    return hidden
  }

  toJSON(): string {
    return hidden
  }

  [inspect.custom](): string {
    return hidden
  }
}
