// Makes server-rendered pages live; without it everything works by reloading. Plain script, no build, no inline code.
//   <div id="run" data-live="/runs/7/live">     content replaced by events `fragment` {id, html} from that address
//   <pre data-log data-cursor="1200">           events `log` {cursor, text} are added as text; its address is that of
//                                               the nearest data-live around it, or its own
//   <input type="checkbox" data-log-follow="ID">  keeps that log scrolled to its end
//   <form data-preview="/jobs/preview" data-preview-target="ID">   posted while writing; the answer is shown in ID
//   <button data-copy="ID" data-copied="Copied">  copies that element's text (hidden without scripts)
//   <select data-submit>                          sends its form when changed
;(() => {
  'use strict'

  // --- fragments and logs ---
  const streams = new Map()

  const addressOf = (element) => element.closest('[data-live]')?.dataset.live

  function start() {
    for (const element of document.querySelectorAll('[data-live]')) open(element.dataset.live)
  }

  function open(address) {
    const known = streams.get(address)
    if (known && known.source.readyState !== EventSource.CLOSED) return
    const cursor = known ? known.cursor : firstCursor(address)
    const url = new URL(address, location.href)
    if (cursor !== null) url.searchParams.set('cursor', cursor)
    const stream = { source: new EventSource(url), cursor, wait: known ? known.wait : 1000 }
    streams.set(address, stream)
    stream.source.addEventListener('open', () => (stream.wait = 1000))
    stream.source.addEventListener('fragment', (event) => {
      const { id, html } = JSON.parse(event.data)
      const target = document.getElementById(id)
      if (target && addressOf(target) === address) replace(target, html)
    })
    stream.source.addEventListener('log', (event) => {
      const { cursor: next, text } = JSON.parse(event.data)
      // After a reconnection the same piece may come twice.
      if (stream.cursor !== null && next <= stream.cursor) return
      stream.cursor = next
      for (const log of document.querySelectorAll('[data-log]'))
        if (addressOf(log) === address) append(log, text)
    })
    // The server says `end` when nothing will follow.
    stream.source.addEventListener('end', () => stream.source.close())
    stream.source.addEventListener('error', () => {
      // The browser tries again by itself unless the server refused; then we do, ever more slowly.
      if (stream.source.readyState !== EventSource.CLOSED) return
      setTimeout(() => open(address), stream.wait)
      stream.wait = Math.min(stream.wait * 2, 60000)
    })
  }

  function firstCursor(address) {
    const log = [...document.querySelectorAll('[data-log]')].find((one) => addressOf(one) === address)
    return log?.dataset.cursor === undefined ? null : Number(log.dataset.cursor)
  }

  function append(log, text) {
    log.append(document.createTextNode(text))
    const follow = document.querySelector(`[data-log-follow="${CSS.escape(log.id)}"]`)
    if (follow === null || follow.checked) log.scrollTop = log.scrollHeight
  }

  document.addEventListener('change', (event) => {
    const { logFollow } = event.target.dataset
    const log = logFollow && event.target.checked ? document.getElementById(logFollow) : null
    if (log) log.scrollTop = log.scrollHeight
  })

  // Trusted HTML: our own server's templates, which escape everything.
  function replace(target, html) {
    if (target.dataset.shown === html) return
    const focus = target.contains(document.activeElement) ? pathTo(target, document.activeElement) : null
    const opened = [...target.querySelectorAll('details')].map((one) => one.open)
    target.innerHTML = html
    target.dataset.shown = html
    target.querySelectorAll('details').forEach((one, i) => {
      if (opened[i] !== undefined) one.open = opened[i]
    })
    if (focus) find(target, focus)?.focus({ preventScroll: true })
    ready(target)
  }

  // An element is found again by its id, else by what it does, else by its place among its kind.
  function pathTo(root, element) {
    const key = (one) => [
      one.tagName,
      one.getAttribute('href'),
      one.getAttribute('formaction'),
      one.name,
      one.value,
      one.form?.action,
    ]
    const same = (one) => JSON.stringify(key(one)) === JSON.stringify(key(element))
    const place = [...root.querySelectorAll(element.tagName)].filter(same).indexOf(element)
    return { id: element.id, tag: element.tagName, key: JSON.stringify(key(element)), place, keyOf: key }
  }

  function find(root, { id, tag, key, place, keyOf }) {
    if (id) return document.getElementById(id)
    return [...root.querySelectorAll(tag)].filter((one) => JSON.stringify(keyOf(one)) === key)[place]
  }

  // --- previews ---
  const pending = new WeakMap()

  function preview(form) {
    const before = pending.get(form)
    if (before) {
      clearTimeout(before.timer)
      before.abort.abort()
    }
    const abort = new AbortController()
    pending.set(form, { abort, timer: setTimeout(() => void ask(form, abort.signal), 300) })
  }

  async function ask(form, signal) {
    const target = document.getElementById(form.dataset.previewTarget)
    if (!target) return
    target.setAttribute('aria-busy', 'true')
    try {
      const answer = await fetch(form.dataset.preview, {
        method: 'POST',
        body: new URLSearchParams(new FormData(form)),
        signal,
      })
      if (answer.ok) replace(target, await answer.text())
    } catch (error) {
      // A newer question took over, or the server is away: what is shown stays.
      if (error.name !== 'AbortError') console.warn(error)
    }
    if (!signal.aborted) target.removeAttribute('aria-busy')
  }

  for (const kind of ['input', 'change']) {
    document.addEventListener(kind, (event) => {
      const form = event.target.closest('form[data-preview]')
      if (form) preview(form)
    })
  }

  // --- small helpers ---
  document.addEventListener('change', (event) => {
    if (event.target.matches('[data-submit]')) event.target.form.requestSubmit()
  })

  document.addEventListener('click', (event) => {
    const button = event.target.closest('[data-copy]')
    if (button) void copy(button)
  })

  async function copy(button) {
    const source = document.getElementById(button.dataset.copy)
    if (!source) return
    try {
      await navigator.clipboard.writeText(source.textContent)
      button.textContent = button.dataset.copied
    } catch {
      // Not allowed to write the clipboard (plain http): select the text, so that the keyboard can.
      getSelection().selectAllChildren(source)
    }
  }

  // Controls that only work with this script are hidden until it runs.
  function ready(root) {
    for (const element of root.querySelectorAll('[data-needs-script]')) element.hidden = false
  }

  ready(document)
  start()
  for (const log of document.querySelectorAll('[data-log]')) log.scrollTop = log.scrollHeight
  addEventListener('pagehide', () => streams.forEach(({ source }) => source.close()))
  addEventListener('pageshow', (event) => event.persisted && start())
})()
