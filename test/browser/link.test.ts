// A link as whoever got it sees it, on the real parts: no account, a PIN, live values, ended while it is open.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { LinkChangeAnswer, LinkView, type NewLink } from '@ridethrough/protocol/http/link.ts'
import AxeBuilder from 'axe-core'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { buildConsole, WEB_DIST } from '../../bin/console.ts'
import { openBrowser, visit } from '../support/browser.ts'
import { type Caller, signUp } from '../support/caller.ts'
import { type Cloud, type Site, startCloud, startSite } from '../support/stack.ts'

let cloud: Cloud
let site: Site
let browser: Browser
let owner: Caller
let ids: ReadonlyMap<string, string>
let rack: string
let other: string
const stops: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  await buildConsole(() => {})
  cloud = await startCloud({ WEB_DIST })
  stops.push(() => cloud.stop())
  site = await startSite(cloud.mqtt, cloud.database.db)
  stops.push(() => site.stop())
  browser = await openBrowser()
  stops.push(() => browser.close())
  owner = await signUp(cloud.http, 'olivia@example.org')
  ids = await site.claimAll(owner)
  const [first, second] = site.simulator.units.map((unit) => unit.name)
  if (!first || !second) throw new Error('two units are needed')
  ;[rack, other] = [first, second]
}, 120_000)

afterAll(async () => {
  for (const stop of stops.reverse()) await stop()
})

// Pages that nobody looks at any more take time from the others.
afterEach(async () => {
  for (const context of browser.contexts()) await context.close()
})

/** Between the browser and the server, to be cut. */
async function layCable(to: number) {
  const open = new Set<Socket>()
  const server = createServer((near) => {
    const far = connect(to, '127.0.0.1')
    for (const socket of [near, far]) {
      open.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        near.destroy()
        far.destroy()
        open.delete(socket)
      })
    }
    near.pipe(far).pipe(near)
  })
  const listen = async (port: number): Promise<void> => {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
  }
  await listen(0)
  const { port } = server.address() as AddressInfo
  const cut = () => {
    server.close()
    for (const socket of open) socket.destroy()
  }
  return { port, cut, mend: () => listen(port), stop: async () => cut() }
}

/** Somebody who got a link, in a browser of their own. */
async function come(options: { phone?: boolean; dark?: boolean } = {}): Promise<Page> {
  const { page } = await visit(browser, options)
  page.setDefaultTimeout(50_000)
  return page
}

async function makeLink(names: readonly string[], more: Partial<NewLink> = {}): Promise<LinkView> {
  const deviceIds = names.map((name) => ids.get(name) ?? '')
  const body = { name: 'For the plumber', deviceIds, ...more }
  return (await owner.call('POST', '/share-links', LinkChangeAnswer, body)).link
}

/** Violations of the page as it stands, named by rule and place; and it fits the screen. */
async function violations(page: Page): Promise<string[]> {
  await page.evaluate(AxeBuilder.source)
  const results = await page.evaluate('axe.run()')
  const found = (results as AxeBuilder.AxeResults).violations
  const isTooWide = await page.evaluate('document.documentElement.scrollWidth > window.innerWidth')
  return [
    ...found.flatMap((rule) => rule.nodes.map((node) => `${rule.id}: ${node.target.join(' ')}`)),
    ...(isTooWide ? ['wider than the screen'] : []),
  ]
}

/** For whoever wants to look: `PICTURES=/some/folder`. */
async function picture(page: Page, name: string): Promise<void> {
  const folder = process.env.PICTURES
  if (folder) await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true, timeout: 60_000 })
}

test('a link with a PIN opens without an account, shows each change, and is gone at once when it ends [R22 R71]', async () => {
  const view = await makeLink([rack], { pin: '4711', privileges: ['monitor', 'history'] })
  const page = await come({ phone: true })
  await page.setViewportSize({ width: 360, height: 740 })
  await page.goto(view.url)
  await page.getByRole('heading', { name: 'Enter the PIN' }).waitFor()
  expect(await violations(page)).toEqual([])
  await picture(page, 'link-pin')
  await page.getByRole('textbox', { name: 'PIN' }).fill('1234')
  await page.getByRole('button', { name: 'Open' }).click()
  await page.getByText('The PIN is wrong').waitFor()
  await page.getByRole('textbox', { name: 'PIN' }).fill('4711')
  await page.getByRole('button', { name: 'Open' }).click()
  await page.getByRole('heading', { name: rack, level: 1 }).waitFor()
  await page.getByText('On line').first().waitFor()
  await page.getByRole('region', { name: 'Chart' }).getByRole('figure').or(page.getByRole('img')).first().waitFor()
  expect(await violations(page)).toEqual([])
  // Which one it is, of all that were ever made, is nobody's business.
  expect(await page.getByText('Serial number').count()).toBe(0)
  await picture(page, 'link-open')

  // A plug is pulled: it is seen without a reload.
  await site.simulator.control.set(rack, { mains: false })
  await page.getByText('On battery').first().waitFor()
  expect(await violations(page)).toEqual([])
  await picture(page, 'link-battery')

  // The same browser comes back without the PIN, and no further use is counted.
  await page.reload()
  await page.getByText('On battery').first().waitFor()
  expect((await owner.call('GET', `/share-links/${view.id}`, LinkView)).uses).toBe(1)

  await owner.call('PATCH', `/share-links/${view.id}`, LinkChangeAnswer, { suspended: true })
  await page.getByRole('heading', { name: 'This link is stopped for the time being' }).waitFor()
  expect(await page.getByText('On battery').count()).toBe(0)
  expect(await violations(page)).toEqual([])
  await picture(page, 'link-suspended')
  await owner.call('PATCH', `/share-links/${view.id}`, LinkChangeAnswer, { suspended: false })
  await page.getByText('On battery').first().waitFor()

  await owner.call('DELETE', `/share-links/${view.id}`, LinkChangeAnswer)
  await page.getByRole('heading', { name: 'This link has ended' }).waitFor()
  expect(await page.getByText(rack).count()).toBe(0)
  expect(await violations(page)).toEqual([])
  await picture(page, 'link-ended')
  await site.simulator.control.set(rack, { mains: true })
}, 240_000)

