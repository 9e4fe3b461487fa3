// A team with everything real: the broker on TCP, the API on HTTP and WebSocket, the command line as a process.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import {
  CompanyView,
  InvitationView,
  LeaveAnswer,
  MemberChangeAnswer,
  MemberPage,
} from '@ridethrough/protocol/http/company.ts'
import { DevicePage, type StateView } from '@ridethrough/protocol/http/device.ts'
import { deviceTopic } from '@ridethrough/protocol/topic.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Caller, findInMail, readMqtt, signUp, watchLive } from '../support/caller.ts'
import { type Cloud, type Site, startCloud, startSite } from '../support/stack.ts'

const CLI = join(import.meta.dirname, '../../bin/ridethrough.ts')

let cloud: Cloud
let site: Site
let owner: Caller
let devices: ReadonlyMap<string, string>
const stops: (() => Promise<void>)[] = []

beforeAll(async () => {
  cloud = await startCloud()
  stops.push(() => cloud.stop())
  site = await startSite(cloud.mqtt, cloud.database.db)
  stops.push(() => site.stop())
  owner = await signUp(cloud.http, 'olivia@example.org')
  devices = await site.claimAll(owner)
})
afterAll(async () => {
  for (const stop of stops.reverse()) await stop()
})

const nameAt = (index: number) => site.simulator.units[index]?.name ?? ''
const idOf = (name: string) => devices.get(name) ?? ''

/** Invited before there is an account: signs up with the address, then accepts with the code of the link. */
async function newColleague(email: string, role: 'owner' | 'member' = 'member'): Promise<Caller> {
  const { id } = await owner.call('POST', '/company/invitations', InvitationView, { email, role })
  const code = await findInMail(cloud.http, email, new RegExp(`/companies/invitations/${id}#code=([A-Z0-9-]+)`))
  const person = await signUp(cloud.http, email)
  await person.call('POST', `/invitations/${id}/accept`, LeaveAnswer, { code })
  return person
}

const isState = (deviceId: string, word: string) => (event: { type: string; state?: StateView }) =>
  event.type === 'state' &&
  event.state?.deviceId === deviceId &&
  (event.state.status?.split(' ').includes(word) ?? false)

