// Opening links: PINs, periods, hours, uses, and what an open link reaches.
import { makeAgent, makeDevice, makePerson, type Person, type TestAgent } from '@ridethrough/test/support/world.ts'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { report } from '../support/device.ts'
import { type Client, clientOf, type Harness, startHarness } from '../support/harness.ts'
import { makeLink, openLink, tryLink } from '../support/link.ts'
import { eventsOf } from '../support/person.ts'

type Series = { readonly points: readonly [string, number][] }

let harness: Harness
let agent: TestAgent
let ann: Person
let asAnn: Client
let rack: string
/** Each test comes from a network of its own. */
let from = { 'x-forwarded-for': '' }
let networks = 0

beforeAll(async () => {
  harness = await startHarness({ trustProxy: ['127.0.0.1'] })
})
afterAll(() => harness.stop())

beforeEach(async () => {
  const { db } = harness.database
  networks += 1
  from = { 'x-forwarded-for': `10.0.${networks}.1` }
  agent = await makeAgent(db)
  ann = await makePerson(db, 'Ann')
  asAnn = clientOf(harness.api, ann.token)
  rack = await makeDevice(db, ann, agent, 'Rack')
})

const inHours = (hours: number) => new Date(Date.now() + hours * 3_600_000).toISOString()
const tryIt = (token: string, pin?: string, held?: string) => tryLink(harness.api, token, pin, held, from)
const openIt = (token: string, pin?: string) => openLink(harness.api, token, pin, from)
const codeOf = async (token: string, pin?: string) => (await tryIt(token, pin)).body.code
const usesOf = async (id: string) => (await asAnn('GET', `/share-links/${id}`)).body.uses

test('a link opens without an account, for twelve hours at most, and counts as one use [R22]', async () => {
  const { token, view } = await makeLink(asAnn, [rack], { until: inHours(100) })
  const { status, body } = await tryIt(token)
  expect(status).toBe(200)
  expect(Date.parse(body.expiresAt) - Date.now()).toBeLessThanOrEqual(12 * 3_600_000)
  const page = (await clientOf(harness.api, body.token)('GET', '/link')).body
  expect(page).toMatchObject({
    standing: 'open',
    opensAt: null,
    until: view.until,
    devices: [{ id: rack, name: 'Rack' }],
  })
  expect(await usesOf(view.id)).toBe(1)
  const short = await makeLink(asAnn, [rack], { until: inHours(1) })
  expect((await tryIt(short.token)).body.expiresAt).toBe(short.view.until)
})

test('nothing is told of a link that there is not, whatever is sent with it [R22 R74]', async () => {
  const none = `rt_${'A'.repeat(43)}`
  for (const token of [none, 'x', '', 'rt_']) {
    const answer = await tryIt(token)
    expect([token, answer.status]).toEqual([token, token === '' ? 422 : 404])
  }
  expect(await codeOf(none, '4711')).toBe('not-found')
  // A session of an account is no link, nor is the session of a link.
  const { token } = await makeLink(asAnn, [rack])
  expect(await codeOf(ann.token)).toBe('not-found')
  expect(await codeOf(await openIt(token))).toBe('not-found')
})

test('the PIN is asked for, a wrong one is refused, and tries run out for the link [R22 R74]', async () => {
  const { token, view } = await makeLink(asAnn, [rack], { pin: '4711' })
  expect(await codeOf(token)).toBe('pin-needed')
  for (let tries = 0; tries < 10; tries += 1) expect(await codeOf(token, '1234')).toBe('pin-wrong')
  const late = await tryIt(token, '4711')
  expect([late.status, late.body.code]).toEqual([429, 'too-many-tries'])
  expect(Number(late.headers.get('retry-after'))).toBeGreaterThan(0)
  const { db } = harness.database
  await db.updateTable('throttle').set({ blocked_until: null }).execute()
  await openIt(token, '4711')
  // What others tried stays counted: one right PIN gives nobody ten new guesses.
  await db.updateTable('throttle').set({ blocked_until: null }).execute()
  expect(await codeOf(token, '1234')).toBe('pin-wrong')
  expect(await codeOf(token, '4711')).toBe('too-many-tries')
  const { body } = await asAnn('GET', '/events?kind=link.opened&outcome=refused')
  expect(body.items.map((event: { subject: { code: string } }) => event.subject.code)).toContain('pin-wrong')
  expect(body.items[0].subject.link).toEqual({ id: view.id, name: view.name })
})

test('many guesses at once are counted before they are looked at [R22 R74]', async () => {
  const { token } = await makeLink(asAnn, [rack], { pin: '4711' })
  const codes = await Promise.all(Array.from({ length: 25 }, () => codeOf(token, '1234')))
  expect(codes.filter((code) => code === 'pin-wrong').length).toBeLessThanOrEqual(11)
})

