// Debian's nginx in front of an instance, with the package's own locations (`conf/nginx.conf`) and what YunoHost puts around them.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Leaf } from './certificates.ts'

const packaged = fileURLToPath(new URL('../../conf/nginx.conf', import.meta.url))
const modules = '/usr/lib/nginx/modules/ngx_http_headers_more_filter_module.so'

export interface Nginx {
  readonly port: number
  /** Where nginx would keep bodies that it does not pass on at once. */
  readonly bodies: string
  close(): Promise<void>
}

export interface NginxOptions {
  /** Its own folder; made. */
  readonly folder: string
  readonly leaf: Leaf
  readonly port: number
  /** The instance's socket. */
  readonly socket: string
  /** `''` or `/backup`. */
  readonly basePath: string
  /** More lines for the server block. */
  readonly more?: string
}

/** Headers that YunoHost's includes of these names set (12.1.38). */
const params = `proxy_http_version 1.1;
proxy_set_header Host $host;
proxy_set_header X-Real-IP $remote_addr;
proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
proxy_set_header X-Forwarded-Proto $scheme;
proxy_set_header X-Forwarded-Host $host;
`

/** Starts it in the foreground of a child; it serves HTTPS on loopback when this resolves. */
export async function startNginx(options: NginxOptions): Promise<Nginx> {
  const { folder, leaf, port, socket, basePath, more = '' } = options
  const bodies = join(folder, 'bodies')
  await mkdir(bodies, { recursive: true })
  const put = (name: string, text: string) => writeFile(join(folder, name), text, { mode: 0o600 })
  await put('cert.pem', leaf.cert)
  await put('key.pem', leaf.key)
  await put('proxy_params_with_auth', `${params}proxy_set_header Ynh-User $http_ynh_user;\n`)
  await put('proxy_params_no_auth', `${params}proxy_set_header Ynh-User "";\n`)
  await put('locations.conf', await locations(socket, basePath))
  await put('nginx.conf', main(port, bodies, more))
  const child = spawn('nginx', ['-p', folder, '-c', 'nginx.conf', '-e', 'stderr'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin` },
  })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  const ended = once(child, 'exit')
  for (let tries = 0; !(await answers(port)); tries += 1) {
    if (child.exitCode !== null || tries > 200) throw new Error(`nginx does not serve: ${said}`)
    await sleep(50)
  }
  return {
    port,
    bodies,
    async close() {
      child.kill('SIGTERM')
      await ended
    },
  }
}

/** The package's file as its install script writes it. */
async function locations(socket: string, basePath: string): Promise<string> {
  const text = (await readFile(packaged, 'utf8'))
    .replace(basePath === '' ? '#root_path_only' : '#sub_path_only', '')
    .replaceAll('/run/__APP__/web.sock', socket)
    .replaceAll('__PATH__', basePath)
    .replaceAll('__APP__', 'backupmanager')
  if (/__[A-Z_]+__/.test(text)) throw new Error('a placeholder of conf/nginx.conf is not known here')
  return text
}

function main(port: number, bodies: string, more: string): string {
  // Some builds have the module compiled in.
  const load = existsSync(modules) ? `load_module ${modules};` : ''
  return `${load}
daemon off;
worker_processes 1;
pid nginx.pid;
user root;
events { worker_connections 256; }
http {
  access_log off;
  client_body_temp_path ${bodies};
  proxy_temp_path proxied; fastcgi_temp_path fast; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_certificate cert.pem;
    ssl_certificate_key key.pem;
    more_set_headers "Content-Security-Policy: upgrade-insecure-requests";
    more_set_headers "X-Frame-Options: SAMEORIGIN";
    ${more}
    include locations.conf;
  }
}
`
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(port, '127.0.0.1')
    probe.once('connect', () => {
      probe.destroy()
      resolve(true)
    })
    probe.once('error', () => resolve(false))
  })
}
