// What a link gives, at the broker and at the API together: nothing but the link.
import { LinkChangeAnswer, LinkSessionAnswer } from '@ridethrough/protocol/http/link.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readMqtt } from '../support/caller.ts'
import { type Cloud, startCloud } from '../support/stack.ts'
import { makeAgent, makeDevice, makePerson } from '../support/world.ts'

let cloud: Cloud
beforeAll(async () => {
  cloud = await startCloud()
})
afterAll(() => cloud.stop())

async function post(path: string, body: unknown, token?: string): Promise<unknown> {
  const answer = await fetch(`${cloud.http}/api/v1${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) },
    body: JSON.stringify(body),
  })
  return answer.json()
}

test('neither the token of a link nor what it gives opens MQTT [R22 R70]', async () => {
  const { db } = cloud.database
  const ann = await makePerson(db, 'Ann')
  const rack = await makeDevice(db, ann, await makeAgent(db), 'Rack')
  const made = await post('/share-links', { name: 'Link', deviceIds: [rack] }, ann.token)
  const { link } = LinkChangeAnswer.parse(made)
  const token = link.url.slice(link.url.indexOf('#') + 1)
  const opened = LinkSessionAnswer.parse(await post('/link', { token }))
  for (const password of [token, opened.token]) {
    await expect(readMqtt(cloud.mqtt, password, ['v1/devices/+/state'])).rejects.toThrow(/not authorized|refused/i)
  }
  // The person's own session does, so it is not the broker that is closed.
  const reader = await readMqtt(cloud.mqtt, ann.token, ['v1/devices/+/state'])
  await reader.stop()
})
