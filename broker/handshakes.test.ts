// Connections that are nobody's yet: how many, how long, and who gives way to whom.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { Clock } from '@ridethrough/db/clock.ts'
import { expect, onTestFinished, test } from 'vitest'
import { Handshakes } from './handshakes.ts'
import { type Limits, limitsWith } from './limits.ts'
import { createMetrics } from './metrics.ts'

function start(some: Partial<Limits>) {
  let now = 0
  const clock: Clock = { now: () => now, monotonic: () => now }
  const metrics = createMetrics()
  const handshakes = new Handshakes({ limits: limitsWith(some), clock, metrics })
  onTestFinished(() => handshakes.stop())
  const pending = async () => (await metrics.handshakes.get()).values[0]?.value ?? 0
  const hits = async (name: string) =>
    (await metrics.limitHits.get()).values.find(({ labels }) => labels.name === name)?.value ?? 0
  const pass = (ms: number) => {
    now += ms
  }
  return { handshakes, pending, hits, pass }
}

/** Sockets as a server accepts them, from this machine's many addresses. */
async function acceptor() {
  const server = createServer({ pauseOnConnect: true })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const sockets: Socket[] = []
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return async (localAddress = '127.0.0.1') => {
    const client = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', localAddress })
    client.on('error', () => {})
    const [socket] = (await once(server, 'connection')) as [Socket]
    sockets.push(client, socket)
    return socket
  }
}

test('one address has its share, a proxy has not; who is done or gone makes room', async () => {
  const accepted = await acceptor()
  const { handshakes, hits, pending } = start({ handshakesPerAddress: 2 })
  const [first, second, third] = [await accepted(), await accepted(), await accepted()]
  expect([first, second, third].map((socket) => handshakes.enter(socket, false))).toEqual([true, true, false])
  expect(await hits('handshakes_per_address')).toBe(1)
  expect(handshakes.enter(await accepted('127.0.0.2'), false)).toBe(true)
  for (let round = 0; round < 5; round++) expect(handshakes.enter(await accepted(), true)).toBe(true)
  expect(handshakes.leave(first)).toBe('127.0.0.1')
  expect(handshakes.leave(first)).toBeUndefined()
  expect(handshakes.enter(third, false)).toBe(true)
  second.destroy()
  await once(second, 'close')
  expect(handshakes.enter(await accepted(), false)).toBe(true)
  expect(await pending()).toBe(8)
})

test('whom a proxy has named is known when the handshake is done', async () => {
  const accepted = await acceptor()
  const { handshakes } = start({})
  const socket = await accepted()
  handshakes.enter(socket, true)
  handshakes.name(socket, '192.0.2.7')
  expect(handshakes.leave(socket)).toBe('192.0.2.7')
})

test('when all places are taken the oldest gives way, unless all have just come', async () => {
  const accepted = await acceptor()
  const { handshakes, hits, pass } = start({ handshakes: 2 })
  const old = await accepted()
  expect(handshakes.enter(old, false)).toBe(true)
  pass(2000)
  expect(handshakes.enter(await accepted(), false)).toBe(true)
  expect(handshakes.enter(await accepted(), false)).toBe(false)
  expect(old.destroyed).toBe(false)
  pass(1000)
  expect(handshakes.enter(await accepted(), false)).toBe(true)
  expect(old.destroyed).toBe(true)
  expect(await hits('handshakes')).toBe(2)
})

test('a handshake that takes too long is ended', async () => {
  const accepted = await acceptor()
  const { handshakes, pending, pass } = start({ handshakeMs: 10_000 })
  const [slow, later] = [await accepted(), await accepted()]
  handshakes.enter(slow, false)
  pass(5000)
  handshakes.enter(later, false)
  pass(5000)
  handshakes.look()
  expect([slow.destroyed, later.destroyed]).toEqual([true, false])
  expect(handshakes.leave(slow)).toBeUndefined()
  expect(await pending()).toBe(1)
})