test('guessing at links that there are not is slowed down by the network [R74]', async () => {
  const guess = (n: number) => `rt_${String(n).padStart(43, '0')}`
  for (let n = 0; n < 50; n += 1) expect(await codeOf(guess(n))).toBe('not-found')
  expect(await codeOf(guess(50))).toBe('too-many-tries')
  const events = await eventsOf(harness, null)
  expect(events.filter(({ kind, outcome }) => kind === 'link.opened' && outcome === 'refused').length).toBeGreaterThan(
    0,
  )
})

test('not yet, outside its hours, stopped, used up and ended are told apart, but only to whoever knows the PIN [R22 R74]', async () => {
  const { db } = harness.database
  const pin = '4711'
  const inTwoDays = ((new Date().getUTCDay() + 1) % 7) + 1
  const away = { days: [inTwoDays], from: '08:00', until: '17:00' } as never
  const cases = [
    ['link-not-yet', await makeLink(asAnn, [rack], { pin, from: inHours(1) })],
    ['link-outside-hours', await makeLink(asAnn, [rack], { pin, windows: [away] })],
    ['link-suspended', await makeLink(asAnn, [rack], { pin })],
    ['link-used-up', await makeLink(asAnn, [rack], { pin, maxUses: 1 })],
    ['link-ended', await makeLink(asAnn, [rack], { pin })],
    ['link-ended', await makeLink(asAnn, [rack], { pin, until: inHours(1) })],
  ] as const
  const [, , suspended, usedUp, ended, expired] = cases
  await asAnn('PATCH', `/share-links/${suspended[1].view.id}`, { suspended: true })
  await openIt(usedUp[1].token, pin)
  await asAnn('DELETE', `/share-links/${ended[1].view.id}`)
  await db
    .updateTable('link')
    .set({ ends_at: new Date(Date.now() - 1) })
    .where('id', '=', expired[1].view.id)
    .execute()
  for (const [code, { token }] of cases) {
    expect(await codeOf(token)).toBe('pin-needed')
    expect(await codeOf(token, '9999')).toBe('pin-wrong')
    expect(await codeOf(token, pin)).toBe(code)
  }
  const later = await tryIt(cases[0][1].token, pin)
  expect(Math.abs(Number(later.headers.get('retry-after')) - 3600)).toBeLessThan(60)
  const outside = Number((await tryIt(cases[1][1].token, pin)).headers.get('retry-after'))
  const opensAt = new Date(Date.now() + outside * 1000)
  expect([opensAt.getUTCHours(), opensAt.getUTCDay() || 7]).toEqual([8, inTwoDays])
})

test('of two at once for the last use exactly one wins [R22]', async () => {
  for (let round = 0; round < 5; round += 1) {
    const { token, view } = await makeLink(asAnn, [rack], { maxUses: 3 })
    const answers = await Promise.all(Array.from({ length: 8 }, () => tryIt(token)))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(3)
    expect(answers.filter(({ body }) => body.code === 'link-used-up')).toHaveLength(5)
    expect((await asAnn('GET', `/share-links/${view.id}`)).body).toMatchObject({ uses: 3, state: 'used-up' })
  }
})

test('a browser goes on with what it opened, without a further use and without the PIN, until that ends [R22]', async () => {
  const { token, view } = await makeLink(asAnn, [rack], { maxUses: 1, pin: '4711' })
  const held = await openIt(token, '4711')
  const again = await tryIt(token, undefined, held)
  expect([again.status, again.body.token]).toEqual([200, held])
  expect(await usesOf(view.id)).toBe(1)
  // What it holds of another link is no key to this one.
  const other = await makeLink(asAnn, [rack])
  const held2 = await openIt(other.token)
  expect((await tryIt(token, undefined, held2)).body.code).toBe('pin-needed')
  await harness.database.db
    .updateTable('link_session')
    .set({ expires_at: new Date(Date.now() - 1) })
    .where('link_id', '=', view.id)
    .execute()
  expect((await tryIt(token, '4711', held)).body.code).toBe('link-used-up')
  const asHolder = clientOf(harness.api, held2)
  expect((await asHolder('GET', '/link')).status).toBe(200)
})

test('whoever had it open is told that it has ended, without the PIN again; anybody else is asked for it [R22]', async () => {
  const { token, view } = await makeLink(asAnn, [rack], { pin: '4711' })
  const held = await openIt(token, '4711')
  await asAnn('DELETE', `/share-links/${view.id}`)
  expect((await tryIt(token, undefined, held)).body.code).toBe('link-ended')
  expect((await tryIt(token)).body.code).toBe('pin-needed')
  expect((await tryIt(token, undefined, ann.token)).body.code).toBe('pin-needed')
})

test('a new PIN closes the link for all who have it open [R22 R71]', async () => {
  const { token, view } = await makeLink(asAnn, [rack], { pin: '4711' })
  const held = await openIt(token, '4711')
  await asAnn('PATCH', `/share-links/${view.id}`, { name: 'Other' })
  expect((await clientOf(harness.api, held)('GET', '/link')).status).toBe(200)
  await asAnn('PATCH', `/share-links/${view.id}`, { pin: '0815' })
  expect((await clientOf(harness.api, held)('GET', '/link')).body.code).toBe('link-ended')
  expect((await tryIt(token, undefined, held)).body.code).toBe('pin-needed')
  expect(await codeOf(token, '4711')).toBe('pin-wrong')
  await openIt(token, '0815')
  await asAnn('PATCH', `/share-links/${view.id}`, { pin: null })
  await openIt(token)
})

