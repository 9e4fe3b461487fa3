import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { LIVE_CLOSE, type LiveEvent } from '@ridethrough/protocol/http/live.ts'
import { afterEach, expect, test } from 'vitest'
import { type WebSocket as ServerSocket, WebSocketServer } from 'ws'
import { type Connection, EVERYTHING, LiveLink, type LiveTiming } from './live-link.ts'

const PATIENT: LiveTiming = { silenceMs: 60_000, firstRetryMs: 1, lastRetryMs: 10 }
const open: (() => void)[] = []
afterEach(() => {
  for (const close of open.splice(0)) close()
})

async function server() {
  const wss = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  await once(wss, 'listening')
  const { port } = wss.address() as AddressInfo
  open.push(() => {
    for (const client of wss.clients) client.terminate()
    wss.close()
  })
  return {
    wss,
    url: `ws://127.0.0.1:${port}`,
    next: async () => ((await once(wss, 'connection')) as [ServerSocket])[0],
  }
}

function linkTo(url: string, timing = PATIENT) {
  const events: LiveEvent[] = []
  let signedOut = 0
  const link = new LiveLink({
    url,
    timing,
    stream: EVERYTHING,
    onEvent: (event) => events.push(event),
    onSignedOut: () => signedOut++,
  })
  open.push(() => link.stop())
  return { link, events, signedOut: () => signedOut }
}

function reaches(link: LiveLink, wanted: (connection: Connection) => boolean): Promise<Connection> {
  return new Promise((resolve) => {
    const look = () => {
      if (!wanted(link.connection())) return
      unsubscribe()
      resolve(link.connection())
    }
    const unsubscribe = link.subscribe(look)
    look()
  })
}

const SNAPSHOT = JSON.stringify({ type: 'snapshot', devices: [] })

test('it asks for every device and is live once the snapshot came', async () => {
  const { url, next } = await server()
  const { link, events } = linkTo(url)
  link.start()
  const socket = await next()
  const [asked] = (await once(socket, 'message')) as [Buffer]
  expect(JSON.parse(String(asked))).toEqual({ type: 'watch', devices: 'all' })
  expect(link.connection().phase).toBe('connecting')
  socket.send('not json')
  socket.send('{"type":"from-the-future"}')
  socket.send(SNAPSHOT)
  await reaches(link, ({ phase }) => phase === 'live')
  expect(events).toEqual([{ type: 'snapshot', devices: [] }])
})

test('cut off, it says so and comes back by itself, with a new epoch', async () => {
  const { url, next } = await server()
  const { link } = linkTo(url)
  link.start()
  const first = await next()
  first.send(SNAPSHOT)
  await reaches(link, ({ phase }) => phase === 'live')
  const again = next()
  first.terminate()
  await reaches(link, ({ phase }) => phase === 'lost')
  const second = await again
  second.send(SNAPSHOT)
  expect(await reaches(link, ({ phase }) => phase === 'live')).toMatchObject({ epoch: 2 })
})

test('a stream that says nothing any more counts as lost, though its socket stays open', async () => {
  const { url, next } = await server()
  const { link } = linkTo(url, { ...PATIENT, silenceMs: 50, firstRetryMs: 60_000, lastRetryMs: 60_000 })
  link.start()
  const socket = await next()
  socket.send(SNAPSHOT)
  await reaches(link, ({ phase }) => phase === 'live')
  await reaches(link, ({ phase }) => phase === 'lost')
})

test('signed out elsewhere, it stops and does not knock again', async () => {
  const { url, next, wss } = await server()
  const { link, signedOut } = linkTo(url)
  link.start()
  const socket = await next()
  let knocks = 0
  wss.on('connection', () => knocks++)
  socket.close(LIVE_CLOSE.signedOut)
  await reaches(link, ({ phase }) => phase === 'lost')
  expect(signedOut()).toBe(1)
  // The fence: another client gets through, so a second knock of ours would have, too.
  const fence = new WebSocket(url)
  await once(wss, 'connection')
  fence.close()
  link.hurry()
  expect(knocks).toBe(1)
})

test("the heartbeat tells the server's clock, and its jitter is no news", async () => {
  const { url, next } = await server()
  const { link } = linkTo(url)
  link.start()
  const socket = await next()
  socket.send(JSON.stringify({ type: 'heartbeat', at: new Date(Date.now() + 3_600_000).toISOString() }))
  const { clockOffset } = await reaches(link, ({ clockOffset }) => clockOffset !== 0)
  expect(clockOffset).toBeGreaterThan(3_590_000)
  socket.send(JSON.stringify({ type: 'heartbeat', at: new Date(Date.now() + clockOffset + 100).toISOString() }))
  socket.send(SNAPSHOT)
  await reaches(link, ({ phase }) => phase === 'live')
  expect(link.connection().clockOffset).toBe(clockOffset)
})