test('a link to single variables of several devices shows nothing else of them [R22]', async () => {
  const view = await makeLink([rack, other], { variables: ['battery.charge', 'input.voltage'] })
  const page = await come({ dark: true })
  const frames: string[] = []
  page.on('websocket', (socket) => socket.on('framereceived', ({ payload }) => frames.push(String(payload))))
  await page.goto(view.url)
  await page.getByRole('heading', { name: 'Shared with you', level: 1 }).waitFor()
  await page.getByRole('heading', { name: rack }).waitFor()
  await page.getByRole('heading', { name: other }).waitFor()
  await page.getByText(`All readings of ${rack}`).click()
  expect(await violations(page)).toEqual([])
  await picture(page, 'link-several')
  expect(await page.getByText('On line').count()).toBe(0)
  expect(await page.getByText('For the plumber').count()).toBe(0)
  const names = new Set(frames.join('').match(/"[a-z]+(\.[A-Za-z0-9-]+)+":/g))
  expect([...names].toSorted()).toEqual(['"battery.charge":', '"input.voltage":'])
}, 180_000)

test('not there, used up, not yet and outside its hours each say what is the matter, and when it goes on [R22 R74]', async () => {
  const page = await come({ phone: true, dark: true })
  const says = async (url: string, heading: string) => {
    // Only what stands behind the # may differ: then nothing is loaded, and the page has to notice.
    await page.goto(url)
    await page.getByRole('heading', { name: heading }).waitFor()
    expect(await violations(page)).toEqual([])
  }
  await says(`${cloud.http}/link#rt_nothing`, 'There is no such link')
  await says(`${cloud.http}/link`, 'There is no such link')
  const usedUp = await makeLink([rack], { maxUses: 1 })
  const elsewhere = await come()
  await elsewhere.goto(usedUp.url)
  await elsewhere.getByRole('heading', { name: rack, level: 1 }).waitFor()
  await says(usedUp.url, 'This link is used up')

  const later = new Date(Date.now() + 3 * 3_600_000)
  later.setSeconds(0, 0)
  await says((await makeLink([rack], { from: later.toISOString() })).url, 'This link does not open yet')
  const said = later.toLocaleTimeString('en-GB', { timeZone: 'Europe/Kyiv', hour: '2-digit', minute: '2-digit' })
  await page.getByText(new RegExp(`Opens: .*${said}`)).waitFor()
  await picture(page, 'link-not-yet')

  const inTwoDays = ((new Date().getUTCDay() + 1) % 7) + 1
  const windows = [{ days: [inTwoDays], from: '08:00', until: '17:00' }] as NewLink['windows']
  await says((await makeLink([rack], { windows })).url, 'Not at this hour')
  await page.getByText(/Goes on: \d+ \w+(,| )/).waitFor()

  // It opens by itself, in the page that waited.
  const soon = new Date(Date.now() + 3000).toISOString()
  await page.goto((await makeLink([rack], { from: soon })).url)
  await page.getByRole('heading', { name: rack, level: 1 }).waitFor()
}, 180_000)

test('a lost connection is said, with since when, and the page goes on by itself [R22]', async () => {
  const page = await come()
  const cable = await layCable(Number(new URL(cloud.http).port))
  stops.push(cable.stop)
  const { url } = await makeLink([rack])
  await page.goto(url.replace(cloud.http, `http://127.0.0.1:${cable.port}`))
  await page
    .getByRole('status')
    .filter({ hasText: /^Live$/ })
    .waitFor()
  cable.cut()
  await page
    .getByRole('status')
    .filter({ hasText: /^Not live since / })
    .waitFor()
  await cable.mend()
  await page
    .getByRole('status')
    .filter({ hasText: /^Live$/ })
    .waitFor()
}, 180_000)
