// What a recipient does with a share, what an owner does with a link, and who has access, on the real parts.
import { ShareChangeAnswer } from '@ridethrough/protocol/http/share.ts'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { buildConsole, WEB_DIST } from '../../bin/console.ts'
import { openBrowser, visit } from '../support/browser.ts'
import { type Caller, findInMail, signUp } from '../support/caller.ts'
import { type Cloud, type Site, startCloud, startSite } from '../support/stack.ts'
import { fitsItsWidth, signIn, violations } from './people.ts'

let cloud: Cloud
let site: Site
let browser: Browser
let owner: Caller
let recipient: Caller
let ids: ReadonlyMap<string, string>
let names: readonly [string, string]
const stops: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  await buildConsole(() => {})
  cloud = await startCloud({ WEB_DIST })
  stops.push(() => cloud.stop())
  site = await startSite(cloud.mqtt, cloud.database.db)
  stops.push(() => site.stop())
  browser = await openBrowser()
  stops.push(() => browser.close())
  owner = await signUp(cloud.http, 'olga@example.org')
  recipient = await signUp(cloud.http, 'ralph@example.org')
  ids = await site.claimAll(owner)
  const [first, second] = [...ids.keys()]
  if (!first || !second) throw new Error('two units are needed')
  names = [first, second]
}, 120_000)

afterAll(async () => {
  for (const stop of stops.reverse()) await stop()
})

/** A share of both devices, accepted with the code of its mail. */
async function share(to: Caller): Promise<string> {
  const { share: made } = await owner.call('POST', '/shares', ShareChangeAnswer, {
    email: to.email,
    deviceIds: names.map((name) => ids.get(name)),
    role: 'operator',
    until: '2099-12-31T00:00:00Z',
  })
  const code = await findInMail(cloud.http, to.email, new RegExp(`${made.id}#code=(\\S+)`))
  await to.call('POST', `/shares/${made.id}/accept`, ShareChangeAnswer, { code })
  return made.id
}

async function said(page: Page, pattern: RegExp): Promise<void> {
  await page.getByRole('status', { name: 'Notice' }).getByText(pattern).waitFor()
}

test('a recipient takes a device out and back, makes a credential of the share and ends it, and leaves [R17 R24]', async () => {
  const [first, second] = names
  const id = await share(recipient)
  const { page } = await visit(browser, { phone: true, dark: true })
  await signIn(page, cloud.http, recipient.email)
  await page.goto(`${cloud.http}/sharing?tab=received`)
  await page.getByRole('link', { name: 'Open the share of olga' }).click()
  const view = page.getByRole('group', { name: 'Devices' })
  await view.getByRole('checkbox', { name: second }).uncheck()
  expect(await violations(page)).toEqual([])
  await page.getByRole('button', { name: 'Save' }).click()
  await said(page, /Your view is changed\. 2 servers confirmed/)
  const Seen = z.object({ items: z.array(z.object({ name: z.string() })) })
  const seen = async () => (await recipient.call('GET', '/devices?scope=shared', Seen)).items.map(({ name }) => name)
  expect(await seen()).toEqual([first])
  await view.getByRole('checkbox', { name: second }).check()
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByText('Taken out by you').waitFor({ state: 'detached' })
  expect((await seen()).toSorted()).toEqual([...names].toSorted())

  await page.getByRole('button', { name: 'New credential' }).click()
  await page.getByLabel('Name').fill('Home server')
  await page.getByRole('button', { name: 'Make the credential' }).click()
  const dialog = page.getByRole('dialog')
  const token = await dialog.getByLabel('Token', { exact: true }).inputValue()
  const state = `${cloud.http}/api/v1/devices/${ids.get(first)}/state`
  const asked = async () => (await fetch(state, { headers: { authorization: `Bearer ${token}` } })).status
  expect(await asked()).toBe(200)
  expect(await violations(page)).toEqual([])
  expect(await fitsItsWidth(page)).toBe(true)
  await dialog.getByRole('button', { name: 'I have copied it' }).click()
  await page.getByRole('button', { name: 'End the credential Home server' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'End' }).click()
  await said(page, /Home server is ended\./)
  expect(await asked()).toBe(401)

  await page.getByRole('button', { name: 'Leave' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Leave' }).click()
  await said(page, /^Left\. 2 servers confirmed/)
  expect(await seen()).toEqual([])
  expect((await owner.call('GET', `/shares/${id}`, z.object({ state: z.string() }))).state).toBe('left')
}, 240_000)

test('a link to one reading is made, shown as QR code, opened by a stranger, and ended at once [R22 R71]', async () => {
  const [first] = names
  const { page } = await visit(browser)
  await signIn(page, cloud.http, owner.email)
  await page.goto(`${cloud.http}/sharing?tab=links`)
  await page.getByRole('link', { name: 'New link' }).first().click()
  await page.getByLabel('Name').fill('Visitors')
  await page.getByRole('checkbox', { name: first }).check()
  await page.getByRole('radio', { name: 'Only these readings' }).check()
  await page.getByRole('button', { name: 'Make the link' }).click()
  await page.getByText('Fill this in.').waitFor()
  await page.getByRole('checkbox', { name: 'Battery charge', exact: true }).check()
  await page.getByLabel('How often it may be opened').fill('3')
  expect(await violations(page)).toEqual([])
  await page.getByRole('button', { name: 'Make the link' }).click()
  await said(page, /The link Visitors is made/)
  await page.getByRole('img', { name: 'QR code that opens the link Visitors' }).waitFor()
  expect(await violations(page)).toEqual([])
  const url = await page.getByLabel('Address of the link').inputValue()

  const stranger = (await visit(browser, { phone: true })).page
  await stranger.goto(url)
  await stranger.getByText(first).first().waitFor()
  await page.goto(`${cloud.http}/sharing?tab=links`)
  await page.getByText('1 of 3 times').waitFor()
  await page.getByRole('button', { name: 'End now: the link Visitors' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'End now' }).click()
  await said(page, /The link Visitors is ended\. 2 servers confirmed/)
  await stranger.getByText(first).first().waitFor({ state: 'detached' })
}, 240_000)

test('the page of a device says who has access and why, now and at another moment [R73]', async () => {
  const [first] = names
  const known = await signUp(cloud.http, 'rosa@example.org')
  await share(known)
  const { page } = await visit(browser)
  await signIn(page, cloud.http, owner.email)
  await page.goto(`${cloud.http}/devices/${ids.get(first)}`)
  const people = page.getByRole('table', { name: 'People with access' })
  const row = people.getByRole('row').filter({ hasText: known.email })
  await row.getByText('Operate').waitFor()
  await row.getByRole('link', { name: 'share' }).waitFor()
  await people.getByRole('row').filter({ hasText: owner.email }).getByText('owner of the company').waitFor()
  await page.getByText('At a moment').click()
  await page.getByRole('textbox', { name: 'Day' }).fill('2100-01-01')
  await row.getByText('nothing', { exact: true }).waitFor()
  await row.getByText('over', { exact: true }).waitFor()
  expect(await violations(page)).toEqual([])
  await page.getByRole('textbox', { name: 'Day' }).fill('2020-01-01')
  await page.getByText('Nobody had access then.').waitFor()
}, 120_000)
