// A guest at the broker and on the WebSocket: of what was not chosen for them nothing arrives, nothing that is kept, no count.

import { LeaveAnswer } from '@ridethrough/protocol/http/company.ts'
import { GroupView, GuestChangeAnswer, GuestView } from '@ridethrough/protocol/http/guest.ts'
import { EdgeReport } from '@ridethrough/protocol/http/share.ts'
import { deviceTopic } from '@ridethrough/protocol/topic.ts'
import mqtt, { type MqttClient } from 'mqtt'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Caller, findInMail, type Reader, readMqtt, signUp, watchLive } from '../support/caller.ts'
import { type Cloud, startCloud } from '../support/stack.ts'
import { makeAgent, makeDevice } from '../support/world.ts'

let cloud: Cloud
let owner: Caller
let devices: { shown: string; hidden: string }
let agent: MqttClient
let seq = 0
const stops: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  cloud = await startCloud()
  stops.push(() => cloud.stop())
  const { db } = cloud.database
  owner = await signUp(cloud.http, 'olivia@example.org')
  const { company_id } = await db
    .selectFrom('account')
    .select('company_id')
    .where('id', '=', owner.accountId)
    .executeTakeFirstOrThrow()
  const person = { ...owner, companyId: company_id, sessionId: '' }
  const { agentId, token } = await makeAgent(db)
  devices = {
    shown: await makeDevice(db, person, { agentId, token }, 'Shown'),
    hidden: await makeDevice(db, person, { agentId, token }, 'Hidden'),
  }
  agent = await mqtt.connectAsync(cloud.mqtt, {
    ...{ username: `agent:${agentId}`, password: token, clientId: 'agent', reconnectPeriod: 0 },
  })
  stops.push(() => agent.endAsync(true))
})

afterAll(async () => {
  for (const stop of stops.reverse()) await stop()
})

/** A sample of both: of the hidden one first, so that the other is a fence behind it. Its sequence. */
async function publishBoth(): Promise<number> {
  seq += 1
  const sample = JSON.stringify({ kind: 'values', seq, at: Date.now(), status: 'OL', variables: { 'ups.load': seq } })
  await agent.publishAsync(deviceTopic(devices.hidden, 'state'), sample, { qos: 1 })
  await agent.publishAsync(deviceTopic(devices.shown, 'state'), sample, { qos: 1 })
  return seq
}

async function makeGuest(
  name: string,
  terms: Readonly<Record<string, unknown>>,
): Promise<{ guest: Caller; id: string }> {
  const guest = await signUp(cloud.http, `${name}@example.org`)
  const { id } = await owner.call('POST', '/company/guests', GuestView, { email: guest.email, ...terms })
  const code = await findInMail(cloud.http, guest.email, new RegExp(`${id}#code=([A-Za-z0-9-]+)`))
  await guest.call('POST', `/invitations/${id}/accept`, LeaveAnswer, { code })
  return { guest, id }
}

const WILD = ['v1/devices/+/state', 'v1/#', '#']

const arrived = ({ messages }: Reader, n: number, id: string) =>
  messages.first(({ topic, text }) => topic === deviceTopic(id, 'state') && text.includes(`"seq":${n},`))

const ofHidden = ({ messages }: Reader) =>
  messages.all.filter(({ topic, text }) => topic.includes(devices.hidden) || text.includes(devices.hidden))

test.each(['devices', 'groups'] as const)(
  'wildcards and kept states give a guest in the mode %s the chosen devices only, and none once switched off [R31 R32 R35 R70 R71]',
  async (mode) => {
    const { id: groupId } = await owner.call('POST', '/company/groups', GroupView, {
      ...{ name: `Group for ${mode}`, deviceIds: [devices.shown] },
    })
    const { guest, id } = await makeGuest(`by-${mode}`, {
      ...{ mode, deviceIds: mode === 'devices' ? [devices.shown] : [] },
      groups: mode === 'groups' ? [{ groupId, role: 'viewer' }] : [],
    })
    const kept = await publishBoth()
    const reader = await readMqtt(cloud.mqtt, guest.token, WILD)
    stops.push(() => reader.stop())
    const live = await watchLive(cloud.http, guest.token)
    stops.push(() => live.stop())
    expect(await arrived(reader, kept, devices.shown)).toMatchObject({ retain: true })
    const next = await publishBoth()
    await arrived(reader, next, devices.shown)
    await live.events.first((event) => JSON.stringify(event).includes(`"seq":${next},`))
    live.socket.send(JSON.stringify({ type: 'watch', devices: [devices.hidden] }))
    const fence = await publishBoth()
    await arrived(reader, fence, devices.shown)
    await live.events.first((event) => JSON.stringify(event).includes(`"seq":${fence},`))
    expect(ofHidden(reader)).toEqual([])
    expect(JSON.stringify(live.events.all)).not.toMatch(/Hidden/)
    expect(JSON.stringify(live.events.all.filter(({ type }) => type !== 'error'))).not.toContain(devices.hidden)

    const { access } = await owner.call('PATCH', `/company/guests/${id}`, GuestChangeAnswer, { active: false })
    const count = reader.messages.all.length
    expect(EdgeReport.parse(access).edges.map(({ outcome }) => outcome)).toEqual(['applied', 'applied'])
    const own = await readMqtt(cloud.mqtt, owner.token, ['v1/devices/+/state'])
    stops.push(() => own.stop())
    const last = await publishBoth()
    await arrived(own, last, devices.shown)
    await owner.call('PATCH', `/company/guests/${id}`, GuestChangeAnswer, { active: true })
    const again = await publishBoth()
    const third = await readMqtt(cloud.mqtt, guest.token, WILD)
    stops.push(() => third.stop())
    await arrived(third, again, devices.shown)
    const between = reader.messages.all.slice(count).filter(({ text }) => text.includes(`"seq":${last},`))
    expect(between).toEqual([])
    expect([...ofHidden(reader), ...ofHidden(third)]).toEqual([])
  },
)

test('subscribing to the very topic of an unselected device is answered as for one that is not there, and gives nothing [R35 R70]', async () => {
  const { guest } = await makeGuest('curious', { mode: 'devices', deviceIds: [devices.shown] })
  const exact = [deviceTopic(devices.hidden, 'state'), `v1/devices/${devices.hidden}/#`]
  const absent = '00000000-0000-4000-8000-000000000000'
  const reader = await readMqtt(cloud.mqtt, guest.token, ['v1/devices/+/state', 'v1/errors'])
  stops.push(() => reader.stop())
  const granted = (filter: string) =>
    reader.client.subscribeAsync(filter, { qos: 0 }).then(
      (grants) => grants.map(({ qos }) => qos),
      (error: Error) => error.message,
    )
  for (const filter of exact) {
    expect(await granted(filter)).toEqual(await granted(filter.replace(devices.hidden, absent)))
  }
  const fence = await publishBoth()
  await arrived(reader, fence, devices.shown)
  // The errors topic names what was asked for, of both alike.
  const errors = reader.messages.all.filter(({ topic }) => topic === 'v1/errors').map(({ text }) => text)
  const about = (id: string) => errors.filter((text) => text.includes(id)).map((text) => text.replaceAll(id, 'ID'))
  expect(about(devices.hidden)).toEqual(about(absent))
  expect(ofHidden(reader).filter(({ topic }) => topic !== 'v1/errors')).toEqual([])
})
