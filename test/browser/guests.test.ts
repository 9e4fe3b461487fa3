// Guests of a company in the console, on the real parts: invited, accepted, inside the host company, switched off, replaced roles.
import { GuestView, RoleView } from '@ridethrough/protocol/http/guest.ts'
import type { Browser, Locator, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildConsole, WEB_DIST } from '../../bin/console.ts'
import { openBrowser, visit } from '../support/browser.ts'
import { type Caller, findInMail, signUp } from '../support/caller.ts'
import { type Cloud, type Site, startCloud, startSite } from '../support/stack.ts'
import { enterPassword, fitsItsWidth, PASSWORD, signIn, violations } from './people.ts'

const LINK = /(\/companies\/invitations\/[0-9a-f-]+#code=\S+)/

let cloud: Cloud
let site: Site
let browser: Browser
let olivia: Caller
let owner: Page
/** The owner's devices by name, and the names of two of them. */
let ids: ReadonlyMap<string, string>
let first: string
let second: string
const stops: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  await buildConsole(() => {})
  cloud = await startCloud({ WEB_DIST })
  stops.push(() => cloud.stop())
  site = await startSite(cloud.mqtt, cloud.database.db)
  stops.push(() => site.stop())
  browser = await openBrowser()
  stops.push(() => browser.close())
  olivia = await signUp(cloud.http, 'olivia@example.org', PASSWORD)
  ids = await site.claimAll(olivia)
  const [one, other] = [...ids.keys()]
  if (!one || !other) throw new Error('two units are needed')
  ;[first, second] = [one, other]
  owner = (await visit(browser)).page
  await signIn(owner, cloud.http, olivia.email)
}, 120_000)

afterAll(async () => {
  for (const stop of stops.reverse()) await stop()
})

/** What is wrong with the page as it stands: rules of accessibility that it breaks, and being wider than its window. */
async function faultsOf(page: Page): Promise<string[]> {
  return [...(await violations(page)), ...((await fitsItsWidth(page)) ? [] : ['wider than the window'])]
}

async function openTab(tab: 'guests' | 'groups' | 'roles'): Promise<void> {
  await owner.goto(`${cloud.http}/company?tab=${tab}`)
}

function rowOf(name: string): Locator {
  return owner.getByRole('row').filter({ hasText: name })
}

async function confirm(page: Page, button: string): Promise<void> {
  await page.getByRole('dialog').getByRole('button', { name: button }).click()
}

/** Invited by the API and accepted in the browser of a phone. */
async function makeGuest(name: string, terms: object): Promise<{ page: Page; entry: GuestView; caller: Caller }> {
  const email = `${name}@example.org`
  const caller = await signUp(cloud.http, email, PASSWORD)
  const entry = await olivia.call('POST', '/company/guests', GuestView, { email, ...terms })
  const { page } = await visit(browser, { phone: true, dark: true })
  await signIn(page, cloud.http, email)
  await page.goto(`${cloud.http}${await findInMail(cloud.http, email, LINK)}`)
  await page.getByRole('button', { name: 'Accept' }).click()
  await page.getByText('You are a guest of').waitFor()
  return { page, entry, caller }
}

