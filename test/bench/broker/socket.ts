// A socket that is read into one buffer for all: nothing is allocated for what comes in.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import packets from 'mqtt-packet'
import type { Login } from './job.ts'

const READ_BYTES = 128 * 1024
const PATIENCE_MS = 60_000
const MOST_TRIES = 6
const incoming = Buffer.allocUnsafe(READ_BYTES)
/** Of the buffer that `onBytes` is given. */
export const incomingView = new DataView(incoming.buffer, incoming.byteOffset, incoming.length)

/** `onBytes` finds what came at the beginning of the buffer, which is read into again when it returns. */
export type LoadSocket = { readonly socket: Socket; onBytes: (bytes: Buffer, length: number) => void }

export async function openLoadSocket(port: number): Promise<LoadSocket> {
  const opened: { onBytes: LoadSocket['onBytes'] } = { onBytes: () => {} }
  const socket = connect({
    port,
    host: '127.0.0.1',
    noDelay: true,
    onread: {
      buffer: incoming,
      callback: (length) => {
        opened.onBytes(incoming, length)
        return true
      },
    },
  })
  socket.on('error', () => {
    // 'close' follows, and whoever waits for something says so
  })
  await Promise.race([
    once(socket, 'connect'),
    once(socket, 'close').then(() => Promise.reject(new Error(`nobody listens on ${port}`))),
  ])
  return Object.assign(opened, { socket })
}

/** CONNECT and CONNACK. Rejects when refused. */
export async function signIn(client: LoadSocket, login: Login): Promise<void> {
  const { clientId, username, password } = login
  const bytes = packets.generate({
    ...{ cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clean: true, keepalive: 300 },
    ...{ clientId, username, password: Buffer.from(password) },
  })
  const answer = await ask(client, bytes, 4)
  if (answer[0] !== 0x20 || answer[3] !== 0) throw new Error(`${username} was refused: ${answer.toString('hex')}`)
}

/** Comes back later where the broker asks for that. */
export async function signedIn(
  port: number,
  login: Login,
  wanted?: { readonly filter: string; readonly qos: 0 | 1 },
): Promise<LoadSocket> {
  for (let tries = 1; ; tries += 1) {
    const client = await openLoadSocket(port)
    try {
      await signIn(client, login)
      if (wanted) await subscribe(client, wanted.filter, wanted.qos)
      return client
    } catch (error) {
      client.socket.destroy()
      if (tries === MOST_TRIES) throw error
      await pause(500 * (0.5 + Math.random()) * tries)
    }
  }
}

async function subscribe(client: LoadSocket, filter: string, qos: 0 | 1): Promise<void> {
  const bytes = packets.generate({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: filter, qos }] })
  const answer = await ask(client, bytes, 5)
  if (answer[0] !== 0x90 || answer[4] !== qos) throw new Error(`${filter} was refused: ${answer.toString('hex')}`)
}

/** Sends, and resolves with so many bytes of answer. */
export async function ask(client: LoadSocket, bytes: Buffer, length: number): Promise<Buffer> {
  let answer: Buffer = Buffer.alloc(0)
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const onClose = () => reject(new Error('the connection was closed'))
  const timer = setTimeout(() => reject(new Error('no answer')), PATIENCE_MS)
  client.socket.once('close', onClose)
  client.onBytes = (chunk, count) => {
    answer = Buffer.concat([answer, chunk.subarray(0, count)])
    if (answer.length >= length) resolve()
  }
  client.socket.write(bytes)
  try {
    await promise
  } finally {
    clearTimeout(timer)
    client.socket.off('close', onClose)
  }
  if (answer.length > length) throw new Error(`more than was asked for: ${answer.toString('hex')}`)
  return answer
}

/** So many at once; the results are in the order of the items. */
export async function each<T, R>(
  items: readonly T[],
  atOnce: number,
  run: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = []
  let next = 0
  const worker = async () => {
    for (let index = next++; index < items.length; index = next++) results[index] = await run(items[index] as T, index)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  return results
}
