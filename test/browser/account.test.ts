// One's own account and one's company in the console, on the real parts: factors, passkeys, resets, a team and its end.
import { createServer } from 'node:net'
import { readConfig } from '@ridethrough/api/config.ts'
import { startApi } from '@ridethrough/api/main.ts'
import AxeBuilder from 'axe-core'
import { generate } from 'otplib'
import { pino } from 'pino'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildConsole, WEB_DIST } from '../../bin/console.ts'
import { openBrowser, visit } from '../support/browser.ts'
import { findInMail } from '../support/caller.ts'
import { testDatabase } from '../support/database.ts'
import { type Cloud, startCloud } from '../support/stack.ts'

const PASSWORD = 'seven quiet lanterns'
const NEW_PASSWORD = 'nine patient herons'
const CODE = /^\s*([0-9A-Z]{4}-[0-9A-Z]{4})\s*$/m

let cloud: Cloud
let browser: Browser
/** WebAuthn knows no addresses, only names: the console is opened as localhost. */
let http: string
const stops: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  await buildConsole(() => {})
  const port = await freePort()
  http = `http://localhost:${port}`
  cloud = await startCloud({ WEB_DIST, HTTP_PORT: String(port), PUBLIC_URL: http })
  stops.push(() => cloud.stop())
  browser = await openBrowser()
  stops.push(() => browser.close())
}, 120_000)

afterAll(async () => {
  for (const stop of stops.reverse()) await stop()
})

/** The address of the console must be known before the API is started with it. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

async function signUp(page: Page, name: string, email: string): Promise<void> {
  await page.goto(`${http}/sign-up`)
  await page.getByLabel('Your name').fill(name)
  await page.getByLabel('E-mail address').fill(email)
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD)
  await page.getByRole('button', { name: 'Sign up' }).click()
  await page.getByRole('heading', { name: 'Enter the code' }).waitFor()
  await page.getByRole('textbox', { name: 'Code' }).fill(await findInMail(http, email, CODE))
  await page.getByRole('button', { name: 'Confirm address' }).click()
  await page.getByRole('heading', { name: 'Overview' }).waitFor()
}

async function enterPassword(page: Page, email: string, password: string): Promise<void> {
  await page.getByLabel('E-mail address').fill(email)
  await page.getByLabel('Password', { exact: true }).fill(password)
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
}

async function signOut(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
}

/** Of a row of choices: its radio button is there for readers and keys, what is seen and pressed is its label. */
async function choose(page: Page, text: string | RegExp): Promise<void> {
  await page.getByRole('radiogroup').locator('label').filter({ hasText: text }).click()
}

/** What the app would show for this step of 30 seconds. */
function codeOf(secret: string, step: number): Promise<string> {
  return generate({ secret, epoch: step * 30 })
}

const stepNow = () => Math.floor(Date.now() / 30_000)

/** Violations of the page as it stands, named by rule and place. */
async function violations(page: Page): Promise<string[]> {
  await page.evaluate(AxeBuilder.source)
  const results = (await page.evaluate('axe.run()')) as AxeBuilder.AxeResults
  return results.violations.flatMap((rule) => rule.nodes.map((node) => `${rule.id}: ${node.target.join(' ')}`))
}

/** A security key that always agrees, as Chromium emulates it. */
async function plugInKey(page: Page): Promise<void> {
  const devtools = await page.context().newCDPSession(page)
  await devtools.send('WebAuthn.enable')
  await devtools.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  })
}

