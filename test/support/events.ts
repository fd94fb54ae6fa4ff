// Reads a live stream (server-sent events) of the dashboard.

export interface ServerEvent {
  readonly event: string
  readonly data: unknown
}

/** The events of a stream, comments left out. */
export async function* eventsOf(response: Response): AsyncGenerator<ServerEvent> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true })
    const blocks = text.split('\n\n')
    text = blocks.pop() ?? ''
    for (const block of blocks) {
      const event = /^event: (.*)$/m.exec(block)?.[1]
      const data = /^data: (.*)$/m.exec(block)?.[1] ?? ''
      if (event !== undefined) yield { event, data: event === 'end' ? data : JSON.parse(data) }
    }
  }
}
