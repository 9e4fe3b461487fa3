// One reading the whole way, and back again: SNMP on UDP, MQTT on TCP, PostgreSQL, HTTP, WebSocket.
import { SessionAnswer } from '@ridethrough/protocol/http/account.ts'
import { DevicePage, StateView } from '@ridethrough/protocol/http/device.ts'
import { ShareChangeAnswer, SharePage } from '@ridethrough/protocol/http/share.ts'
import { deviceTopic } from '@ridethrough/protocol/topic.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  type Caller,
  findInMail,
  type LiveViewer,
  type Reader,
  readMqtt,
  signUp,
  watchLive,
} from '../support/caller.ts'
import { type Cloud, type Site, startCloud, startSite } from '../support/stack.ts'

let cloud: Cloud
let site: Site
let owner: Caller
let recipient: Caller
let devices: ReadonlyMap<string, string>
const stops: (() => Promise<void>)[] = []

beforeAll(async () => {
  cloud = await startCloud()
  stops.push(() => cloud.stop())
  site = await startSite(cloud.mqtt, cloud.database.db)
  stops.push(() => site.stop())
  owner = await signUp(cloud.http, 'olivia@example.org')
  recipient = await signUp(cloud.http, 'Rafael@example.org')
  devices = await site.claimAll(owner)
})

afterAll(async () => {
  for (const stop of stops.reverse()) await stop()
})

const nameAt = (index: number) => site.simulator.units[index]?.name ?? ''
const idOf = (name: string) => devices.get(name) ?? ''

async function shareWith(deviceIds: readonly string[]): Promise<string> {
  const { share } = await owner.call('POST', '/shares', ShareChangeAnswer, {
    email: recipient.email,
    deviceIds,
    role: 'viewer',
  })
  const code = await findInMail(cloud.http, recipient.email, new RegExp(`${share.id}#code=([A-Za-z0-9-]+)`))
  await recipient.call('POST', `/shares/${share.id}/accept`, ShareChangeAnswer, { code })
  return share.id
}

/** Everything by which the recipient can learn of a device at once. */
async function openAll(
  token: string,
  exact: string,
): Promise<{ live: LiveViewer; wide: Reader; narrow: Reader; stop(): Promise<void> }> {
  const live = await watchLive(cloud.http, token)
  const wide = await readMqtt(cloud.mqtt, token, ['v1/devices/+/state'])
  const narrow = await readMqtt(cloud.mqtt, token, [exact])
  return { live, wide, narrow, stop: async () => void (await Promise.all([live.stop(), wide.stop(), narrow.stop()])) }
}

const isState = (deviceId: string, word: string) => (event: { type: string; state?: StateView }) =>
  event.type === 'state' &&
  event.state?.deviceId === deviceId &&
  (event.state.status?.split(' ').includes(word) ?? false)

test('mains cut in the simulator is OB at the recipient; after a revoke nothing comes, after another share it flows again', async () => {
  const [shared, other] = [nameAt(0), nameAt(1)]
  const topic = deviceTopic(idOf(shared), 'state')
  const shareId = await shareWith([idOf(shared), idOf(other)])
  const mine = await watchLive(cloud.http, owner.token)
  const theirs = await openAll(recipient.token, topic)
  stops.push(mine.stop)

  await site.simulator.control.set(shared, { mains: false })
  await theirs.live.events.first(isState(idOf(shared), 'OB'))
  await theirs.wide.messages.first((message) => message.topic === topic && message.text.includes('OB'))
  await theirs.narrow.messages.first((message) => message.topic === topic && message.text.includes('OB'))
  const state = await recipient.call('GET', `/devices/${idOf(shared)}/state`, StateView)
  expect(state.status?.split(' ')).toContain('OB')

  // Only the first device is taken away: the second is the fence that proves the streams are alive.
  await owner.call('DELETE', `/shares/${shareId}/devices/${idOf(shared)}`, ShareChangeAnswer)
  const counts = {
    live: theirs.live.events.all.length,
    wide: theirs.wide.messages.all.length,
    narrow: theirs.narrow.messages.all.length,
    mine: mine.events.all.length,
  }
  expect((await recipient.ask('GET', `/devices/${idOf(shared)}/state`)).status).toBe(404)

  await site.simulator.control.set(shared, { mains: true })
  await site.simulator.control.set(other, { mains: false })
  await mine.events.first(isState(idOf(shared), 'OL'), counts.mine)
  await theirs.live.events.first(isState(idOf(other), 'OB'), counts.live)
  await theirs.wide.messages.first(
    (message) => message.topic === deviceTopic(idOf(other), 'state') && message.text.includes('OB'),
    counts.wide,
  )
  const late = theirs.live.events.all
    .slice(counts.live)
    .filter((event) => event.type === 'state' && event.state.deviceId === idOf(shared))
  expect(late).toEqual([])
  expect(theirs.wide.messages.all.slice(counts.wide).filter((message) => message.topic === topic)).toEqual([])
  expect(theirs.narrow.messages.all.slice(counts.narrow)).toEqual([])
  const visible = await recipient.call('GET', '/devices?scope=shared', DevicePage)
  expect(visible.items.map((device) => device.id)).toEqual([idOf(other)])
  // Subscribing anew does not help: neither exactly nor by a wildcard.
  expect(
    await theirs.narrow.client.subscribeAsync(topic, { qos: 0 }).then(
      (granted) => granted[0]?.qos,
      () => 128,
    ),
  ).toBe(128)

  await owner.call('DELETE', `/shares/${shareId}`, ShareChangeAnswer)
  await shareWith([idOf(shared)])
  await theirs.wide.messages.first((message) => message.topic === topic, counts.wide)
  await theirs.live.events.first(isState(idOf(shared), 'OL'), counts.live)
  await theirs.stop()
})

