import { once } from 'node:events'
import { openDb } from '@ridethrough/db/pool.ts'
import type { LiveEvent } from '@ridethrough/protocol/http/live.ts'
import { LIVE_CLOSE, LiveEvent as LiveEventSchema } from '@ridethrough/protocol/http/live.ts'
import {
  makeAgent,
  makeDevice,
  makePerson,
  makeShare,
  type Person,
  type TestAgent,
} from '@ridethrough/test/support/world.ts'
import { sql } from 'kysely'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { WebSocket } from 'ws'
import { report, setAgentOnline } from '../support/device.ts'
import { type Client, clientOf, type Harness, startHarness } from '../support/harness.ts'

let harness: Harness
let agent: TestAgent
let ann: Person
let bob: Person
let asAnn: Client
let rack: string
let desk: string
let share: string
const open: WebSocket[] = []

beforeAll(async () => {
  harness = await startHarness()
})
afterAll(() => harness.stop())

beforeEach(async () => {
  const { db } = harness.database
  agent = await makeAgent(db)
  await setAgentOnline(db, agent, true)
  ann = await makePerson(db, 'Ann')
  bob = await makePerson(db, 'Bob')
  asAnn = clientOf(harness.api, ann.token)
  rack = await makeDevice(db, ann, agent, 'Rack')
  desk = await makeDevice(db, bob, agent, 'Desk')
  share = (await makeShare(db, ann, bob, [rack])).shareId
})
afterEach(() => {
  for (const socket of open.splice(0)) socket.terminate()
})

type Watching = {
  readonly socket: WebSocket
  readonly events: LiveEvent[]
  next(match: (event: LiveEvent) => boolean): Promise<LiveEvent>
}