test('while it is stopped an open link shows nothing, and says so; it goes on as it was [R22 R71]', async () => {
  const { token, view } = await makeLink(asAnn, [rack])
  const asHolder = clientOf(harness.api, await openIt(token))
  await asAnn('PATCH', `/share-links/${view.id}`, { suspended: true })
  expect((await asHolder('GET', '/link')).body).toMatchObject({ standing: 'suspended', opensAt: null, devices: [] })
  await asAnn('PATCH', `/share-links/${view.id}`, { suspended: false })
  expect((await asHolder('GET', '/link')).body).toMatchObject({ standing: 'open', devices: [{ id: rack }] })
  const windows = [{ days: [((new Date().getUTCDay() + 1) % 7) + 1], from: '08:00', until: '17:00' }]
  await asAnn('PATCH', `/share-links/${view.id}`, { windows })
  const { body } = await asHolder('GET', '/link')
  expect(body).toMatchObject({ standing: 'outside-hours', windows, devices: [] })
  expect(new Date(body.opensAt).getUTCHours()).toBe(8)
})

test('the past is shown only where the link gives it, and only its variables, inside its period and hours [R22 R70]', async () => {
  const { db } = harness.database
  const at = (minutes: number) => new Date(Date.now() - minutes * 60_000)
  await report(db, rack, 1, { 'battery.charge': 40, 'ups.load': 1 }, { at: at(50) })
  await report(db, rack, 2, { 'battery.charge': 60, 'ups.load': 2 }, { at: at(20) })
  await report(db, rack, 3, { 'battery.charge': 80 })
  const plain = await makeLink(asAnn, [rack])
  const ask = async (token: string, variables: string, deviceId = rack) =>
    clientOf(harness.api, await openIt(token))('GET', `/link/history?deviceId=${deviceId}&variables=${variables}`)
  expect((await ask(plain.token, 'battery.charge')).body.code).toBe('right-missing')
  const narrow = await makeLink(asAnn, [rack], {
    privileges: ['monitor', 'history'],
    variables: ['battery.charge'],
    from: at(30).toISOString(),
  })
  const { body } = await ask(narrow.token, 'battery.charge')
  expect(body.series.flatMap((one: Series) => one.points.map((point) => point[1]))).toEqual([60, null, 80])
  expect((await ask(narrow.token, 'battery.charge,ups.load')).body.code).toBe('right-missing')
  const foreign = await makeDevice(db, ann, agent, 'Safe')
  expect((await ask(narrow.token, 'battery.charge', foreign)).body.code).toBe('not-found')
  // Hours that began 30 minutes ago and end in an hour; over midnight, where that lies between.
  const clock = (minutesAgo: number) => at(minutesAgo).toISOString().slice(11, 16)
  const windows = [{ days: [1, 2, 3, 4, 5, 6, 7], from: clock(30), until: clock(-60) }] as never
  const hours = await makeLink(asAnn, [rack], { privileges: ['monitor', 'history'], windows })
  const inside = (await ask(hours.token, 'battery.charge')).body.series[0].points
  expect(inside.map((point: [string, number]) => point[1])).not.toContain(40)
  expect(inside.at(-1)[1]).toBe(80)
})

test('what a link gives reaches nothing else: every other route refuses its bearer token [R22 R70 R74]', async () => {
  const { token } = await makeLink(asAnn, [rack], { privileges: ['monitor', 'history', 'reboot'] })
  const held = await openIt(token)
  const asHolder = clientOf(harness.api, held)
  const { body } = await clientOf(harness.api)('GET', '//api/openapi.json')
  const operations = Object.entries<Record<string, { security?: unknown[] }>>(body.paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([, { security }]) => security?.length !== 0)
      .map(([method]) => ({
        method: method.toUpperCase(),
        path: path.replace('/api/v1', '').replace(/\{\w+\}/g, rack),
      })),
  )
  expect(operations.length).toBeGreaterThan(40)
  const own = new Set(['/link', '/link/history', '/link/live'])
  for (const { method, path } of operations.filter((one) => !own.has(one.path))) {
    const answer = await asHolder(method, path, method === 'GET' || method === 'DELETE' ? undefined : {})
    // A plain request is no upgrade to a WebSocket.
    const expected = path.endsWith('/live') ? [401, 404] : [401]
    expect(expected, `${method} ${path} answered ${answer.status}`).toContain(answer.status)
  }
  // And it is no session cookie either.
  const asCookie = await clientOf(harness.api)('GET', '/devices', undefined, { cookie: `rt=${held}` })
  expect(asCookie.status).toBe(401)
  // The other way round, the session of an account opens nothing of a link.
  expect((await asAnn('GET', '/link')).body.code).toBe('link-ended')
  expect((await clientOf(harness.api)('GET', '/link')).status).toBe(401)
})
