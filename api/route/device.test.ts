import {
  makeAgent,
  makeDevice,
  makePerson,
  makeShare,
  type Person,
  type TestAgent,
} from '@ridethrough/test/support/world.ts'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { hashCode } from '../code.ts'
import { offerDevice, report, setAgentOnline } from '../support/device.ts'
import { type Client, clientOf, type Harness, startHarness } from '../support/harness.ts'

let harness: Harness
let agent: TestAgent
let ann: Person
let bob: Person
let asAnn: Client
let asBob: Client
let count = 0

const LATER = new Date(Date.now() + 900_000)
const newCode = () => `CLAM-${String(++count).padStart(22, '0')}`

beforeAll(async () => {
  harness = await startHarness()
  agent = await makeAgent(harness.database.db)
})
afterAll(() => harness.stop())

beforeEach(async () => {
  ann = await makePerson(harness.database.db, 'Ann')
  bob = await makePerson(harness.database.db, 'Bob')
  asAnn = clientOf(harness.api, ann.token)
  asBob = clientOf(harness.api, bob.token)
})

describe('claiming', () => {
  test('the code makes the device one’s own, once [R3]', async () => {
    const code = newCode()
    const id = await offerDevice(harness.database.db, agent, code, LATER)
    const claimed = await asAnn('POST', '/devices/claim', { code: code.toLowerCase(), timeZone: 'Europe/Kyiv' })
    expect(claimed.status).toBe(201)
    expect(claimed.body).toMatchObject({ id, name: 'rack-4', via: 'owner', timeZone: 'Europe/Kyiv', plan: 'advanced' })
    expect(claimed.body.state).toMatchObject({ seq: null, at: null, stale: true })
    expect((await asAnn('GET', '/devices?scope=mine')).body.items).toHaveLength(1)
    expect((await asBob('POST', '/devices/claim', { code })).body.code).toBe('code-wrong')
    const change = await harness.database.db
      .selectFrom('access_change')
      .selectAll()
      .orderBy('version', 'desc')
      .executeTakeFirst()
    expect(change).toMatchObject({ accounts: [ann.accountId], devices: [id], agents: [agent.agentId] })
  })

  test('of two who type the code at once, one gets the device', async () => {
    const code = newCode()
    await offerDevice(harness.database.db, agent, code, LATER)
    const both = await Promise.all([asAnn, asBob].map((client) => client('POST', '/devices/claim', { code })))
    expect(both.map(({ status }) => status).sort()).toEqual([201, 422])
  })

  test('expired, taken and guessed codes', async () => {
    const { db } = harness.database
    const old = newCode()
    await offerDevice(db, agent, old, new Date(Date.now() - 1))
    expect((await asAnn('POST', '/devices/claim', { code: old })).body.code).toBe('code-expired')
    const taken = newCode()
    const id = await offerDevice(db, agent, taken, LATER)
    expect((await asBob('POST', '/devices/claim', { code: taken })).status).toBe(201)
    // The agent shows another code for a device that is registered already.
    const again = hashCode('STAKE0')
    await db.updateTable('agent_device').set({ claim_hash: again }).where('device_id', '=', id).execute()
    expect((await asAnn('POST', '/devices/claim', { code: 'STAKE-O' })).body.code).toBe('device-taken')
    const answers: string[] = []
    for (let n = 0; n < 4; n++) answers.push((await asAnn('POST', '/devices/claim', { code: 'WRONG' })).body.code)
    expect(answers).toEqual(['code-wrong', 'code-wrong', 'code-wrong', 'too-many-tries'])
  })
})

test('lists come in pages, by name', async () => {
  const { db } = harness.database
  for (const name of ['c', 'a', 'b']) await makeDevice(db, ann, agent, name)
  await expect.poll(async () => (await asAnn('GET', '/devices')).body.items.length).toBe(3)
  const first = (await asAnn('GET', '/devices?limit=2')).body
  expect(first.items.map((one: { name: string }) => one.name)).toEqual(['a', 'b'])
  const rest = (await asAnn('GET', `/devices?limit=2&cursor=${first.next}`)).body
  expect([rest.items.map((one: { name: string }) => one.name), rest.next]).toEqual([['c'], null])
  expect((await asAnn('GET', '/devices?cursor=nonsense')).body.code).toBe('input-invalid')
})

test('the owner renames a device', async () => {
  const id = await makeDevice(harness.database.db, ann, agent, 'old')
  const changed = await asAnn('PATCH', `/devices/${id}`, { name: 'new', timeZone: 'Asia/Tokyo' })
  expect(changed.body).toMatchObject({ name: 'new', timeZone: 'Asia/Tokyo' })
  expect((await asAnn('PATCH', `/devices/${id}`, { timeZone: 'Mars/Olympus' })).body.fields).toMatchObject([
    { path: 'timeZone' },
  ])
})

