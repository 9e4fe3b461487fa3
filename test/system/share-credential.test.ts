// The credential of a share as an MQTT password: it reads the devices of that share and nothing else, and is cut with it.
import { EdgeReport, ShareChangeAnswer, ShareCredentialAnswer } from '@ridethrough/protocol/http/share.ts'
import type { Sample } from '@ridethrough/protocol/message/telemetry.ts'
import { deviceTopic } from '@ridethrough/protocol/topic.ts'
import mqtt, { type MqttClient } from 'mqtt'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { z } from 'zod'
import { type Caller, findInMail, type Reader, readMqtt, signUp } from '../support/caller.ts'
import { type Cloud, startCloud } from '../support/stack.ts'
import { makeAgent, makeDevice, makeShare, type Person } from '../support/world.ts'

let cloud: Cloud
let agent: MqttClient
let agentId: string
let agentToken: string
let ann: Caller
let bob: Caller
let count = 0
let seq = 0

beforeAll(async () => {
  cloud = await startCloud()
  ;({ agentId, token: agentToken } = await makeAgent(cloud.database.db))
  agent = await mqtt.connectAsync(cloud.mqtt, {
    username: `agent:${agentId}`,
    password: agentToken,
    reconnectPeriod: 0,
  })
})
afterAll(async () => {
  await agent.endAsync(true)
  await cloud.stop()
})

beforeEach(async () => {
  count += 1
  ann = await signUp(cloud.http, `ann${count}@example.org`)
  bob = await signUp(cloud.http, `bob${count}@example.org`)
})

async function deviceOf(owner: Caller, name: string): Promise<string> {
  return makeDevice(cloud.database.db, await personOf(owner), { agentId, token: agentToken }, name)
}

async function personOf({ accountId, email, token }: Caller): Promise<Person> {
  const { company_id } = await cloud.database.db
    .selectFrom('account')
    .select('company_id')
    .where('id', '=', accountId)
    .executeTakeFirstOrThrow()
  return { accountId, email, token, companyId: company_id, sessionId: '' }
}

/** Stored and acknowledged when this resolves; its sequence. */
async function measure(deviceId: string): Promise<number> {
  seq += 1
  const sample: Sample = { kind: 'values', seq, at: Date.now(), status: 'OL', variables: { 'battery.charge': 100 } }
  await agent.publishAsync(deviceTopic(deviceId, 'state'), JSON.stringify(sample), { qos: 1 })
  return seq
}

async function share(deviceIds: string[]): Promise<string> {
  const offer = { email: bob.email, deviceIds, role: 'operator' }
  const made = await ann.call('POST', '/shares', ShareChangeAnswer, offer)
  const code = await findInMail(cloud.http, bob.email, new RegExp(`/invitations/${made.share.id}#code=([A-Z0-9-]+)`))
  await bob.call('POST', `/shares/${made.share.id}/accept`, ShareChangeAnswer, { code })
  return made.share.id
}

async function mint(shareId: string): Promise<{ id: string; reader: Reader; token: string; over: Promise<void> }> {
  const wanted = { name: 'logger' }
  const { token, view } = await bob.call('POST', `/shares/${shareId}/credentials`, ShareCredentialAnswer, wanted)
  const reader = await readMqtt(cloud.mqtt, token, ['v1/devices/+/state'])
  const over = new Promise<void>((resolve) => void reader.client.once('close', () => resolve()))
  return { id: view.id, reader, token, over }
}

const holds = (deviceId: string, wanted: number) => (message: { topic: string; text: string }) =>
  message.topic === deviceTopic(deviceId, 'state') && JSON.parse(message.text).seq === wanted

/** Which devices have said anything to this reader. */
const heard = ({ messages }: Reader) => new Set(messages.all.map(({ topic }) => topic.split('/')[2]))

const isRefused = (token: string) =>
  readMqtt(cloud.mqtt, token, []).then(
    () => false,
    () => true,
  )

