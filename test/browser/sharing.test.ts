// The console as owner and as recipient, on the real parts: sign up, claim, share, accept, watch, revoke.
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildConsole, WEB_DIST } from '../../bin/console.ts'
import { openBrowser, visit } from '../support/browser.ts'
import { findInMail } from '../support/caller.ts'
import { type Cloud, type Site, startCloud, startSite } from '../support/stack.ts'
import { claim, enterPassword, fitsItsWidth, signUp, violations } from './people.ts'

const OWNER = 'olivia@example.org'
const RECIPIENT = 'rafael@example.org'

let cloud: Cloud
let site: Site
let browser: Browser
const stops: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  await buildConsole(() => {})
  cloud = await startCloud({ WEB_DIST })
  stops.push(() => cloud.stop())
  site = await startSite(cloud.mqtt, cloud.database.db)
  stops.push(() => site.stop())
  browser = await openBrowser()
  stops.push(() => browser.close())
}, 120_000)

afterAll(async () => {
  for (const stop of stops.reverse()) await stop()
})

test('sign up, claim, share, accept, see a value change, revoke, and see it gone [R3 R10 R11 R13 R14 R71]', async () => {
  const [shared, kept] = site.simulator.units.map((unit) => unit.name)
  if (!shared || !kept) throw new Error('two units are needed')
  const owner = (await visit(browser)).page
  await signUp(owner, cloud.http, 'Olivia', OWNER)
  await claim(owner, cloud.http, await site.claimCode(shared), shared)
  await claim(owner, cloud.http, await site.claimCode(kept), kept)

  await owner.goto(`${cloud.http}/sharing/new`)
  await owner.getByRole('checkbox', { name: shared }).check()
  await owner.getByRole('checkbox', { name: kept }).check()
  await owner.getByLabel('E-mail address of the person').fill(RECIPIENT)
  await owner.getByRole('radio', { name: 'Operate' }).check()
  expect(await owner.getByRole('status', { name: 'In words' }).textContent()).toContain(
    `${RECIPIENT} may look at and operate ${shared}`,
  )
  expect(await violations(owner)).toEqual([])
  await owner.getByRole('button', { name: 'Share 2 devices' }).click()
  await owner.getByText(`The invitation was sent to ${RECIPIENT}.`).waitFor()

  const recipient = (await visit(browser, { phone: true, dark: true })).page
  await signUp(recipient, cloud.http, 'Rafael', RECIPIENT)
  const link = await findInMail(cloud.http, RECIPIENT, /(\/sharing\/invitations\/[0-9a-f-]+#code=\S+)/)
  await recipient.goto(`${cloud.http}${link}`)
  await recipient.getByText('wants to share with you').waitFor()
  expect(await violations(recipient)).toEqual([])
  await recipient.getByRole('button', { name: 'Accept' }).click()
  await recipient.getByText('Accepted. 2 devices are under "Shared with me" now.').waitFor()
  await recipient.goto(cloud.http)
  const list = recipient.getByRole('list', { name: 'Shared with me' })
  await list.getByRole('listitem').filter({ hasText: shared }).getByText('On line').waitFor()

  // A plug is pulled: it is seen without a reload.
  await site.simulator.control.set(shared, { mains: false })
  await list.getByRole('listitem').filter({ hasText: shared }).getByText('On battery').waitFor()
  expect(await violations(recipient)).toEqual([])
  expect(await fitsItsWidth(recipient)).toBe(true)

  await recipient.getByRole('link', { name: shared }).click()
  await recipient.getByRole('heading', { name: shared }).waitFor()
  await recipient.getByRole('figure').or(recipient.getByRole('img')).first().waitFor()

  await owner.goto(`${cloud.http}/sharing`)
  await owner.getByRole('button', { name: `Revoke the share with ${RECIPIENT}` }).click()
  await owner.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click()
  await owner.getByText(/Revoked\. 2 servers confirmed in [\d.]+ ms/).waitFor()

  // The open page follows by itself, and a new one has nothing either.
  await recipient.getByRole('heading', { name: 'This device is not here', level: 1 }).waitFor()
  await recipient.goto(cloud.http)
  await recipient.getByText('Nothing is shared with you').waitFor()
  await owner.goto(cloud.http)
  await owner
    .getByRole('list', { name: 'My devices' })
    .getByRole('listitem')
    .filter({ hasText: shared })
    .getByText('On battery')
    .waitFor()
}, 120_000)

/** The words of the notice that the page shows, once they fit. */
async function said(page: Page, pattern: RegExp): Promise<void> {
  await page.getByRole('status', { name: 'Notice' }).getByText(pattern).waitFor()
}

test('a share with an end and hours is accepted, changed, suspended, resumed and revoked [R10 R12 R13 R14 R15 R16 R23 R25]', async () => {
  const [, , first, second] = site.simulator.units.map((unit) => unit.name)
  if (!first || !second) throw new Error('four units are needed')
  const owner = (await visit(browser)).page
  const recipient = (await visit(browser, { phone: true })).page
  await signUp(recipient, cloud.http, 'Rita', 'rita@example.org')
  await signUp(owner, cloud.http, 'Oskar', 'oskar@example.org')
  await claim(owner, cloud.http, await site.claimCode(first), first)
  await claim(owner, cloud.http, await site.claimCode(second), second)

  await owner.goto(`${cloud.http}/sharing/new`)
  await owner.getByRole('checkbox', { name: first }).check()
  await owner.getByRole('checkbox', { name: second }).check()
  await owner.getByLabel('E-mail address of the person').fill('rita@example.org')
  const sentence = owner.getByRole('status', { name: 'In words' })
  await owner.getByLabel('Only for a time').check()
  await owner.getByLabel('End date').fill('2099-12-31')
  await owner.getByLabel('End time').fill('18:00')
  await owner.getByLabel('Only at certain hours of the week').check()
  await owner.getByRole('button', { name: 'Share 2 devices' }).click()
  await owner.getByText('Mark at least one hour, or turn the hours off.').waitFor()
  // By the keyboard: Friday from 22:00 on, and Saturday's first two hours are the same night.
  await owner.getByRole('gridcell', { name: 'Monday 08:00 to 09:00' }).focus()
  for (const key of [
    'ArrowDown',
    'ArrowDown',
    'ArrowDown',
    'ArrowDown',
    'End',
    'ArrowLeft',
    'Shift+ArrowRight',
    'Space',
  ])
    await owner.keyboard.press(key)
  for (const key of ['ArrowDown', 'Home', 'Shift+ArrowRight', 'Space']) await owner.keyboard.press(key)
  expect(await sentence.textContent()).toContain(
    'on Friday 22:00-02:00 the next day, from now until 31 Dec 2099, 18:00.',
  )
  // By the mouse: all of the week.
  await owner.getByRole('button', { name: 'Clear' }).click()
  await owner.getByRole('gridcell', { name: 'Monday 00:00 to 01:00' }).hover()
  await owner.mouse.down()
  await owner.getByRole('gridcell', { name: 'Sunday 23:00 to 24:00' }).hover()
  await owner.mouse.up()
  expect(await sentence.textContent()).toContain('on every day all day, from now until 31 Dec 2099, 18:00.')
  expect(await violations(owner)).toEqual([])
  await owner.getByRole('button', { name: 'Share 2 devices' }).click()
  await said(owner, /The invitation was sent to rita@example.org/)

  // The bell counts without a reload, and its notice leads to the invitation.
  await recipient.getByRole('link', { name: 'Notices, 1 unread' }).click()
  expect(await violations(recipient)).toEqual([])
  await recipient.getByRole('link', { name: `Oskar wants to share ${first} and ${second} with you.` }).click()
  const code = await findInMail(cloud.http, 'rita@example.org', /\/sharing\/invitations\/[0-9a-f-]+#code=(\S+)/)
  await recipient.getByLabel('Code from the mail').fill(code)
  await recipient.getByRole('button', { name: 'Accept' }).click()
  await said(recipient, /Accepted\. 2 devices/)
  const list = recipient.getByRole('list', { name: 'Shared with me' })
  await list.getByText(second).waitFor()
  await owner.getByRole('link', { name: 'Notices, 1 unread' }).waitFor()

  await owner.getByRole('link', { name: 'Change the share with rita@example.org' }).click()
  await owner.getByRole('checkbox', { name: second }).uncheck()
  await owner.getByRole('link', { name: 'Overview' }).click()
  await owner.getByRole('dialog').getByRole('button', { name: 'Stay here' }).click()
  // Nothing applied yet.
  await list.getByText(second).waitFor()
  await owner.getByRole('button', { name: 'Save' }).click()
  await said(owner, /is changed\. 2 servers confirmed in [\d.]+ ms/)
  await list.getByText(second).waitFor({ state: 'detached' })
  await list.getByText(first).waitFor()

  await owner.getByRole('checkbox', { name: second }).check()
  await owner.getByLabel('Only for a time').uncheck()
  await owner.getByLabel('Only at certain hours of the week').uncheck()
  expect(await sentence.textContent()).toContain('at any time, from now until you revoke it.')
  await owner.getByRole('button', { name: 'Save' }).click()
  await list.getByText(second).waitFor()
  expect(await violations(owner)).toEqual([])

  await owner.getByRole('button', { name: 'Suspend' }).click()
  await said(owner, /^Suspended: .* 2 servers confirmed/)
  await recipient.getByText('Nothing is shared with you').waitFor()
  await owner.getByRole('button', { name: 'Resume' }).click()
  await said(owner, /^Resumed: /)
  await list.getByText(second).waitFor()

  await owner.getByRole('button', { name: 'Revoke' }).click()
  await owner.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click()
  await said(owner, /Revoked\. 2 servers confirmed in [\d.]+ ms/)
  await recipient.getByText('Nothing is shared with you').waitFor()
  await owner.getByText('Past', { exact: true }).click()
  await owner.getByRole('list', { name: 'Ended shares' }).getByText('Revoked', { exact: true }).waitFor()
  await recipient.getByRole('link', { name: /^Notices, \d+ unread/ }).click()
  await recipient.getByText(`Oskar ended the share of ${first} and ${second}.`).waitFor()
  await recipient.getByRole('button', { name: 'Mark all as read' }).click()
  await recipient.getByRole('link', { name: 'Notices', exact: true }).waitFor()
}, 240_000)

test('an invitation for another address says so, and switches to the right account with its code kept [R12 R13]', async () => {
  const owner = (await visit(browser)).page
  await owner.goto(`${cloud.http}/sign-in`)
  await enterPassword(owner, OWNER)
  await owner.getByRole('heading', { name: 'Overview' }).waitFor()
  await owner.goto(`${cloud.http}/sharing/new`)
  await owner.getByRole('checkbox').first().check()
  await owner.getByLabel('E-mail address of the person').fill(RECIPIENT)
  await owner.getByRole('button', { name: 'Share 1 device' }).click()
  await said(owner, /The invitation was sent/)

  const { page } = await visit(browser)
  await signUp(page, cloud.http, 'Wanda', 'wanda@example.org')
  const link = await findInMail(cloud.http, RECIPIENT, /(\/sharing\/invitations\/[0-9a-f-]+#code=\S+)/)
  await page.goto(`${cloud.http}${link}`)
  await page.getByText('This invitation is for another address').waitFor()
  await page.getByText('You are signed in as wanda@example.org.').waitFor()
  expect(await violations(page)).toEqual([])
  await page.getByRole('button', { name: 'Sign in with another account' }).click()
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  await enterPassword(page, RECIPIENT)
  await page.getByText('wants to share with you').waitFor()
  await page.getByRole('button', { name: 'Accept' }).click()
  await said(page, /Accepted\. 1 device /)
}, 60_000)

test('a wrong password and a mistyped code each say what is wrong', async () => {
  const { page } = await visit(browser)
  await page.goto(`${cloud.http}/sign-in`)
  await page.getByLabel('E-mail address').fill(OWNER)
  await page.getByLabel('Password', { exact: true }).fill('wrong password')
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
  await page.getByRole('alert').waitFor()
  expect(await violations(page)).toEqual([])

  await signUp(page, cloud.http, 'Mallory', 'mallory@example.org')
  await page.goto(`${cloud.http}/devices/claim`)
  await page.getByRole('textbox', { name: 'Claim code' }).fill('ABCDE-ABCDE')
  await page.getByRole('button', { name: 'Add device' }).click()
  await page.getByText('No device shows this code').waitFor()
}, 60_000)