test('a guest is invited with a warning, accepts, enters, sees the chosen device only, comes back with one click, and is switched off at once [R30 R31 R32 R34 R35]', async () => {
  const email = 'gustav@example.org'
  await signUp(cloud.http, email, PASSWORD)
  await openTab('guests')
  await owner.getByRole('button', { name: 'Invite a guest' }).click()
  await owner.getByRole('heading', { name: 'Invite a guest' }).waitFor()
  await owner.getByLabel('E-mail address').fill(email)
  await owner.getByRole('radio', { name: 'Operate' }).check()
  expect(await owner.getByRole('radio', { name: 'Devices', exact: true }).isChecked()).toBe(true)
  await owner.getByText(`Saving sends a mail with a code to ${email}`).waitFor()
  await owner.getByRole('button', { name: 'Save and send the mail' }).click()
  await owner.getByText('Tick at least one device').waitFor()
  await owner.getByRole('checkbox', { name: first }).check()
  expect(await faultsOf(owner)).toEqual([])
  await owner.getByRole('button', { name: 'Save and send the mail' }).click()
  await owner.getByText(`${email} is invited.`).waitFor()
  await rowOf(email).getByText('Active', { exact: true }).waitFor()
  await rowOf(email).getByText('Not yet').waitFor()
  expect(await faultsOf(owner)).toEqual([])

  const guest = (await visit(browser, { phone: true, dark: true })).page
  await signIn(guest, cloud.http, email)
  await guest.getByRole('link', { name: 'Companies' }).click()
  await guest.getByRole('region', { name: 'Invitations' }).getByText('invites you to olivia as a guest').waitFor()
  expect(await faultsOf(guest)).toEqual([])
  await guest.goto(`${cloud.http}${await findInMail(cloud.http, email, LINK)}`)
  await guest.getByText('You keep your account and your own company').waitFor()
  expect(await faultsOf(guest)).toEqual([])
  await guest.getByRole('button', { name: 'Accept' }).click()

  // Inside: the chosen device, and nothing of the other one.
  await guest.getByRole('heading', { name: 'olivia', level: 1 }).waitFor()
  const list = guest.getByRole('list', { name: 'Devices of olivia' })
  await list.getByText(first).waitFor()
  await guest.getByText('1 of 1 devices').waitFor()
  expect(await guest.getByText(second).count()).toBe(0)
  await site.simulator.control.set(first, { mains: false })
  await list.getByText('On battery').waitFor()
  expect(await faultsOf(guest)).toEqual([])
  await list.getByRole('link', { name: first }).click()
  await guest.getByRole('heading', { name: first, level: 1 }).waitFor()
  await guest.getByRole('region', { name: 'Host company' }).getByText('olivia').waitFor()
  expect(await faultsOf(guest)).toEqual([])

  // Out again with one click, and still signed in.
  await guest.getByRole('link', { name: 'Back to my own devices' }).click()
  await guest.getByRole('heading', { name: 'Overview' }).waitFor()
  await guest.getByText('No device yet').waitFor()
  expect(await guest.getByRole('link', { name: first }).count()).toBe(0)
  expect(await guest.getByRole('region', { name: 'Host company' }).count()).toBe(0)
  await guest.getByRole('region', { name: 'As a guest' }).getByText('olivia: 1 device').waitFor()
  expect(await faultsOf(guest)).toEqual([])
  await guest.getByRole('link', { name: 'Enter olivia' }).click()
  await list.getByText(first).waitFor()

  await owner.reload()
  await rowOf(email).getByText('Validated').waitFor()
  await owner.getByRole('button', { name: `Switch off ${email}` }).click()
  expect(await faultsOf(owner)).toEqual([])
  await confirm(owner, 'Switch off')
  await owner.getByText(`${email} is switched off. `).waitFor()
  // The open page follows by itself and says why.
  await guest.getByText('olivia has switched your access off').waitFor()
  expect(await guest.getByText(first).count()).toBe(0)
  await rowOf(email).getByText('Switched off').waitFor()
  await owner.getByRole('button', { name: `Switch on ${email}` }).click()
  await confirm(owner, 'Switch on')
  await list.getByText(first).waitFor()

  await guest.getByRole('link', { name: 'Companies' }).click()
  await guest.getByRole('button', { name: 'Leave olivia' }).click()
  await confirm(guest, 'Leave')
  await guest.getByText('You are no longer a guest of olivia.').waitFor()
  await owner.locator('label').filter({ hasText: 'Ended' }).click()
  await rowOf(email).getByText('Has left').waitFor()
}, 120_000)

test('a change of a guest applies when it is saved, all of it at once; the end is at once too [R30 R32 R35]', async () => {
  const chosen = ids.get(first)
  const { page: guest, entry } = await makeGuest('greta', {
    ...{ mode: 'devices', deviceIds: [chosen], role: 'viewer' },
    until: new Date(Date.now() + 95 * 60_000).toISOString(),
  })
  const list = guest.getByRole('list', { name: 'Devices of olivia' })
  await list.getByText(first).waitFor()
  await list.getByText(/^Until \d.* · ends in 1 h \d+ min$/).waitFor()

  await owner.goto(`${cloud.http}/company/guests/${entry.id}`)
  await owner.getByRole('heading', { name: 'greta', level: 1 }).waitFor()
  await owner.getByRole('checkbox', { name: second }).check()
  await owner.getByRole('checkbox', { name: first }).uncheck()
  await owner.getByText('Nothing applies until you save.').waitFor()
  expect(await faultsOf(owner)).toEqual([])
  expect(await olivia.call('GET', `/company/guests/${entry.id}`, GuestView)).toMatchObject({
    devices: [{ name: first }],
  })
  await owner.getByRole('button', { name: 'Save the changes' }).click()
  await owner.getByText(/Saved\. \d servers confirmed/).waitFor()
  await list.getByText(second).waitFor()
  expect(await list.getByText(first).count()).toBe(0)

  await owner.getByRole('button', { name: 'End', exact: true }).click()
  await confirm(owner, 'End')
  await owner.getByText('The access of greta@example.org has ended.').waitFor()
  await guest.getByText('You are not a guest of this company').waitFor()
  expect(await faultsOf(guest)).toEqual([])
}, 120_000)

