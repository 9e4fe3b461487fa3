// Many come in at once; nobody shares the port who should not.
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { listen } from './listen.ts'

const servers: Server[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) {
    if (server.listening) await new Promise((resolve) => server.close(resolve))
  }
})

async function open(port = 0, onSocket: (socket: Socket) => void = (socket) => socket.destroy()) {
  const found = await listen({ port, host: '127.0.0.1' }, onSocket)
  servers.push(...found.servers)
  return found
}

test('everybody is let in, more than one in a turn of the event loop', async () => {
  const turns = new Map<number, number>()
  let turn = 0
  const counting = setInterval(() => {}, 1000)
  const next = () => {
    turn += 1
    immediate = setImmediate(next)
  }
  let immediate = setImmediate(next)
  const all = Promise.withResolvers<void>()
  let count = 0
  const { port } = await open(0, (socket) => {
    turns.set(turn, (turns.get(turn) ?? 0) + 1)
    socket.destroy()
    count += 1
    if (count === 400) all.resolve()
  })
  const sockets = Array.from({ length: 400 }, () => connect(port, '127.0.0.1').on('error', () => {}))
  // busy for a moment, so that they wait together
  const until = performance.now() + 50
  while (performance.now() < until);
  await all.promise
  clearImmediate(immediate)
  clearInterval(counting)
  expect(Math.max(...turns.values())).toBeGreaterThan(1)
  for (const socket of sockets) socket.destroy()
})

test('a port that another has is not shared with it, whichever way it listens', async () => {
  const { port } = await open()
  await expect(open(port)).rejects.toMatchObject({ code: 'EADDRINUSE' })
  const stranger = createServer()
  servers.push(stranger)
  stranger.listen(port, '127.0.0.1')
  expect(await once(stranger, 'error')).toMatchObject([{ code: 'EADDRINUSE' }])
  for (const server of servers) if (server.listening) await new Promise((resolve) => server.close(resolve))
  const plain = createServer()
  servers.push(plain)
  await new Promise<void>((resolve) => plain.listen(port, '127.0.0.1', resolve))
  await expect(open(port)).rejects.toMatchObject({ code: 'EADDRINUSE' })
})
