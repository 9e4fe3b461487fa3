// The console as owner and as recipient, on the real parts: sign up, claim, share, accept, watch, revoke.
import AxeBuilder from 'axe-core'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildConsole, WEB_DIST } from '../../bin/console.ts'
import { openBrowser, visit } from '../support/browser.ts'
import { findInMail } from '../support/caller.ts'
import { type Cloud, type Site, startCloud, startSite } from '../support/stack.ts'

const PASSWORD = 'correct horse battery'
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

async function signUp(page: Page, name: string, email: string): Promise<void> {
  await page.goto(`${cloud.http}/sign-up`)
  await page.getByLabel('Your name').fill(name)
  await page.getByLabel('E-mail address').fill(email)
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD)
  await page.getByRole('button', { name: 'Sign up' }).click()
  await page.getByRole('heading', { name: 'Enter the code' }).waitFor()
  await page
    .getByRole('textbox', { name: 'Code' })
    .fill(await findInMail(cloud.http, email, /^\s*([0-9A-Z]{4}-[0-9A-Z]{4})\s*$/m))
  await page.getByRole('button', { name: 'Confirm address' }).click()
  await page.getByRole('heading', { name: 'Overview' }).waitFor()
}

async function claim(page: Page, name: string): Promise<void> {
  await page.goto(`${cloud.http}/devices/claim`)
  await page.getByRole('textbox', { name: 'Claim code' }).fill(await site.claimCode(name))
  await page.getByRole('button', { name: 'Add device' }).click()
  await page.getByText(`${name} is yours now.`).waitFor()
}

/** Violations of the page as it stands, named by rule and place. */
async function violations(page: Page): Promise<string[]> {
  await page.evaluate(AxeBuilder.source)
  const results = await page.evaluate('axe.run()')
  const found = (results as AxeBuilder.AxeResults).violations
  return found.flatMap((rule) => rule.nodes.map((node) => `${rule.id}: ${node.target.join(' ')}`))
}

test('sign up, claim, share, accept, see a value change, revoke, and see it gone', async () => {
  const [shared, kept] = site.simulator.units.map((unit) => unit.name)
  if (!shared || !kept) throw new Error('two units are needed')
  const owner = (await visit(browser)).page
  await signUp(owner, 'Olivia', OWNER)
  await claim(owner, shared)
  await claim(owner, kept)

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
  await signUp(recipient, 'Rafael', RECIPIENT)
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
  expect(await recipient.evaluate('document.documentElement.scrollWidth <= window.innerWidth')).toBe(true)

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

test('a wrong password, a mistyped code and an invitation for somebody else each say what is wrong', async () => {
  const { page } = await visit(browser)
  await page.goto(`${cloud.http}/sign-in`)
  await page.getByLabel('E-mail address').fill(OWNER)
  await page.getByLabel('Password', { exact: true }).fill('wrong password')
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
  await page.getByRole('alert').waitFor()
  expect(await violations(page)).toEqual([])

  await signUp(page, 'Mallory', 'mallory@example.org')
  await page.goto(`${cloud.http}/devices/claim`)
  await page.getByRole('textbox', { name: 'Claim code' }).fill('ABCDE-ABCDE')
  await page.getByRole('button', { name: 'Add device' }).click()
  await page.getByText('No device shows this code').waitFor()
  const link = await findInMail(cloud.http, RECIPIENT, /(\/sharing\/invitations\/[0-9a-f-]+#code=\S+)/)
  await page.goto(`${cloud.http}${link}`)
  await page
    .getByRole('heading', { name: /This invitation is (for another address|not there)/ })
    .or(page.getByText(/This invitation is (for another address|not there|no longer open)/))
    .first()
    .waitFor()
}, 60_000)
