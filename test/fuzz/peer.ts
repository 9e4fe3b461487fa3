// A client by hand: sends any bytes, reads what comes, and lets a test wait for either an answer or the end.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { AnswerReader } from './answers.ts'
import * as mqtt from './bytes.ts'
import type { Actor } from './world.ts'

export type Peer = {
  readonly socket: Socket
  readonly answers: AnswerReader
  write(bytes: Uint8Array): void
  /** `closed` when the connection ended first. */
  until(isSo: (answers: AnswerReader) => boolean): Promise<'answered' | 'closed'>
  readonly closed: Promise<void>
  end(): void
}

export async function openPeer(port: number, options: { readonly localAddress?: string } = {}): Promise<Peer> {
  const socket = connect({ port, host: '127.0.0.1', localAddress: options.localAddress })
  socket.setNoDelay(true)
  const write = (bytes: Uint8Array) => {
    if (socket.writable) socket.write(bytes)
  }
  const answers = new AnswerReader({ isOwnTopic: () => true, acknowledge: write })
  const closed = new Promise<void>((resolve) => void socket.once('close', () => resolve()))
  const looks = new Set<() => void>()
  socket.on('data', (chunk) => {
    answers.feed(chunk)
    for (const look of looks) look()
  })
  socket.on('error', () => {})
  await once(socket, 'connect')
  return {
    socket,
    answers,
    closed,
    write,
    until: (isSo) =>
      new Promise((resolve) => {
        const settle = (how: 'answered' | 'closed') => {
          looks.delete(look)
          resolve(how)
        }
        const look = () => isSo(answers) && settle('answered')
        looks.add(look)
        void closed.then(() => settle(isSo(answers) ? 'answered' : 'closed'))
        look()
      }),
    end: () => socket.destroy(),
  }
}

/** Signed in; throws when it is not let in. */
export async function signIn(
  port: number,
  actor: Actor,
  options: { readonly clientId?: string; readonly keepalive?: number; readonly localAddress?: string } = {},
): Promise<Peer> {
  const peer = await openPeer(port, options)
  peer.write(
    mqtt.connect({
      clientId: options.clientId ?? 'peer',
      username: actor.kind === 'agent' ? `agent:${actor.id}` : 'anybody',
      password: actor.token,
      keepalive: options.keepalive ?? 60,
    }),
  )
  await peer.until(({ connack }) => connack !== undefined)
  if (peer.answers.connack !== 0) throw new Error(`not let in: ${peer.answers.connack ?? 'closed'}`)
  return peer
}