/** Connects and watches; every frame is checked against the contract. */
async function watch(person: Person, devices: 'all' | string[] = 'all'): Promise<Watching> {
  const socket = connectAs(person)
  const events: LiveEvent[] = []
  let wake = () => {}
  socket.on('message', (data) => {
    events.push(LiveEventSchema.parse(JSON.parse(String(data))))
    wake()
  })
  await once(socket, 'open')
  socket.send(JSON.stringify({ type: 'watch', devices }))
  const next = async (match: (event: LiveEvent) => boolean): Promise<LiveEvent> => {
    for (;;) {
      const found = events.find(match)
      if (found) return found
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }
  await next((event) => event.type === 'snapshot')
  return { socket, events, next }
}

function connectAs(
  person: Person,
  headers: Record<string, string> = { authorization: `Bearer ${person.token}` },
): WebSocket {
  const socket = new WebSocket(`${harness.api.httpUrl.replace('http', 'ws')}/api/v1/live`, { headers })
  // Whatever is still connecting is cut off at the end of its test.
  socket.on('error', () => {})
  open.push(socket)
  return socket
}

const isState = (deviceId: string, seq: number) => (event: LiveEvent) =>
  event.type === 'state' && event.state.deviceId === deviceId && event.state.seq === seq
const about = (deviceId: string) => (event: LiveEvent) =>
  (event.type === 'state' && event.state.deviceId === deviceId) ||
  (event.type === 'device' && event.device.id === deviceId)

test('a snapshot, then each change; after the answer to a revoke nothing more, and the rest goes on [R71]', async () => {
  const { db } = harness.database
  const viewer = await watch(bob)
  const owner = await watch(ann)
  const snapshot = viewer.events.find((event) => event.type === 'snapshot')
  expect(snapshot?.devices.map((device) => device.id).sort()).toEqual([rack, desk].sort())
  await report(db, rack, 1, { 'battery.charge': 99 }, { status: 'OB' })
  expect(await viewer.next(isState(rack, 1))).toMatchObject({ state: { status: 'OB', stale: false } })

  const revoked = await asAnn('DELETE', `/shares/${share}`)
  expect(revoked.body.access.edges).toMatchObject([{ kind: 'api', outcome: 'applied', viewers: 1 }])
  await viewer.next((event) => event.type === 'gone' && event.deviceId === rack)
  const before = viewer.events.filter(about(rack)).length
  await report(db, rack, 2, { 'battery.charge': 98 })
  // The fence: what is pushed afterwards on the same connection shows that nothing of the rack was.
  await owner.next(isState(rack, 2))
  await report(db, desk, 1, {})
  await viewer.next(isState(desk, 1))
  expect(viewer.events.filter(about(rack))).toHaveLength(before)

  const again = await makeShare(db, ann, bob, [rack])
  expect(again.shareId).not.toBe(share)
  await viewer.next((event) => event.type === 'device' && event.device.id === rack && event.device.via === 'share')
  await report(db, rack, 3, {})
  await viewer.next(isState(rack, 3))
})

test('a share that runs out ends by the clock, without a message from anybody [ASVS 8.2.4] [R15 R71]', async () => {
  const { db } = harness.database
  const lamp = await makeDevice(db, ann, agent, 'Lamp')
  await makeShare(db, ann, bob, [lamp], { endsAt: new Date(Date.now() + 3000) })
  const viewer = await watch(bob, [lamp])
  await viewer.next((event) => event.type === 'gone' && event.deviceId === lamp)
})

test('only what is watched comes, and what may not be seen is named as absent [R70]', async () => {
  const foreign = await makeDevice(harness.database.db, ann, agent, 'Safe')
  const viewer = await watch(bob, [desk, foreign])
  expect(viewer.events.find((event) => event.type === 'error')).toMatchObject({ code: 'not-found' })
  await report(harness.database.db, rack, 1, {})
  await report(harness.database.db, foreign, 1, {})
  await report(harness.database.db, desk, 1, {})
  await viewer.next(isState(desk, 1))
  expect(viewer.events.some((event) => about(rack)(event) || about(foreign)(event))).toBe(false)
})

test('a new name comes as `device`, an agent that goes as a stale state', async () => {
  const viewer = await watch(bob)
  await report(harness.database.db, rack, 1, {})
  await asAnn('PATCH', `/devices/${rack}`, { name: 'Rack 9' })
  await viewer.next((event) => event.type === 'device' && event.device.name === 'Rack 9')
  await setAgentOnline(harness.database.db, agent, false)
  const stale = (event: LiveEvent) => event.type === 'state' && event.state.silence?.reason === 'link-lost'
  expect(await viewer.next(stale)).toMatchObject({ state: { stale: true } })
})

test('what falls silent is said without a new sample', async () => {
  const { db } = harness.database
  await db.updateTable('agent').set({ interval_s: 0.1 }).where('id', '=', agent.agentId).execute()
  await report(db, rack, 1, {})
  // All but the last half second of the grace is over already.
  const received = new Date(Date.now() - 4800)
  await db.updateTable('device_state').set({ received_at: received }).where('device_id', '=', rack).execute()
  const viewer = await watch(bob)
  const silent = (event: LiveEvent) => event.type === 'state' && event.state.silence?.reason === 'unknown'
  expect(await viewer.next(silent)).toMatchObject({ state: { deviceId: rack, seq: 1, stale: true } })
})

test('signing out ends the connection [ASVS 7.4.1]', async () => {
  const viewer = await watch(bob)
  const closed = once(viewer.socket, 'close')
  expect((await clientOf(harness.api, bob.token)('DELETE', '/sessions/current')).status).toBe(204)
  expect((await closed)[0]).toBe(LIVE_CLOSE.signedOut)
})

describe('who may connect', () => {
  const statusOf = async (socket: WebSocket): Promise<number> => {
    const [, response] = await once(socket, 'unexpected-response')
    return response.statusCode
  }

  test('nobody without a session', async () => {
    expect(await statusOf(connectAs(bob, {}))).toBe(401)
  })

  test('no page of another site, though the browser sends our cookie', async () => {
    const cookie = `rt=${bob.token}`
    expect(await statusOf(connectAs(bob, { cookie, origin: 'https://evil.example' }))).toBe(403)
    expect(await statusOf(connectAs(bob, { cookie }))).toBe(403)
    await once(connectAs(bob, { cookie, origin: harness.api.httpUrl }), 'open')
  })

  test('nonsense gets an error, not an end', async () => {
    const viewer = await watch(bob)
    viewer.socket.send('{"type":')
    viewer.socket.send(JSON.stringify({ type: 'watch', devices: ['x'] }))
    await viewer.next((event) => event.type === 'error')
    await report(harness.database.db, rack, 1, {})
    await viewer.next(isState(rack, 1))
  })
})

test('a viewer that does not read holds up nobody, and gets the newest state once it reads again', async () => {
  const { db } = harness.database
  const slow = await watch(bob)
  const quick = await watch(bob)
  const long = Object.fromEntries(Array.from({ length: 500 }, (_, n) => [`experimental.x.v${n}`, 'y'.repeat(500)]))
  const dropped = async () => {
    const { body } = await clientOf(harness.api)('GET', '//metrics')
    return Number(/^ridethrough_live_frames_dropped_total (\d+)$/m.exec(body)?.[1])
  }
  const before = await dropped()
  slow.socket.pause()
  let seq = 0
  while ((await dropped()) === before) {
    seq += 1
    await report(db, rack, seq, long)
    await quick.next(isState(rack, seq))
    expect(seq).toBeLessThan(100)
  }
  slow.socket.resume()
  await slow.next(isState(rack, seq))
})

test('a process that cannot confirm rights serves nobody, and goes on when it can again [ASVS 8.3.2] [R72]', async () => {
  const viewer = await watch(bob)
  const closed = once(viewer.socket, 'close')
  const name = new URL(
    harness.database.url.replace(/^postgres(ql)?:/, 'http:').replace(/\/\/(\/|[^/]*\/)/, '//x/'),
  ).pathname.slice(1)
  const server = openDb(inject('postgresUrl'), pino({ level: 'silent' }), { max: 1 })
  const ready = async () => (await clientOf(harness.api)('GET', '//readyz')).body
  try {
    await sql`alter database ${sql.id(name)} with allow_connections false`.execute(server)
    await sql`select pg_terminate_backend(pid) from pg_stat_activity where datname = ${name}`.execute(server)
    expect((await closed)[0]).toBe(LIVE_CLOSE.rightsUnknown)
    expect(await ready()).toMatchObject({ status: 503, code: 'store-unavailable' })
    const refused = await clientOf(harness.api, bob.token)('GET', '/devices')
    expect([refused.status, refused.body.code]).toEqual([503, 'store-unavailable'])
  } finally {
    await sql`alter database ${sql.id(name)} with allow_connections true`.execute(server)
    await server.destroy()
  }
  await expect.poll(ready, { timeout: 10_000 }).toEqual({ status: 'ok' })
  await watch(bob)
})

describe('reads over HTTP', () => {
  test('a revoke is answered only when a read that began before it has ended [R71]', async () => {
    const { db } = harness.database
    const order: string[] = []
    await report(db, rack, 1, {})
    // Viewers of earlier tests would read too, and stand in the same queue.
    await expect.poll(liveViewers).toBe(0)
    await expect
      .poll(async () => (await clientOf(harness.api, bob.token)('GET', `/devices/${rack}/state`)).status)
      .toBe(200)
    await db.transaction().execute(async (tx) => {
      await sql`lock table device_state in access exclusive mode`.execute(tx)
      const read = clientOf(harness.api, bob.token)('GET', `/devices/${rack}/state`).then(
        ({ status }) => order.push(`read ${status}`),
        () => order.push('read cut'),
      )
      await waitingFor('device_state')
      const revoke = asAnn('DELETE', `/shares/${share}`).then(({ status }) => order.push(`revoked ${status}`))
      // The lock is held on: the read cannot end by itself, so it is cut, and only then is the revoke answered.
      await Promise.all([read, revoke])
    })
    expect(order).toEqual(['read cut', 'revoked 200'])
  })

  async function liveViewers(): Promise<number> {
    const { body } = await clientOf(harness.api)('GET', '//metrics')
    return Number(/^ridethrough_live_viewers (\d+)$/m.exec(body)?.[1])
  }

  async function waitingFor(table: string): Promise<void> {
    const waiting = async () =>
      (
        await sql<{
          n: number
        }>`select count(*) as n from pg_locks where not granted and relation = ${table}::regclass`.execute(
          harness.database.db,
        )
      ).rows[0]?.n
    await expect.poll(waiting).toBe(1)
  }
})
