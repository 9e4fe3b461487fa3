// The stream over a WebSocket: what the kernel has not taken is known, what is not read is not fetched, and it ends as a socket does.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { WebSocketBytes } from './websocket-bytes.ts'

/** Both ends of one connection. */
async function pair() {
  const server = createServer()
  const webSockets = new WebSocketServer({ server, perMessageDeflate: false, maxPayload: 64 * 1024 * 1024 })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`)
  client.on('error', () => {})
  const faults: string[] = []
  const [webSocket, request] = (await once(webSockets, 'connection')) as [WebSocket, { socket: Socket }]
  const stream = new WebSocketBytes({
    webSocket,
    carrier: request.socket,
    isForeignPage: false,
    maxEarlyBytes: Number.POSITIVE_INFINITY,
    onFault: (reason) => faults.push(reason),
  })
  onTestFinished(() => {
    client.terminate()
    stream.destroy()
    server.close()
  })
  if (client.readyState !== client.OPEN) await once(client, 'open')
  return { client, stream, carrier: request.socket, faults }
}

const MIB = 1024 * 1024

test('what a client does not read stays in writableLength, and each write calls back when the kernel has it', async () => {
  const { client, stream } = await pair()
  client.pause()
  const [piece, count] = [64 * 1024, 1024]
  let taken = 0
  for (let round = 0; round < count; round++) {
    stream.write(Buffer.alloc(piece), (error) => {
      if (!error) taken += piece
    })
  }
  // the kernel takes its fill; from then on nothing moves until the client reads
  let before = -1
  const isStill = () => {
    const isSame = before === taken
    before = taken
    return isSame && taken > 0
  }
  await expect.poll(isStill, { interval: 200 }).toBe(true)
  expect(stream.writableLength).toBe(count * piece - taken)
  expect(stream.writableLength).toBeGreaterThan(32 * MIB)
  // what was not taken can be kept from being written
  let received = 0
  client.on('message', (data) => {
    received += (data as Buffer).length
  })
  stream.destroy()
  client.resume()
  await once(client, 'close')
  expect(received).toBeLessThanOrEqual(taken + piece)
})

test('a stream that is paused fetches no more than is on the way already', async () => {
  const { client, stream, carrier } = await pair()
  let read = 0
  stream.on('data', (bytes: Buffer) => {
    read += bytes.length
  })
  stream.pause()
  const before = carrier.bytesRead
  // one message in pieces, so that no boundary stops it
  for (let round = 0; round < 512; round++) client.send(Buffer.alloc(64 * 1024), { fin: round === 511 })
  await expect.poll(() => client.bufferedAmount, { interval: 200 }).toBeGreaterThan(16 * MIB)
  expect(carrier.bytesRead - before).toBeLessThan(256 * 1024)
  stream.resume()
  await expect.poll(() => read).toBe(32 * MIB)
})

test('what came before the end is read before the end, also by one who had paused', async () => {
  const { client, stream } = await pair()
  const events: string[] = []
  stream.on('data', (bytes: Buffer) => events.push(bytes.toString()))
  for (const name of ['end', 'close']) stream.on(name, () => events.push(name))
  client.send(Buffer.from('one'))
  await expect.poll(() => events).toEqual(['one'])
  stream.pause()
  client.send(Buffer.from('two'))
  client.close()
  stream.resume()
  await once(stream, 'close')
  expect(events).toEqual(['one', 'two', 'end', 'close'])
})

test('the end from here waits for what was written, and for the client’s answer', async () => {
  const { client, stream } = await pair()
  const got: string[] = []
  client.on('message', (data) => got.push(String(data)))
  stream.end('last words')
  const [code] = await once(client, 'close')
  expect([got, code]).toEqual([['last words'], 1000])
})

test('who ends the stream while reading from it still sees the client’s answer', async () => {
  const { client, stream, carrier } = await pair()
  stream.on('data', () => {
    stream.pause()
    stream.end()
    stream.resume()
  })
  client.send(Buffer.from('bye'))
  await once(stream, 'close')
  expect(carrier.readableEnded).toBe(true)
})

test('a client that does not answer the end is hung up on', async () => {
  const { client, stream, carrier } = await pair()
  client.pause()
  stream.resume()
  stream.end()
  await once(stream, 'close')
  expect(carrier.destroyed).toBe(true)
})

test('a text frame is told of once, and nothing after it is read', async () => {
  const { client, stream, faults } = await pair()
  const got: Buffer[] = []
  stream.on('data', (bytes: Buffer) => got.push(bytes))
  client.send('text')
  client.send(Buffer.from('bytes'))
  client.send('text')
  const [code] = await once(client, 'close')
  expect(code).toBe(1003)
  expect([faults, got]).toEqual([['websocket-frame-text'], []])
})
