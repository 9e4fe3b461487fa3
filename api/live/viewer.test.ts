import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { Principal } from '@ridethrough/db/principal.ts'
import { LIVE_CLOSE } from '@ridethrough/protocol/http/live.ts'
import { expect, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { createMetrics } from '../metrics.ts'
import { Viewer } from './viewer.ts'

async function connected(): Promise<{ viewer: Viewer; client: WebSocket; stop: () => void }> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  await once(server, 'listening')
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`)
  const [socket] = await once(server, 'connection')
  await once(client, 'open')
  const viewer = new Viewer(socket, new Principal('person', 'a', 's'), createMetrics())
  const stop = () => {
    client.terminate()
    server.close()
  }
  return { viewer, client, stop }
}

const LONG = 'x'.repeat(100_000)

test('who stays behind for long is told so and closed; who catches up in between is not', async () => {
  const { viewer, client, stop } = await connected()
  client.pause()
  while (viewer.sendReplaceable(LONG));
  viewer.checkPace(0)
  viewer.checkPace(19_999)
  expect(viewer.isOpen).toBe(true)
  client.resume()
  await expect.poll(() => viewer.isCaughtUp).toBe(true)
  viewer.checkPace(19_999)
  client.pause()
  while (viewer.sendReplaceable(LONG));
  viewer.checkPace(30_000)
  viewer.checkPace(49_999)
  expect(viewer.isOpen).toBe(true)
  viewer.checkPace(50_000)
  expect(viewer.isOpen).toBe(false)
  const closed = once(client, 'close')
  client.resume()
  expect((await closed)[0]).toBe(LIVE_CLOSE.tooSlow)
  stop()
})

test('what must not be left out is bounded by cutting the connection', async () => {
  const { viewer, client, stop } = await connected()
  const closed = once(client, 'close')
  client.pause()
  for (let sent = 0; viewer.isOpen && sent < 1000; sent++) viewer.sendText(LONG)
  expect(viewer.isOpen).toBe(false)
  client.resume()
  await closed
  stop()
})
