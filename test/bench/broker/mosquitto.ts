// Debian's mosquitto with the same people and the same rights, by its file of rights or by its dynamic-security plugin.
import { type ChildProcess, spawn } from 'node:child_process'
import { pbkdf2Sync, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { globSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { openWire } from '../wire.ts'

export type User = {
  readonly username: string
  readonly password: string
  /** Topics or filters. */
  readonly mayWrite: readonly string[]
  readonly mayRead: readonly string[]
}

export type RightsBy = 'acl_file' | 'dynamic-security'

export type Mosquitto = {
  readonly pid: number
  readonly port: number
  /** What it says itself about messages that it dropped. */
  dropped(): Promise<number>
  stop(): Promise<void>
}

/** As in the default of mosquitto_passwd and of the plugin. */
const ITERATIONS = 101
const WATCH: User = { username: 'watch', password: 'watch', mayWrite: [], mayRead: ['$SYS/#'] }

/** Said beside the figures: nothing here makes it slower than its defaults. */
export const MOSQUITTO_SETTINGS = [
  'set_tcp_nodelay true',
  'max_queued_messages 0',
  'max_inflight_messages 0',
  'persistence false',
  'sys_interval 1',
  'log_type error',
] as const

/** Rejects when it does not let anybody in within the time. */
export async function startMosquitto(
  rightsBy: RightsBy,
  users: readonly User[],
  patienceMs = 60_000,
): Promise<Mosquitto> {
  const folder = await mkdtemp(join(tmpdir(), 'ridethrough-mosquitto-'))
  const port = await freePort()
  const lines = [`listener ${port} 127.0.0.1`, 'allow_anonymous false', ...MOSQUITTO_SETTINGS]
  // started as root it would become a user who may not read the folder
  if (process.getuid?.() === 0) lines.push('user root')
  const all = [WATCH, ...users]
  if (rightsBy === 'acl_file') {
    await writeFile(join(folder, 'passwords'), all.map(passwordLine).join(''))
    await writeFile(join(folder, 'rights'), all.map(rightsLines).join('\n'))
    lines.push(`password_file ${join(folder, 'passwords')}`, `acl_file ${join(folder, 'rights')}`)
  } else {
    await writeFile(join(folder, 'rights.json'), JSON.stringify(dynamicSecurity(all)))
    const [plugin] = globSync('/usr/lib/*/mosquitto_dynamic_security.so')
    if (plugin === undefined) throw new Error('mosquitto_dynamic_security.so is not installed')
    lines.push(`plugin ${plugin}`, `plugin_opt_config_file ${join(folder, 'rights.json')}`)
  }
  await writeFile(join(folder, 'mosquitto.conf'), `${lines.join('\n')}\n`)
  const child = spawn('/usr/sbin/mosquitto', ['-c', join(folder, 'mosquitto.conf')], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  // it does not notice that whoever started it is gone
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  const stop = async () => {
    process.off('exit', kill)
    await end(child)
    await rm(folder, { recursive: true, force: true })
  }
  try {
    await letsIn(child, port, patienceMs)
  } catch (error) {
    await stop()
    throw error
  }
  return { pid: child.pid ?? 0, port, dropped: () => droppedBy(port), stop }
}

function passwordLine({ username, password }: User): string {
  const { salt, hash } = hashed(password)
  return `${username}:$7$${ITERATIONS}$${salt}$${hash}\n`
}

function rightsLines({ username, mayWrite, mayRead }: User): string {
  const lines = [...mayWrite.map((topic) => `topic write ${topic}`), ...mayRead.map((topic) => `topic read ${topic}`)]
  return `user ${username}\n${lines.join('\n')}\n`
}

function dynamicSecurity(users: readonly User[]) {
  return {
    clients: users.map(({ username, password }) => {
      const { salt, hash } = hashed(password)
      return { username, password: hash, salt, iterations: ITERATIONS, roles: [{ rolename: username }] }
    }),
    roles: users.map(({ username, mayWrite, mayRead }) => ({
      rolename: username,
      acls: [
        ...mayWrite.map((topic) => ({ acltype: 'publishClientSend', topic, allow: true })),
        ...mayRead.map((topic) => ({ acltype: 'publishClientReceive', topic, allow: true })),
      ],
    })),
    // A subscription is granted as with us, and each delivery is checked.
    defaultACLAccess: { publishClientSend: false, publishClientReceive: false, subscribe: true, unsubscribe: true },
  }
}

function hashed(password: string): { salt: string; hash: string } {
  const salt = randomBytes(12)
  const hash = pbkdf2Sync(password, salt, ITERATIONS, 64, 'sha512')
  return { salt: salt.toString('base64'), hash: hash.toString('base64') }
}

async function letsIn(child: ChildProcess, port: number, patienceMs: number): Promise<void> {
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-2000)
    })
  }
  const began = performance.now()
  while (performance.now() - began < patienceMs) {
    if (child.exitCode !== null) throw new Error(`mosquitto ended with ${child.exitCode}: ${said}`)
    try {
      const wire = await openWire(port, { clientId: 'watch', ...WATCH })
      wire.end()
      return
    } catch {
      // not yet
      await pause(50)
    }
  }
  throw new Error(`it lets nobody in after ${patienceMs / 1000} s`)
}

const DROPPED = '$SYS/broker/publish/messages/dropped'

async function droppedBy(port: number): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>()
  const wire = await openWire(port, { clientId: 'watch', ...WATCH }, (bytes, _topic, payloadFrom, end) =>
    resolve(Number(bytes.toString('latin1', payloadFrom, end))),
  )
  await wire.subscribe(DROPPED, 0)
  // it tells only what has changed: silence means that nothing was dropped
  const dropped = await Promise.race([promise, pause(2500, 0)])
  wire.end()
  return dropped
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