test('a wildcard brings what the share is of, and neither one’s own nor what others share [R24 R70]', async () => {
  const lent = await deviceOf(ann, 'lent')
  const own = await deviceOf(bob, 'own')
  const cid = await signUp(cloud.http, `cid${count}@example.org`)
  const other = await deviceOf(cid, 'other')
  await makeShare(cloud.database.db, await personOf(cid), await personOf(bob), [other])
  const credential = await mint(await share([lent]))
  const whole = await readMqtt(cloud.mqtt, bob.token, ['v1/devices/+/state'])
  const [ofOwn, ofOther] = [await measure(own), await measure(other)]
  await whole.messages.first(holds(own, ofOwn))
  await whole.messages.first(holds(other, ofOther))
  // What came last came to both: whatever else there was would have come before it.
  await credential.reader.messages.first(holds(lent, await measure(lent)))
  expect(heard(credential.reader)).toEqual(new Set([lent]))
  await credential.reader.stop()
  await whole.stop()
})

test('suspended it is silent, a device that is taken out falls silent, and the rest goes on [R24 R25]', async () => {
  const [first, second] = [await deviceOf(ann, 'first'), await deviceOf(ann, 'second')]
  const id = await share([first, second])
  const { reader } = await mint(id)
  await reader.messages.first(holds(first, await measure(first)))
  await ann.call('POST', `/shares/${id}/suspend`, ShareChangeAnswer)
  const silent = await measure(first)
  await ann.call('POST', `/shares/${id}/resume`, ShareChangeAnswer)
  await ann.call('DELETE', `/shares/${id}/devices/${first}`, ShareChangeAnswer)
  const gone = await measure(first)
  await reader.messages.first(holds(second, await measure(second)))
  const seqs = reader.messages.all.filter(({ retain }) => !retain).map(({ text }) => JSON.parse(text).seq)
  expect(seqs).not.toContain(silent)
  expect(seqs).not.toContain(gone)
  await reader.stop()
})

test('with the share its connections are cut when it is answered, and the token is worth nothing [R24 R71]', async () => {
  const lent = await deviceOf(ann, 'lent')
  const id = await share([lent])
  const { reader, token, over } = await mint(id)
  await reader.messages.first(holds(lent, await measure(lent)))
  const { access } = await ann.call('DELETE', `/shares/${id}`, ShareChangeAnswer)
  expect(access.edges.find(({ kind }) => kind === 'broker')).toMatchObject({ outcome: 'applied', connections: 1 })
  const before = reader.messages.all.length
  await measure(lent)
  await over
  expect(reader.messages.all.length).toBe(before)
  expect(await isRefused(token)).toBe(true)
})

test('one that is ended is cut; another of the same share, and the account itself, go on [R24]', async () => {
  const lent = await deviceOf(ann, 'lent')
  const id = await share([lent])
  const [ended, staying] = [await mint(id), await mint(id)]
  const whole = await readMqtt(cloud.mqtt, bob.token, ['v1/devices/+/state'])
  await ann.call('DELETE', `/shares/${id}/credentials/${ended.id}`, z.object({ access: EdgeReport }))
  await ended.over
  expect(await isRefused(ended.token)).toBe(true)
  const wanted = await measure(lent)
  await staying.reader.messages.first(holds(lent, wanted))
  await whole.messages.first(holds(lent, wanted))
  await staying.reader.stop()
  await whole.stop()
})

test('when the share runs out its connections end by themselves [R15 R24]', async () => {
  const lent = await deviceOf(ann, 'lent')
  const id = await share([lent])
  const { over, token } = await mint(id)
  const until = new Date(Date.now() + 700).toISOString()
  await ann.call('PATCH', `/shares/${id}`, ShareChangeAnswer, { until })
  await over
  expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(until))
  expect(await isRefused(token)).toBe(true)
})