test('the answer to a revoke says which servers confirmed it and what they cut', async () => {
  const name = nameAt(2)
  const shareId = await shareWith([idOf(name)])
  const reader = await readMqtt(cloud.mqtt, recipient.token, [deviceTopic(idOf(name), 'state')])
  stops.push(reader.stop)
  await reader.messages.first(() => true)
  const { access, share } = await owner.call('DELETE', `/shares/${shareId}`, ShareChangeAnswer)
  expect(share.state).toBe('revoked')
  expect(access.edges.map((edge) => [edge.kind, edge.outcome]).toSorted()).toEqual([
    ['api', 'applied'],
    ['broker', 'applied'],
  ])
  expect(access.edges.find((edge) => edge.kind === 'broker')?.subscriptions).toBe(1)
})

test('what is shared to an address without an account is there when somebody registers with it', async () => {
  const name = nameAt(3)
  const { share } = await owner.call('POST', '/shares', ShareChangeAnswer, {
    email: 'late@example.org',
    deviceIds: [idOf(name)],
  })
  expect(share.state).toBe('pending')
  const late = await signUp(cloud.http, 'Late@Example.org')
  const received = await late.call('GET', '/shares?direction=received', SharePage)
  expect(received.items.map((one) => one.id)).toEqual([share.id])
  const code = await findInMail(cloud.http, 'late@example.org', new RegExp(`${share.id}#code=([A-Za-z0-9-]+)`))
  await late.call('POST', `/shares/${share.id}/accept`, ShareChangeAnswer, { code })
  const visible = await late.call('GET', '/devices?scope=shared', DevicePage)
  expect(visible.items.map((device) => device.id)).toEqual([idOf(name)])
})

test('a device that answers nothing, or nonsense, is said to be so, and its last values are marked stale', async () => {
  const name = nameAt(3)
  const live = await watchLive(cloud.http, owner.token)
  stops.push(live.stop)
  for (const fault of ['silent', 'garbage'] as const) {
    const from = live.events.all.length
    await site.simulator.control.set(name, { fault })
    await live.events.first(
      (event) =>
        event.type === 'state' &&
        event.state.deviceId === idOf(name) &&
        event.state.silence?.reason === 'device-not-answering',
      from,
      40_000,
    )
    const state = await owner.call('GET', `/devices/${idOf(name)}/state`, StateView)
    expect(state).toMatchObject({ stale: true, silence: { reason: 'device-not-answering' } })
    expect(Object.keys(state.variables).length).toBeGreaterThan(5)
    const back = live.events.all.length
    await site.simulator.control.set(name, { fault: null })
    await live.events.first(
      (event) => event.type === 'state' && event.state.deviceId === idOf(name) && !event.state.stale,
      back,
      40_000,
    )
  }
}, 120_000)

test('signing out ends the session everywhere before the answer [ASVS 7.4.1]', async () => {
  const { body } = await owner.ask('POST', '/sessions', { email: owner.email, password: 'correct horse battery' })
  const { token } = SessionAnswer.parse(body)
  const live = await watchLive(cloud.http, token)
  const reader = await readMqtt(cloud.mqtt, token, ['v1/devices/+/state'])
  const closed = Promise.all([
    new Promise((resolve) => live.socket.once('close', resolve)),
    new Promise((resolve) => reader.client.once('close', () => resolve(undefined))),
  ])
  await fetch(`${cloud.http}/api/v1/sessions/current`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${token}` },
  })
  await closed
  await expect(readMqtt(cloud.mqtt, token, [])).rejects.toThrow(/not authorized|bad user ?name/i)
})