test('groups are made, and given with privileges of their own; what is in none of them is invisible [R32]', async () => {
  await openTab('groups')
  await owner.getByRole('button', { name: 'Make a group' }).click()
  await owner.getByLabel('Name').fill('Server room')
  await owner.getByRole('checkbox', { name: second }).check()
  expect(await faultsOf(owner)).toEqual([])
  await owner.getByRole('button', { name: 'Make the group' }).click()
  await owner.getByText('Server room is made.').waitFor()

  await owner.goto(`${cloud.http}/company/guests/new`)
  await owner.getByLabel('E-mail address').fill('gerda@example.org')
  await owner.getByRole('radio', { name: 'Groups', exact: true }).check()
  await owner.getByRole('checkbox', { name: 'Server room' }).check()
  await owner.getByLabel('Role in Server room').selectOption({ label: 'Maintain' })
  expect(await faultsOf(owner)).toEqual([])
  await owner.getByRole('button', { name: 'Save and send the mail' }).click()
  await owner.getByText('gerda@example.org is invited.').waitFor()
  await rowOf('gerda@example.org').getByText('By group').waitFor()

  const { page } = await visit(browser, { phone: true })
  await signUp(cloud.http, 'gerda@example.org', PASSWORD)
  await signIn(page, cloud.http, 'gerda@example.org')
  await page.goto(`${cloud.http}${await findInMail(cloud.http, 'gerda@example.org', LINK)}`)
  await page.getByRole('button', { name: 'Accept' }).click()
  const list = page.getByRole('list', { name: 'Devices of olivia' })
  await list.getByText(second).waitFor()
  expect(await page.getByText(first).count()).toBe(0)

  await openTab('groups')
  await owner.getByText('1 guest', { exact: false }).waitFor()
  await owner.getByRole('button', { name: 'Delete Server room' }).click()
  await owner.getByText('1 guest loses at once what follows from it').waitFor()
  await confirm(owner, 'Delete')
  await page.getByText('olivia has chosen no device for you yet').waitFor()
}, 120_000)

test('deleting a role that is in use says whom it concerns and asks for the one that takes its place [R33]', async () => {
  await openTab('roles')
  await owner.getByRole('button', { name: 'Make a role' }).click()
  await owner.getByLabel('Name').fill('Night shift')
  await owner.getByRole('checkbox', { name: 'Run tests' }).check()
  expect(await faultsOf(owner)).toEqual([])
  await owner.getByRole('button', { name: 'Make the role' }).click()
  await rowOf('Night shift').getByText('Not in use').waitFor()
  const day = await olivia.call('POST', '/company/roles', RoleView, { name: 'Day shift', privileges: ['monitor'] })

  await owner.goto(`${cloud.http}/company/guests/new`)
  await owner.getByLabel('E-mail address').fill('gina@example.org')
  await owner.getByRole('checkbox', { name: first }).check()
  await owner.getByRole('radio', { name: 'Night shift' }).check()
  await owner.getByRole('button', { name: 'Save and send the mail' }).click()
  await rowOf('gina@example.org').getByText('Night shift').waitFor()

  await openTab('roles')
  await rowOf('Night shift').getByText('1 guest').waitFor()
  await owner.getByRole('button', { name: 'Delete Night shift' }).click()
  await owner.getByText('It is in use by 1 guest.').waitFor()
  expect(await faultsOf(owner)).toEqual([])
  await confirm(owner, 'Replace and delete')
  await owner.getByText('Choose the role that takes its place.').first().waitFor()
  await owner.getByLabel('In its place').selectOption(day.id)
  await confirm(owner, 'Replace and delete')
  await owner.getByText('Night shift is deleted; Day shift took its place.').waitFor()
  await rowOf('Day shift').getByText('1 guest').waitFor()
  expect(await owner.getByRole('row').filter({ hasText: 'Night shift' }).count()).toBe(0)
}, 120_000)

test('the link under another account says so, switches, and brings the right one back; declining ends it, and "Companies" goes [R34]', async () => {
  const email = 'gloria@example.org'
  await olivia.call('POST', '/company/guests', GuestView, { email, mode: 'groups-and-devices', role: 'viewer' })
  await signUp(cloud.http, email, PASSWORD)
  const other = await signUp(cloud.http, 'otto@example.org', PASSWORD)
  const { page } = await visit(browser, { phone: true })
  await signIn(page, cloud.http, other.email)
  expect(await page.getByRole('link', { name: 'Companies' }).count()).toBe(0)
  // An invitation brings it, without a reload.
  const own = await olivia.call('POST', '/company/guests', GuestView, {
    email: other.email,
    mode: 'groups-and-devices',
  })
  await page.getByRole('link', { name: 'Companies' }).waitFor()
  expect((await olivia.ask('DELETE', `/company/guests/${own.id}`)).status).toBe(200)
  await page.getByRole('link', { name: 'Companies' }).waitFor({ state: 'detached' })
  await page.goto(`${cloud.http}${await findInMail(cloud.http, email, LINK)}`)
  await page.getByText(`This invitation is not for ${other.email}`).waitFor()
  expect(await faultsOf(page)).toEqual([])
  await page.getByRole('button', { name: 'Switch to another account' }).click()
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  await enterPassword(page, email)
  await page.getByText('invites you to olivia as a guest').waitFor()
  expect(await page.getByLabel('Code from the mail').inputValue()).not.toBe('')
  await page.getByRole('button', { name: 'Decline' }).click()
  await confirm(page, 'Decline')
  await page.getByText('Declined. You are no guest of olivia.').waitFor()
  await page.getByText('You are no company’s guest').waitFor()
  await page.getByRole('link', { name: 'Companies' }).waitFor({ state: 'detached' })
}, 120_000)