test('a device that is given up takes its shares and its past with it', async () => {
  const { db } = harness.database
  const id = await makeDevice(db, ann, agent, 'gone')
  const share = await makeShare(db, ann, bob, [id])
  await report(db, id, 1, { 'battery.charge': 100 })
  await expect.poll(async () => (await asBob('GET', `/devices/${id}`)).status).toBe(200)
  const answer = await asAnn('DELETE', `/devices/${id}`)
  expect(answer.body.access.edges).toMatchObject([{ outcome: 'applied' }])
  expect((await asBob('GET', `/devices/${id}`)).status).toBe(404)
  expect((await asAnn('GET', `/devices/${id}`)).status).toBe(404)
  const row = await db.selectFrom('share').select('state').where('id', '=', share.shareId).executeTakeFirst()
  expect(row?.state).toBe('revoked')
  const samples = () => db.selectFrom('sample').select('seq').where('device_id', '=', id).execute()
  await expect.poll(samples, { timeout: 10_000 }).toEqual([])
})

describe('history', () => {
  const minute = 60_000
  let id: string
  let start: number

  beforeEach(async () => {
    const { db } = harness.database
    id = await makeDevice(db, ann, agent, 'past')
    start = Math.floor(Date.now() / minute) * minute - 60 * minute
    for (const [seq, after] of [0, 5, 10, 15, 20, 600, 605, 610].entries()) {
      const at = new Date(start + after * 1000)
      await report(db, id, seq + 1, { 'battery.charge': 100 - seq, 'ups.beeper.status': 'enabled' }, { at })
    }
  })

  type Point = [string, number | null]
  const read = async (client: Client, query: string): Promise<Point[]> => {
    const { status, body } = await client('GET', `/devices/${id}/history?variables=battery.charge&${query}`)
    expect([status, body.code]).toEqual([200, undefined])
    return body.series[0].points
  }
  const range = () => `from=${new Date(start).toISOString()}&to=${new Date(start + 20 * minute).toISOString()}`

  test('every sample, with the gap left open', async () => {
    const points = await read(asAnn, `${range()}&points=5000`)
    expect(points.map(([, value]) => value)).toEqual([100, 99, 98, 97, 96, null, 95, 94, 93])
    expect(points[0]?.[0]).toBe(new Date(start).toISOString())
  })

  test('fewer points than samples are means', async () => {
    const points = await read(asAnn, `${range()}&points=10`)
    expect(points.map(([, value]) => value)).toEqual([98, null, 94])
  })

  test('a variable without numbers has none', async () => {
    const { body } = await asAnn('GET', `/devices/${id}/history?variables=ups.beeper.status,no.such`)
    expect(body.series).toEqual([
      { variable: 'ups.beeper.status', points: [] },
      { variable: 'no.such', points: [] },
    ])
  })

  test('a recipient sees it only inside their own period [R64]', async () => {
    const startsAt = new Date(start + 12_000)
    await makeShare(harness.database.db, ann, bob, [id], { startsAt })
    await expect.poll(async () => (await asBob('GET', `/devices/${id}`)).status).toBe(200)
    const points = await read(asBob, `${range()}&points=5000`)
    expect(points.map(([, value]) => value)).toEqual([97, 96, null, 95, 94, 93])
  })

  test.each([
    'variables=',
    'variables=no%20name',
    'variables=a.b&points=1',
    'variables=a.b&from=yesterday',
    'variables=a.b&from=2999-01-01T00:00:00Z',
  ])('%s is refused in words', async (query) => {
    const { status, body } = await asAnn('GET', `/devices/${id}/history?${query}`)
    expect([status, body.code]).toEqual([422, 'input-invalid'])
    expect(body.fields).not.toEqual([])
  })
})

test('old values are marked, with the reason', async () => {
  const { db } = harness.database
  const id = await makeDevice(db, ann, agent, 'state')
  await setAgentOnline(db, agent, true)
  await report(db, id, 7, { 'ups.load': 20 })
  const state = async () => (await asAnn('GET', `/devices/${id}/state`)).body
  await expect
    .poll(state)
    .toMatchObject({ seq: 7, status: 'OL', variables: { 'ups.load': 20 }, stale: false, silence: null })
  const past = new Date(Date.now() - 21_000)
  await db.updateTable('device_state').set({ received_at: past }).where('device_id', '=', id).execute()
  expect(await state()).toMatchObject({ stale: true, silence: { reason: 'unknown', since: past.toISOString() } })
  await setAgentOnline(db, agent, false)
  expect(await state()).toMatchObject({ stale: true, variables: { 'ups.load': 20 }, silence: { reason: 'link-lost' } })
})