test('sign up, turn on an app, sign in with it once per code, add a passkey, sign in by it, reset the password [ASVS 6.5.1 7.4.4]', async () => {
  const email = 'olivia@example.org'
  const { page } = await visit(browser)
  await plugInKey(page)
  await signUp(page, 'Olivia', email)

  await page.goto(`${http}/account?tab=security`)
  const app = page.getByRole('region', { name: 'Authenticator app' })
  await app.getByRole('button', { name: 'Turn on' }).click()
  const secret = ((await app.getByRole('code').textContent()) ?? '').replaceAll(' ', '')
  await app.getByRole('img', { name: 'QR code of the key' }).waitFor()
  expect(await violations(page)).toEqual([])
  const first = stepNow()
  await app.getByLabel('Code from the app').fill(await codeOf(secret, first))
  await app.getByRole('button', { name: 'Turn on' }).click()
  const codes = page.getByRole('list', { name: 'Recovery codes' })
  await codes.waitFor()
  const [recovery, other] = await codes.getByRole('listitem').allTextContents()
  if (!recovery || !other) throw new Error('two recovery codes are needed')
  expect(await violations(page)).toEqual([])
  await page.getByRole('button', { name: 'I have kept them' }).click()
  await app.getByText('On since').waitFor()

  // A later code than the first, within the one step of tolerance.
  await signOut(page)
  await enterPassword(page, email, PASSWORD)
  await page.getByRole('heading', { name: 'One more step' }).waitFor()
  expect(await violations(page)).toEqual([])
  const used = await codeOf(secret, Math.max(stepNow(), first + 1))
  await page.getByLabel('Code from your authenticator app').fill(used)
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
  await page.getByRole('heading', { name: 'Overview' }).waitFor()

  await signOut(page)
  await enterPassword(page, email, PASSWORD)
  await page.getByLabel('Code from your authenticator app').fill(used)
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
  await page.getByRole('alert').waitFor()
  await choose(page, 'Recovery code')
  await page.getByRole('textbox', { name: 'Recovery code' }).fill(recovery)
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
  await page.getByRole('heading', { name: 'Overview' }).waitFor()

  await page.goto(`${http}/account?tab=security`)
  await page.getByLabel('Name of the new passkey').fill('Blue key')
  await page.getByRole('button', { name: 'Add a passkey' }).click()
  await page.getByRole('list', { name: 'Passkeys' }).getByText('Blue key').waitFor()
  expect(await violations(page)).toEqual([])

  await signOut(page)
  await page.getByRole('button', { name: 'Sign in with a passkey' }).click()
  await page.getByRole('heading', { name: 'Overview' }).waitFor()
  await page.goto(`${http}/account?tab=sessions`)
  await page.getByText('This session').waitFor()
  expect(await violations(page)).toEqual([])

  // The forgotten password: the page that stays open elsewhere is led to the sign-in and says why.
  const elsewhere = (await visit(browser, { phone: true, dark: true })).page
  await elsewhere.goto(`${http}/sign-in`)
  await elsewhere.getByRole('link', { name: 'Forgot password?' }).click()
  await elsewhere.getByLabel('E-mail address').fill(email)
  expect(await violations(elsewhere)).toEqual([])
  await elsewhere.getByRole('button', { name: 'Send the code' }).click()
  await elsewhere.getByRole('heading', { name: 'Set a new password' }).waitFor()
  await elsewhere
    .getByLabel('Code from the mail')
    .fill(decodeURIComponent(await findInMail(http, email, /\/reset-password#\S*code=([^&\s]+)/)))
  await elsewhere.getByLabel('New password').fill(NEW_PASSWORD)
  expect(await violations(elsewhere)).toEqual([])
  await elsewhere.getByRole('button', { name: 'Set the password' }).click()
  await elsewhere.getByText('The new password is set. All sessions').waitFor()
  await page.getByText('You were signed out: the session was ended elsewhere').waitFor()
  expect(await page.getByRole('alert').count()).toBe(0)

  // The reset does not go around the second factor.
  await enterPassword(elsewhere, email, NEW_PASSWORD)
  await elsewhere.getByRole('heading', { name: 'One more step' }).waitFor()
  await choose(elsewhere, 'Recovery code')
  await elsewhere.getByRole('textbox', { name: 'Recovery code' }).fill(other)
  await elsewhere.getByRole('button', { name: 'Sign in', exact: true }).click()
  await elsewhere.getByRole('heading', { name: 'Overview' }).waitFor()
  await page.context().close()
  await elsewhere.context().close()
}, 120_000)

test('what asks for a recent sign-in asks who it is, and then goes on by itself [ASVS 7.5.1]', async () => {
  const email = 'stella@example.org'
  const { page } = await visit(browser)
  await signUp(page, 'Stella', email)
  await page.goto(`${http}/account?tab=security`)
  await page.getByRole('region', { name: 'Authenticator app' }).waitFor()
  // As if this person had signed in an hour ago.
  await cloud.database.db
    .updateTable('session')
    .set({ authenticated_at: new Date(Date.now() - 3_600_000) })
    .execute()
  await page.getByRole('button', { name: 'Turn on' }).click()
  const dialog = page.getByRole('dialog', { name: 'Is it still you?' })
  await dialog.getByLabel('Password', { exact: true }).fill('not the password')
  await dialog.getByRole('button', { name: 'Confirm' }).click()
  await dialog.getByRole('alert').waitFor()
  expect(await violations(page)).toEqual([])
  await dialog.getByLabel('Password', { exact: true }).fill(PASSWORD)
  await dialog.getByRole('button', { name: 'Confirm' }).click()
  await page.getByRole('img', { name: 'QR code of the key' }).waitFor()
  await page.context().close()
}, 60_000)

test('name and address are changed, other sessions ended, and the account deleted [ASVS 6.2.2 6.2.3 7.4.3 7.5.2]', async () => {
  const email = 'petra@example.org'
  const moved = 'petra.new@example.org'
  const { page } = await visit(browser)
  await signUp(page, 'Petra', email)
  const other = (await visit(browser)).page
  await other.goto(`${http}/sign-in`)
  await enterPassword(other, email, PASSWORD)
  await other.getByRole('heading', { name: 'Overview' }).waitFor()

  await page.goto(`${http}/account`)
  await page.getByRole('textbox', { name: 'Name', exact: true }).fill('Petra Berg')
  await page.getByRole('button', { name: 'Save the name' }).click()
  await page.getByText('Your name is Petra Berg now.').waitFor()
  await page.getByLabel('New e-mail address').fill(moved)
  await page.getByRole('button', { name: 'Send both codes' }).click()
  await page.getByText(`One code went to ${email}`).waitFor()
  await page.getByLabel(`Code sent to ${email}`).fill(await findInMail(http, email, CODE))
  await page.getByLabel(`Code sent to ${moved}`).fill(await findInMail(http, moved, CODE))
  await page.getByRole('button', { name: 'Change the address' }).click()
  await page.getByText(`Your address is ${moved} now.`).waitFor()

  await page.getByRole('tab', { name: 'Security' }).click()
  await page.getByLabel('Current password').fill(PASSWORD)
  await page.getByLabel('New password').fill(NEW_PASSWORD)
  await page.getByRole('button', { name: 'Change the password' }).click()
  await page.getByText('The password is changed. All other sessions have ended.').waitFor()
  await other.getByText('You were signed out').waitFor()
  await enterPassword(other, moved, NEW_PASSWORD)
  await other.getByRole('heading', { name: 'Overview' }).waitFor()
  await page.getByRole('tab', { name: 'Sessions' }).click()
  await page.getByRole('button', { name: 'End all others' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'End all others' }).click()
  await page.getByText('All other sessions have ended.').waitFor()
  await other.getByText('You were signed out').waitFor()

  await page.getByRole('tab', { name: 'Profile' }).click()
  await page.getByRole('button', { name: 'Delete the account' }).click()
  await page.getByRole('dialog').getByLabel('Your password').fill(NEW_PASSWORD)
  await page.getByRole('button', { name: `Delete ${moved}` }).click()
  await page.getByText('Your account is deleted.').waitFor()
  await page.context().close()
  await other.context().close()
}, 60_000)

test('an API token is shown once, and ended', async () => {
  const { page } = await visit(browser)
  await signUp(page, 'Tove', 'tove@example.org')
  await page.goto(`${http}/account?tab=tokens`)
  await page.getByRole('button', { name: 'New token' }).click()
  await page.getByRole('textbox', { name: 'Name' }).fill('Home Assistant')
  expect(await violations(page)).toEqual([])
  await page.getByRole('button', { name: 'Make the token' }).click()
  const dialog = page.getByRole('dialog', { name: 'The token "Home Assistant"' })
  const token = await dialog.getByLabel('Token', { exact: true }).inputValue()
  expect(token).toMatch(/^rt_/)
  expect(await violations(page)).toEqual([])
  await dialog.getByRole('button', { name: 'I have copied it' }).click()
  const list = page.getByRole('list', { name: 'API tokens' })
  await list.getByText('Home Assistant').waitFor()
  const asked = await fetch(`${http}/api/v1/devices`, { headers: { authorization: `Bearer ${token}` } })
  expect(asked.status).toBe(200)
  expect(await violations(page)).toEqual([])
  await list.getByRole('button', { name: 'End the token "Home Assistant"' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'End', exact: true }).click()
  await page.getByText('The token "Home Assistant" has ended.').waitFor()
  expect((await fetch(`${http}/api/v1/devices`, { headers: { authorization: `Bearer ${token}` } })).status).toBe(401)
  await page.context().close()
}, 60_000)

test('a co-worker is invited, joins, and is led to the sign-in the moment they are deactivated [ASVS 7.4.2 7.4.5]', async () => {
  const worker = 'walter@example.org'
  const owner = (await visit(browser)).page
  await signUp(owner, 'Oskar', 'oskar@example.org')
  await owner.goto(`${http}/company`)
  await owner.getByRole('table', { name: 'Active people' }).waitFor()
  expect(await violations(owner)).toEqual([])
  await owner.getByRole('button', { name: 'Invite a co-worker' }).click()
  const dialog = owner.getByRole('dialog', { name: 'Invite a co-worker' })
  const address = dialog.getByLabel('E-mail address')
  await dialog.getByRole('button', { name: 'Send the invitation' }).click()
  await dialog.getByText('Enter an e-mail address.').waitFor()
  await address.fill('walter at example')
  await dialog.getByRole('button', { name: 'Send the invitation' }).click()
  await dialog.getByText('This is not an e-mail address.').waitFor()
  await address.fill(worker)
  await dialog.getByRole('button', { name: 'Send the invitation' }).click()
  await dialog.getByText('Invitation sent').waitFor()
  expect(await violations(owner)).toEqual([])
  await dialog.getByRole('button', { name: 'Invite another' }).click()
  await dialog.getByLabel('E-mail address').fill(worker)
  await dialog.getByRole('button', { name: 'Send the invitation' }).click()
  await dialog.getByText(/invited already/).waitFor()
  await dialog.getByRole('button', { name: 'Cancel' }).click()
  await choose(owner, /^Invited/)
  await owner.getByRole('list', { name: 'Invitations' }).getByText(worker).waitFor()
  expect(await violations(owner)).toEqual([])

  const member = (await visit(browser, { phone: true, dark: true })).page
  await signUp(member, 'Walter', worker)
  const link = await findInMail(http, worker, /(\/companies\/invitations\/[0-9a-f-]+#code=\S+)/)
  await member.goto(`${http}${link}`)
  await member.getByText('invites you to join').waitFor()
  expect(await violations(member)).toEqual([])
  await member.getByRole('button', { name: /^Join / }).click()
  await member.getByText(/You are part of .+ now\./).waitFor()
  await member.goto(`${http}/company`)
  await member.getByRole('rowheader', { name: 'Walter' }).waitFor()
  await member.getByText('You are a member of').waitFor()
  expect(await violations(member)).toEqual([])
  expect(await member.evaluate('document.documentElement.scrollWidth <= window.innerWidth')).toBe(true)
  await member.getByRole('button', { name: 'Deactivate Oskar', disabled: true }).waitFor()

  await owner.goto(`${http}/company`)
  await owner.getByRole('button', { name: 'Deactivate Walter' }).click()
  await owner.getByRole('dialog').getByRole('button', { name: 'Deactivate' }).click()
  await owner.getByText(/Walter is deactivated\. 2 servers confirmed in \d+ ms; 1 live viewer .*cut\./).waitFor()
  await member.getByRole('heading', { name: 'Sign in' }).waitFor()
  await member.getByText('You were signed out: the session was ended elsewhere').waitFor()
  expect(await member.getByRole('alert').count()).toBe(0)
  expect(await violations(member)).toEqual([])

  await choose(owner, /^Inactive/)
  await owner.getByRole('table', { name: 'Inactive people' }).getByRole('rowheader', { name: 'Walter' }).waitFor()
  await owner.getByRole('tab', { name: 'Log' }).click()
  await owner.getByRole('list', { name: 'Events' }).getByText('deactivated somebody').waitFor()
  expect(await violations(owner)).toEqual([])
  await owner.getByRole('tab', { name: 'Settings' }).click()
  await owner.getByLabel('Name of the company').waitFor()
  expect(await violations(owner)).toEqual([])
  await owner.context().close()
  await member.context().close()
}, 120_000)

test('a new installation leads to the operator’s account, made with the code that the server printed [ASVS 6.3.2]', async () => {
  const database = await testDatabase()
  stops.push(() => database.stop())
  const config = readConfig({
    DATABASE_URL: database.url,
    HTTP_PORT: '0',
    SECRET_KEY: 'a key that only tests are sealed with',
    WEB_DIST,
  })
  const fresh = await startApi(config, pino({ level: 'silent' }))
  stops.push(() => fresh.stop())
  const { page } = await visit(browser)
  await page.goto(`${fresh.httpUrl}/sign-up`)
  await page.getByRole('heading', { name: 'Welcome to Ridethrough' }).waitFor()
  await page.goto(fresh.httpUrl)
  await page.getByRole('heading', { name: 'Welcome to Ridethrough' }).waitFor()
  expect(await violations(page)).toEqual([])
  await page.getByLabel('Code that the server printed').fill('AAAA-AAAA-AAAA')
  await page.getByLabel('Your name').fill('Opal')
  await page.getByLabel('E-mail address').fill('opal@example.org')
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD)
  await page.getByRole('button', { name: 'Make the account' }).click()
  await page.getByRole('alert').waitFor()
  expect(await violations(page)).toEqual([])
  await page.getByLabel('Code that the server printed').fill(fresh.operatorCode ?? '')
  await page.getByRole('button', { name: 'Make the account' }).click()
  await page.getByRole('heading', { name: 'Overview' }).waitFor()
  const stranger = (await visit(browser)).page
  await stranger.goto(`${fresh.httpUrl}/welcome`)
  await stranger.getByRole('heading', { name: 'Sign in' }).waitFor()
  await stranger.context().close()
  await page.context().close()
}, 60_000)
