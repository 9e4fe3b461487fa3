import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { Principal } from '@ridethrough/db/principal.ts'
import { Uses } from '@ridethrough/db/uses.ts'
import type { LiveEvent } from '@ridethrough/protocol/http/live.ts'
import { maskOf } from '@ridethrough/protocol/privilege.ts'
import { type TestDatabase, testDatabase } from '@ridethrough/test/support/database.ts'
import { makeAgent, makeDevice, makePerson } from '@ridethrough/test/support/world.ts'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { createMetrics } from '../metrics.ts'
import { LiveHub } from './hub.ts'
import { Viewer } from './viewer.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.stop())

test('each frame asks for the right of its own moment, though nobody has noticed yet that it ended [R71]', async () => {
  const { db } = database
  const ann = await makePerson(db, 'Ann')
  const agent = await makeAgent(db)
  const [brief, lasting] = [await makeDevice(db, ann, agent, 'a'), await makeDevice(db, ann, agent, 'b')]
  let now = 1000
  let isServing = true
  const clock = { now: () => now, monotonic: () => now }
  const metrics = createMetrics()
  const uses = new Uses({ db, log: pino({ level: 'silent' }) })
  const hub = new LiveHub({ db, clock, log: pino({ level: 'silent' }), metrics, uses, isServing: () => isServing })

  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  await once(server, 'listening')
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`)
  const events: LiveEvent[] = []
  client.on('message', (data) => events.push(JSON.parse(String(data))))
  const [socket] = await once(server, 'connection')

  const principal = new Principal('person', ann.accountId, ann.sessionId)
  const grant = (until: number | null) => [
    {
      via: 'owner' as const,
      privileges: maskOf(['monitor']),
      periods: [{ from: null, until }],
      schedule: undefined,
      windows: [],
      variables: null,
    },
  ]
  principal.rights = {
    version: 1,
    byDevice: new Map([
      [brief, grant(2000)],
      [lasting, grant(null)],
    ]),
  }
  const viewer = new Viewer(socket, principal, metrics)
  hub.add(viewer)
  await hub.watch(viewer, 'all')

  const pushed = async (ids: string[], fence: string) => {
    events.length = 0
    hub.refresh(ids)
    const states = () => events.flatMap((event) => (event.type === 'state' ? [event.state.deviceId] : []))
    await expect.poll(states).toContain(fence)
    return states()
  }
  now = 1999
  expect(await pushed([brief, lasting], lasting)).toEqual([brief, lasting])
  now = 2000
  expect(await pushed([brief, lasting], lasting)).toEqual([lasting])
  isServing = false
  hub.refresh([lasting])
  // Its own fence: what was asked for while it could not serve is not made up for later.
  await hub.watch(viewer, 'all')
  isServing = true
  await hub.watch(viewer, 'all')
  await expect.poll(() => events.filter((event) => event.type === 'snapshot').length).toBe(1)
  expect(events.filter((event) => event.type === 'state')).toHaveLength(1)
  principal.expiresAt = 2000
  await hub.watch(viewer, 'all')
  await expect
    .poll(() => events.filter((event) => event.type === 'snapshot').at(-1))
    .toEqual({ type: 'snapshot', devices: [] })
  client.terminate()
  server.close()
})
