// Makes server-rendered pages live; without it everything works by reloading. Plain script, no build, no inline code.
//   <div id="run" data-live="/runs/7/live">     content changed by events `fragment` {id, html} from that address;
//                                               `title` {text} sets the window's title
//   <pre data-log data-cursor="1200">           events `log` {cursor, text} are added as text; its address is that of
//                                               the nearest data-live around it, or its own
//   <input type="checkbox" data-log-follow="ID">  keeps that log scrolled to its end
//   <form data-preview="/jobs/preview" data-preview-target="ID">   posted while writing; the answer is shown in ID
//   <button data-copy="ID" data-copied="Copied">  copies that element's text (hidden without scripts)
//   <div id="stale" data-zone="Europe/Paris">     says with the template #stale-text that the server does not answer
//   <div data-passing>                            goes when a stream says `settled` or `end`
;(() => {
  'use strict'

  // --- streams ---
  const [awayMs, quietMs] = [10000, 40000]
  const streams = new Map()

  const addressOf = (element) => element.closest('[data-live]')?.dataset.live

  // A hidden page needs no stream: over HTTP/1.1 six of them would block the whole dashboard.
  function start() {
    if (document.hidden) return
    for (const element of document.querySelectorAll('[data-live]')) open(element.dataset.live, Date.now())
  }

  const stop = () => streams.forEach(close)

  function close(stream) {
    clearTimeout(stream.retry)
    stream.source.close()
  }

  // `sign` is when the server was last heard of.
  function open(address, sign) {
    const known = streams.get(address)
    if (known && (known.ended || known.source.readyState !== EventSource.CLOSED)) return
    const cursor = known ? known.cursor : firstCursor(address)
    const url = new URL(address, location.href)
    if (cursor !== null) url.searchParams.set('cursor', cursor)
    // What the page had shown at first says nothing about what it shows now.
    if (known) url.searchParams.delete('seen')
    const source = new EventSource(url)
    const stream = { source, cursor, sign, wait: known ? known.wait : 1000, retry: 0, ended: false }
    streams.set(address, stream)
    const on = (kind, act) =>
      source.addEventListener(kind, (event) => {
        stream.sign = Date.now()
        act(event.data)
      })
    on('open', () => (stream.wait = 1000))
    on('beat', () => {})
    on('fragment', (data) => {
      const { id, html } = JSON.parse(data)
      const target = document.getElementById(id)
      if (target && addressOf(target) === address) replace(target, html)
    })
    on('log', (data) => {
      const { cursor: next, text } = JSON.parse(data)
      // After a reconnection the same piece may come twice.
      if (stream.cursor !== null && next <= stream.cursor) return
      stream.cursor = next
      for (const log of document.querySelectorAll('[data-log]'))
        if (addressOf(log) === address) append(log, text)
    })
    on('title', (data) => {
      title = JSON.parse(data).text
      showTitle()
    })
    on('settled', settled)
    // The server says `end` when nothing will follow.
    on('end', () => {
      stream.ended = true
      close(stream)
      settled()
    })
    source.addEventListener('error', () => {
      // Not left to the browser, which would ask for the very address of the beginning.
      close(stream)
      stream.retry = setTimeout(() => open(address, stream.sign), stream.wait)
      stream.wait = Math.min(stream.wait * 2, 15000)
    })
  }

  // A message about what was going on is over with it.
  const settled = () => document.querySelectorAll('[data-passing]').forEach((message) => message.remove())

  // --- a server that does not answer ---
  const bar = document.getElementById('stale')
  let [title, staleSince] = [document.title, null]

  const showTitle = () => (document.title = (staleSince === null ? '' : '? ') + title)

  function check() {
    const now = Date.now()
    let since = null
    for (const [address, stream] of streams) {
      if (stream.ended || document.hidden) continue
      const connected = stream.source.readyState === EventSource.OPEN
      if (now - stream.sign < (connected ? quietMs : awayMs)) continue
      since = Math.min(since ?? stream.sign, stream.sign)
      if (!connected) continue
      close(stream)
      open(address, stream.sign)
    }
    if (since === staleSince) return
    staleSince = since
    showTitle()
    if (!bar) return
    bar.replaceChildren()
    if (since === null) return
    const options = { timeZone: bar.dataset.zone }
    const time = new Date(since).toLocaleTimeString(document.documentElement.lang, options)
    bar.append(document.getElementById('stale-text').content.cloneNode(true))
    const text = bar.querySelector('p')
    text.textContent = text.textContent.replace('--:--', time)
  }

  // --- logs ---
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

  // --- fragments ---
  const shown = new WeakMap()

  // Trusted HTML: our own server's templates, which escape everything. Only what differs is touched: what is being
  // pressed, selected or read stays.
  function replace(target, html) {
    if (shown.get(target) === html) return
    shown.set(target, html)
    const focused = target.contains(document.activeElement) ? document.activeElement : null
    const fresh = document.createElement('template')
    fresh.innerHTML = html
    morph(target, fresh.content)
    if (focused && !focused.isConnected)
      [...target.querySelectorAll(focused.tagName)]
        .find((one) => alike(one, focused))
        ?.focus({ preventScroll: true })
    ready(target)
  }

  function morph(parent, fresh) {
    let last = null
    const next = () => (last ? last.nextSibling : parent.firstChild)
    for (const want of [...fresh.childNodes]) {
      const element = want.nodeType === Node.ELEMENT_NODE
      let have = next()
      while (have && !alike(have, want)) have = element ? have.nextSibling : null
      if (have) while (next() !== have) next().remove()
      else parent.insertBefore(want, next())
      last = have ?? want
      if (!have || have.isEqualNode(want)) continue
      if (element) takeAttributes(have, want)
      else have.data = want.data
      morph(have, want)
    }
    while (next()) next().remove()
  }

  const alike = (have, want) =>
    have.nodeName === want.nodeName && (have.nodeType !== Node.ELEMENT_NODE || keyOf(have) === keyOf(want))

  // What an element is about: one that does something else must not be turned into it under somebody's finger.
  function keyOf(element) {
    const about = element.matches('li, tr') ? element.querySelector('[href], [formaction]') : null
    const told = (name) => (about ?? element).getAttribute(name)
    return [
      ...['id', 'href', 'formaction', 'action', 'name'].map(told),
      element.matches('button') && element.value,
    ].join()
  }

  function takeAttributes(have, want) {
    for (const name of new Set([...have.getAttributeNames(), ...want.getAttributeNames()])) {
      const value = want.getAttribute(name)
      // Whether details are open is up to whoever reads.
      if (name === 'open' || have.getAttribute(name) === value) continue
      if (value === null) have.removeAttribute(name)
      else have.setAttribute(name, value)
    }
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
      const body = new URLSearchParams(new FormData(form))
      const answer = await fetch(form.dataset.preview, { method: 'POST', body, signal })
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
  const ready = (root) => root.querySelectorAll('[data-needs-script]').forEach((one) => (one.hidden = false))

  ready(document)
  start()
  for (const log of document.querySelectorAll('[data-log]')) log.scrollTop = log.scrollHeight
  if (document.querySelector('[data-live]')) setInterval(check, 1000)
  document.addEventListener('visibilitychange', () => (document.hidden ? stop() : start()))
  addEventListener('pagehide', stop)
  addEventListener('pageshow', (event) => event.persisted && start())
})()
