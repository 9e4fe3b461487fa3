// HTTPS: renewed without dropping anybody, secure cookies, and how long the certificate is good for.
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import type { TLSSocket } from 'node:tls'
import { type Authority, makeAuthority, testFolder } from '@ridethrough/test/support/certificates.ts'
import { makePerson } from '@ridethrough/test/support/world.ts'
import { pino } from 'pino'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { readConfig } from './config.ts'
import { startHarness } from './support/harness.ts'

async function secureApi() {
  const authority = makeAuthority(testFolder())
  const { certPath, keyPath } = authority
  const logged: { msg: string }[] = []
  const log = pino({ level: 'info' }, { write: (line: string) => void logged.push(JSON.parse(line)) })
  const harness = await startHarness({ tls: { certPath, keyPath } }, log)
  onTestFinished(() => harness.stop())
  return { authority, logged, ...harness }
}

type Got = {
  readonly status: number
  readonly text: string
  readonly shown: string
  readonly hsts: boolean
}

async function get(url: string, authority: Authority, agent?: Agent): Promise<Got> {
  const asked = request(url, {
    ca: readFileSync(authority.ca),
    ...(agent ? { agent } : { agent: new Agent({ keepAlive: false, maxCachedSessions: 0 }) }),
  })
  asked.end()
  const [response] = await once(asked, 'response')
  const shown = (response.socket as TLSSocket).getPeerCertificate().fingerprint256
  let text = ''
  for await (const chunk of response) text += chunk
  const hsts = response.headers['strict-transport-security'] !== undefined
  return { status: response.statusCode, text, shown, hsts }
}

test('with a certificate the API speaks HTTPS, says https of itself and nothing to those who trust somebody else', async () => {
  const { authority, api } = await secureApi()
  expect(api.httpUrl).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/)
  expect(await get(`${api.httpUrl}/healthz`, authority)).toMatchObject({ status: 200, hsts: true })
  await expect(get(`${api.httpUrl}/healthz`, makeAuthority(testFolder(), 'stranger'))).rejects.toMatchObject({
    code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  })
  await expect(fetch(api.httpUrl.replace('https', 'http'))).rejects.toThrow()
})

test('a renewed certificate is shown to those who come; who is connected, also by WebSocket, goes on', async () => {
  const { authority, api, database, logged } = await secureApi()
  const ann = await makePerson(database.db, 'Ann')
  const kept = new Agent({ keepAlive: true, maxSockets: 1 })
  onTestFinished(() => kept.destroy())
  const before = await get(`${api.httpUrl}/healthz`, authority, kept)
  const socket = new WebSocket(`${api.httpUrl.replace('https', 'wss')}/api/v1/live`, {
    ca: readFileSync(authority.ca),
    headers: { authorization: `Bearer ${ann.token}` },
  })
  await once(socket, 'open')
  authority.issue()
  await expect
    .poll(async () => (await get(`${api.httpUrl}/healthz`, authority)).shown, { timeout: 10_000 })
    .not.toBe(before.shown)
  expect(logged.map(({ msg }) => msg)).toContain('serving a new TLS certificate')
  expect((await get(`${api.httpUrl}/healthz`, authority, kept)).shown).toBe(before.shown)
  socket.send(JSON.stringify({ type: 'watch', devices: 'all' }))
  const [message] = await once(socket, 'message')
  expect(JSON.parse(message.toString()).type).toBe('snapshot')
  socket.close()
  await once(socket, 'close')
})

test('a broken new file keeps the old certificate in use and is named', async () => {
  const { authority, api, logged } = await secureApi()
  writeFileSync(authority.certPath, 'hello')
  await expect
    .poll(() => JSON.stringify(logged), { timeout: 10_000 })
    .toContain('server.pem holds no certificate in PEM')
  expect((await get(`${api.httpUrl}/healthz`, authority)).status).toBe(200)
})

test('the end of the certificate is among the metrics', async () => {
  const { authority, api } = await secureApi()
  const { text } = await get(`${api.httpUrl}/metrics`, authority)
  const at = Number(/^ridethrough_tls_certificate_expiry_seconds (\S+)$/m.exec(text)?.[1])
  expect(Math.round((at - Date.now() / 1000) / 86_400)).toBe(20)
})

test('a certificate without its key is a mistake that is named', () => {
  const base = { DATABASE_URL: 'postgres://x', SECRET_KEY: 'x'.repeat(32) }
  expect(() => readConfig({ ...base, TLS_KEY: '/k' })).toThrow('TLS_CERT and TLS_KEY go together')
  expect(() => readConfig({ ...base, MQTT_URL: 'http://x' })).toThrow('MQTT_URL')
  expect(readConfig({ ...base, TLS_CERT: '/c', TLS_KEY: '/k', MQTT_URL: 'mqtt://127.0.0.1:1883' })).toMatchObject({
    tls: { certPath: '/c', keyPath: '/k' },
    mqttUrl: 'mqtt://127.0.0.1:1883',
  })
})
