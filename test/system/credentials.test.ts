// What ends with a password, a session or an API token, at the broker: connections are gone when the API has answered.
import { SessionAnswer } from '@ridethrough/protocol/http/account.ts'
import { TokenAnswer } from '@ridethrough/protocol/http/security.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { type Caller, findInMail, readMqtt, signUp } from '../support/caller.ts'
import { type Cloud, startCloud } from '../support/stack.ts'

const PASSWORD = 'correct horse battery'
const NEW = 'another long pass phrase'

let cloud: Cloud
beforeAll(async () => {
  cloud = await startCloud()
})
afterAll(() => cloud.stop())

/** An MQTT connection with this token, and how to tell that it is over. */
async function connect(token: string) {
  const reader = await readMqtt(cloud.mqtt, token, ['v1/devices/+/state'])
  let isOver = false
  const over = new Promise<void>((resolve) =>
    reader.client.once('close', () => {
      isOver = true
      resolve()
    }),
  )
  return { over, isOver: () => isOver, stop: () => reader.stop() }
}

async function apiToken(person: Caller): Promise<{ token: string; id: string }> {
  const expiresAt = new Date(Date.now() + 3_600_000).toISOString()
  const sent = { name: 'script', privileges: ['monitor'], expiresAt }
  const { token, view } = await person.call('POST', '/tokens', TokenAnswer, sent)
  return { token, id: view.id }
}

async function anotherSession({ email }: Caller): Promise<string> {
  const answer = await fetch(`${cloud.http}/api/v1/sessions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email, password: PASSWORD }),
  })
  return SessionAnswer.parse(await answer.json()).token
}

const isRefused = (token: string) =>
  connect(token).then(
    () => false,
    () => true,
  )

test('a reset password ends the MQTT connections of all sessions and API tokens', async () => {
  const person = await signUp(cloud.http, 'ann@example.org', PASSWORD)
  const { token } = await apiToken(person)
  const connections = [await connect(person.token), await connect(token)]
  await person.ask('POST', '/password-resets', { email: person.email })
  const code = await findInMail(cloud.http, person.email, /^\s*([0-9A-Z]{4}-[0-9A-Z]{4})\s*$/m)
  const answer = await person.ask('POST', '/password-resets/complete', { email: person.email, code, password: NEW })
  expect(answer.status).toBe(204)
  await Promise.all(connections.map(({ over }) => over))
  for (const one of [person.token, token]) expect(await isRefused(one)).toBe(true)
})

test('a changed password ends those of the other sessions; the own one and API tokens go on', async () => {
  const person = await signUp(cloud.http, 'bob@example.org', PASSWORD)
  const { token } = await apiToken(person)
  const other = await connect(await anotherSession(person))
  const staying = [await connect(person.token), await connect(token)]
  await person.call('POST', '/account/password', SessionAnswer, { current: PASSWORD, password: NEW })
  await other.over
  expect(staying.map(({ isOver }) => isOver())).toEqual([false, false])
  for (const one of staying) await one.stop()
})

test('an API token that is ended is cut off, and nothing else', async () => {
  const person = await signUp(cloud.http, 'cid@example.org', PASSWORD)
  const [ended, staying] = [await apiToken(person), await apiToken(person)]
  const [first, second] = [await connect(ended.token), await connect(staying.token)]
  expect((await person.ask('DELETE', `/tokens/${ended.id}`)).status).toBe(204)
  await first.over
  expect(second.isOver()).toBe(false)
  expect(await isRefused(ended.token)).toBe(true)
  await second.stop()
})

test('with the account everything is cut off [ASVS 7.4.2]', async () => {
  const person = await signUp(cloud.http, 'dan@example.org', PASSWORD)
  const { token } = await apiToken(person)
  const connections = [await connect(person.token), await connect(token)]
  expect((await person.ask('DELETE', '/account', { password: PASSWORD })).status).toBe(204)
  await Promise.all(connections.map(({ over }) => over))
  expect(z.object({ status: z.literal(401) }).safeParse(await person.ask('GET', '/account')).success).toBe(true)
})
