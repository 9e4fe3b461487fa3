// What an open link shows, live: only what it names, only while it lasts.
import { makeAgent, makeDevice, makePerson, type Person, type TestAgent } from '@ridethrough/test/support/world.ts'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { report, setAgentOnline } from '../support/device.ts'
import { type Client, clientOf, type Harness, startHarness } from '../support/harness.ts'
import { isStateOf, type LinkWatch, makeLink, openLink, watchLink } from '../support/link.ts'

let harness: Harness
let agent: TestAgent
let ann: Person
let asAnn: Client
let rack: string
let desk: string
const watches: LinkWatch[] = []

beforeAll(async () => {
  harness = await startHarness()
})
afterAll(() => harness.stop())

beforeEach(async () => {
  const { db } = harness.database
  agent = await makeAgent(db)
  await setAgentOnline(db, agent, true)
  ann = await makePerson(db, 'Ann')
  asAnn = clientOf(harness.api, ann.token)
  rack = await makeDevice(db, ann, agent, 'Rack')
  desk = await makeDevice(db, ann, agent, 'Desk')
})
afterEach(() => {
  for (const watch of watches.splice(0)) watch.socket.terminate()
})

async function watch(token: string): Promise<LinkWatch> {
  const watching = await watchLink(harness.api, await openLink(harness.api, token))
  watches.push(watching)
  return watching
}

test('an open link shows its devices and each change of them, and no others [R22 R70]', async () => {
  const { db } = harness.database
  const link = await makeLink(asAnn, [rack])
  const viewer = await watch(link.token)
  const both = await watch((await makeLink(asAnn, [rack, desk])).token)
  expect(viewer.events[0]).toMatchObject({ type: 'snapshot', devices: [{ id: rack, name: 'Rack' }] })
  await report(db, rack, 1, { 'battery.charge': 99 }, { status: 'OB' })
  expect(await viewer.next(isStateOf(rack, 1))).toMatchObject({ state: { status: 'OB', stale: false } })
  await report(db, desk, 1, {})
  // The fence: the other link shows the desk, so this one could have.
  await both.next(isStateOf(desk, 1))
  await report(db, rack, 2, {})
  await viewer.next(isStateOf(rack, 2))
  expect(viewer.texts.join()).not.toContain(desk)
  const renamed = await asAnn('PATCH', `/devices/${rack}`, { name: 'Rack 9' })
  expect(renamed.status).toBe(200)
  await viewer.next((event) => event.type === 'device' && event.device.name === 'Rack 9')
})

test('ended while it is watched: closed before that is answered, and nothing comes any more [R22 R71]', async () => {
  const { db } = harness.database
  const { view, token } = await makeLink(asAnn, [rack])
  const bearer = await openLink(harness.api, token)
  const viewer = await watchLink(harness.api, bearer)
  const other = await watch((await makeLink(asAnn, [rack])).token)
  watches.push(viewer)
  const closed = new Promise<number>((resolve) => viewer.socket.once('close', (code) => resolve(code)))
  const { body } = await asAnn('DELETE', `/share-links/${view.id}`)
  expect(body.access.edges).toMatchObject([{ kind: 'api', outcome: 'applied', viewers: 1 }])
  await report(db, rack, 1, {})
  await other.next(isStateOf(rack, 1))
  expect(await closed).toBe(4401)
  expect(viewer.events.filter(isStateOf(rack, 1))).toEqual([])
  expect((await clientOf(harness.api, bearer)('GET', '/link')).body.code).toBe('link-ended')
})

test('stopped, narrowed and let go on while it is watched [R22 R71]', async () => {
  const { db } = harness.database
  const { view, token } = await makeLink(asAnn, [rack, desk])
  const viewer = await watch(token)
  const path = `/share-links/${view.id}`
  await asAnn('PATCH', path, { deviceIds: [desk] })
  await viewer.next((event) => event.type === 'gone' && event.deviceId === rack)
  await asAnn('PATCH', path, { suspended: true })
  await viewer.next((event) => event.type === 'gone' && event.deviceId === desk)
  await report(db, desk, 1, { 'battery.charge': 1 })
  await asAnn('PATCH', path, { suspended: false, variables: ['ups.load'] })
  await viewer.next((event) => event.type === 'device' && event.device.id === desk)
  await report(db, desk, 2, { 'battery.charge': 2, 'ups.load': 3 })
  expect(await viewer.next(isStateOf(desk, 2))).toMatchObject({ state: { status: null, variables: { 'ups.load': 3 } } })
  expect(viewer.events.filter(isStateOf(desk, 1)).filter((event) => event.type === 'state')).toEqual([])
})