async function ridethrough(...args: string[]): Promise<{ code: number; said: string; complained: string }> {
  const child = spawn(process.execPath, [CLI, ...args], {
    env: { ...process.env, DATABASE_URL: cloud.database.url },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [said, complained, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  return { code, said, complained }
}

test('a deactivated member’s open WebSocket and MQTT connection are closed before the answer [ASVS 7.4.2 8.3.2]', async () => {
  const member = await newColleague('mara@example.org')
  const [name, topic] = [nameAt(0), deviceTopic(idOf(nameAt(0)), 'state')]
  const live = await watchLive(cloud.http, member.token)
  const reader = await readMqtt(cloud.mqtt, member.token, ['v1/devices/+/state'])
  const fence = await readMqtt(cloud.mqtt, owner.token, [topic])
  stops.push(fence.stop)
  await live.events.first((event) => event.type === 'snapshot' && event.devices.length === devices.size)
  await reader.messages.first((message) => message.topic === topic)
  const order: string[] = []
  live.socket.once('close', () => order.push('socket'))
  reader.client.once('close', () => order.push('mqtt'))
  const closed = Promise.all([
    once(live.socket, 'close'),
    new Promise<void>((resolve) => reader.client.once('close', () => resolve())),
  ])

  const { access, member: view } = await owner.call(
    'PATCH',
    `/company/members/${member.accountId}`,
    MemberChangeAnswer,
    { active: false },
  )
  const counts = { live: live.events.all.length, mqtt: reader.messages.all.length, fence: fence.messages.all.length }
  expect(view.active).toBe(false)
  const cut = Object.fromEntries(
    access.edges.map((edge) => [edge.kind, [edge.outcome, edge.connections + edge.viewers]]),
  )
  expect(cut).toEqual({ broker: ['applied', 1], api: ['applied', 1] })

  // Whatever was sent before the answer has arrived before what comes after it at the fence.
  await site.simulator.control.set(name, { mains: false })
  await fence.messages.first((message) => message.text.includes('OB'), counts.fence)
  await closed
  expect(order.toSorted()).toEqual(['mqtt', 'socket'])
  expect(live.events.all.slice(counts.live)).toEqual([])
  expect(reader.messages.all.slice(counts.mqtt)).toEqual([])
  await expect(readMqtt(cloud.mqtt, member.token, [])).rejects.toThrow(/not authorized|bad user ?name/i)
  const signIn = await owner.ask('POST', '/sessions', { email: member.email, password: 'correct horse battery' })
  expect(signIn.status).toBe(401)

  await owner.call('PATCH', `/company/members/${member.accountId}`, MemberChangeAnswer, { active: true })
  await expect(readMqtt(cloud.mqtt, member.token, [])).rejects.toThrow(/not authorized|bad user ?name/i)
  expect((await member.ask('GET', '/account')).status).toBe(401)
  await site.simulator.control.set(name, { mains: true })
})

test('what members may do changes live: taken away, nothing more comes by MQTT or WebSocket; given back, it flows [ASVS 8.3.2]', async () => {
  const member = await newColleague('mark@example.org')
  const [name, topic] = [nameAt(1), deviceTopic(idOf(nameAt(1)), 'state')]
  const live = await watchLive(cloud.http, member.token)
  const reader = await readMqtt(cloud.mqtt, member.token, ['v1/devices/+/state'])
  const fence = await readMqtt(cloud.mqtt, owner.token, [topic])
  stops.push(live.stop, reader.stop, fence.stop)
  await reader.messages.first((message) => message.topic === topic)
  await live.events.first((event) => event.type === 'snapshot' && event.devices.length === devices.size)

  const from = live.events.all.length
  await owner.call('PATCH', '/company', CompanyView, { memberPrivileges: ['history'] })
  const counts = { live: live.events.all.length, mqtt: reader.messages.all.length, fence: fence.messages.all.length }
  expect((await member.ask('GET', `/devices/${idOf(name)}/state`)).status).toBe(403)
  await site.simulator.control.set(name, { mains: false })
  await fence.messages.first((message) => message.text.includes('OB'), counts.fence)
  await live.events.first((event) => event.type === 'gone' && event.deviceId === idOf(name), from)
  expect(live.events.all.slice(counts.live).filter((event) => event.type === 'state')).toEqual([])
  expect(reader.messages.all.slice(counts.mqtt)).toEqual([])

  await owner.call('PATCH', '/company', CompanyView, { memberPrivileges: ['monitor'] })
  await site.simulator.control.set(name, { mains: true })
  await live.events.first(isState(idOf(name), 'OL'), counts.live)
  await reader.messages.first((message) => message.topic === topic, counts.mqtt)
})

test('who leaves sees nothing of the company any more, and keeps their connections for what is theirs [ASVS 8.3.2]', async () => {
  const member = await newColleague('lena@example.org')
  const topic = deviceTopic(idOf(nameAt(2)), 'state')
  const reader = await readMqtt(cloud.mqtt, member.token, ['v1/devices/+/state'])
  const fence = await readMqtt(cloud.mqtt, owner.token, [topic])
  stops.push(reader.stop, fence.stop)
  await reader.messages.first((message) => message.topic === topic)
  await member.call('DELETE', '/company/members/me', LeaveAnswer)
  const counts = { mqtt: reader.messages.all.length, fence: fence.messages.all.length }
  expect((await member.call('GET', '/devices', DevicePage)).items).toEqual([])
  await site.simulator.control.set(nameAt(2), { mains: false })
  await fence.messages.first((message) => message.text.includes('OB'), counts.fence)
  expect(reader.messages.all.slice(counts.mqtt)).toEqual([])
  expect(reader.client.connected).toBe(true)
  await site.simulator.control.set(nameAt(2), { mains: true })
})

test('the operator restores an owner from the command line: recorded, applied by every server', async () => {
  const member = await newColleague('rita@example.org')
  const before = await owner.call('GET', '/company', CompanyView)
  await owner.call('PATCH', `/company/members/${member.accountId}`, MemberChangeAnswer, { active: false })
  const restored = await ridethrough('admin', 'restore-owner', '--email', 'Rita@Example.org')
  expect([restored.code, restored.complained]).toEqual([0, ''])
  expect(restored.said).toContain(`rita is an active owner of ${before.name} now, and can sign in again`)
  expect(restored.said).toContain('2 servers have applied it')
  const list = await owner.call('GET', '/company/members?role=owner&search=rita', MemberPage)
  expect(list.items).toMatchObject([{ id: member.accountId, active: true, role: 'owner' }])
  const event = await cloud.database.db
    .selectFrom('event')
    .selectAll()
    .where('kind', '=', 'owner.restored')
    .executeTakeFirstOrThrow()
  expect(event).toMatchObject({ company_id: before.id, account_id: null, address: '', outcome: 'done' })

  const again = await ridethrough('admin', 'restore-owner', '--email', 'rita@example.org')
  expect([again.code, again.said]).toEqual([0, expect.stringContaining('already: nothing was changed')])
  const nobody = await ridethrough('admin', 'restore-owner', '--email', 'nobody@example.org')
  expect([nobody.code, nobody.complained]).toEqual([1, expect.stringContaining('no account has proved the address')])
  expect((await ridethrough('admin', 'verify-log')).code).toBe(0)
})