test('a link that runs out closes by the clock, without a message from anybody [R22 R71]', async () => {
  const { token } = await makeLink(asAnn, [rack], { until: new Date(Date.now() + 8000).toISOString() })
  const viewer = await watch(token)
  await expect.poll(() => viewer.closedAt(), { timeout: 50_000 }).toBeDefined()
})

test('the socket opens by the token of a link only, and asks nothing [R22 R70 R74]', async () => {
  const url = `${harness.api.httpUrl.replace('http', 'ws')}/api/v1/link/live`
  const refused = (headers: Record<string, string>) =>
    new Promise<number>((resolve) => {
      const socket = new WebSocket(url, { headers })
      socket.on('error', () => {})
      socket.on('unexpected-response', (_request, response) => resolve(response.statusCode ?? 0))
      socket.on('open', () => resolve(101))
    })
  expect(await refused({})).toBe(401)
  expect(await refused({ authorization: `Bearer ${ann.token}` })).toBe(410)
  expect(await refused({ cookie: `rt=${ann.token}` })).toBe(401)
  const viewer = await watch((await makeLink(asAnn, [rack])).token)
  expect(viewer.socket.protocol).toBe('ridethrough.link')
  const closed = new Promise<number>((resolve) => viewer.socket.once('close', (code) => resolve(code)))
  viewer.socket.send(JSON.stringify({ type: 'watch', devices: [desk] }))
  expect(await closed).toBe(1008)
})

const NAMES = [
  'battery.charge',
  'battery.runtime',
  'input.voltage',
  'ups.load',
  'device.serial',
  'ups.serial',
  'ups.status',
]

test('whatever a device reports, frames and answers hold what the link names and nothing else [R22 R70]', async () => {
  const { db } = harness.database
  let seq = 0
  const world = fc.record({
    allowed: fc.option(fc.subarray(NAMES, { minLength: 1 }), { nil: null }),
    reports: fc.array(fc.record({ names: fc.subarray([...NAMES, 'outlet.1.status']), isOnBattery: fc.boolean() }), {
      minLength: 1,
      maxLength: 4,
    }),
  })
  await fc.assert(
    fc.asyncProperty(world, async ({ allowed, reports }) => {
      const link = await makeLink(asAnn, [rack], { variables: allowed, privileges: ['monitor'] })
      const bearer = await openLink(harness.api, link.token)
      const viewer = await watchLink(harness.api, bearer)
      watches.push(viewer)
      const answers: string[] = []
      for (const { names, isOnBattery } of reports) {
        seq += 1
        const variables = Object.fromEntries(names.map((name) => [name, `value-of-${name}`]))
        await report(db, rack, seq, variables, { status: isOnBattery ? 'OB DISCHRG' : 'OL' })
        await viewer.next(isStateOf(rack, seq))
        answers.push(JSON.stringify((await clientOf(harness.api, bearer)('GET', '/link')).body))
      }
      const isAllowed = (name: string) => (allowed === null ? !name.includes('serial') : allowed.includes(name))
      const said = [...viewer.texts, ...answers].join('\n')
      for (const name of [...NAMES, 'outlet.1.status']) {
        if (!isAllowed(name)) expect(said).not.toContain(name)
      }
      if (!isAllowed('ups.status')) expect(said).not.toMatch(/"(OL|OB DISCHRG)"/)
      // Neither whose it is, nor which one, nor what is paid for it.
      for (const secret of [
        ann.email,
        ann.companyId,
        rack.slice(0, 8) === '' ? '-' : `"${rack.slice(0, 8)}"`,
        'advanced',
        'For the plumber',
      ]) {
        expect(said).not.toContain(secret)
      }
      // And what is named does come.
      const last = reports.at(-1)
      for (const name of last?.names ?? []) if (isAllowed(name)) expect(said).toContain(`value-of-${name}`)
      viewer.socket.terminate()
    }),
    { numRuns: 15 },
  )
}, 120_000)

test('what an agent says of a problem stays at home: it may name addresses [R22]', async () => {
  const { db } = harness.database
  await report(db, rack, 1, {})
  const trouble = {
    problem: 'no-answer' as const,
    problem_since: new Date(),
    problem_detail: 'no answer from 10.1.2.3:161',
  }
  await db.updateTable('device_state').set(trouble).where('device_id', '=', rack).execute()
  const bearer = await openLink(harness.api, (await makeLink(asAnn, [rack])).token)
  const { body } = await clientOf(harness.api, bearer)('GET', '/link')
  expect(body.devices[0].state).toMatchObject({ stale: true, silence: { reason: 'device-not-answering' } })
  expect(JSON.stringify(body)).not.toContain('10.1.2.3')
})
