// What the console owes those who type passwords into it, in a real browser.
import { type Harness, startHarness } from '@ridethrough/api/support/harness.ts'
import type { Browser, Locator, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildConsole, WEB_DIST } from '../../bin/console.ts'
import { openBrowser, visit } from '../support/browser.ts'
import { makePerson } from '../support/world.ts'

let harness: Harness
let browser: Browser

beforeAll(async () => {
  await buildConsole(() => {})
  harness = await startHarness({ webDist: WEB_DIST })
  browser = await openBrowser()
}, 120_000)
afterAll(async () => {
  await browser.close()
  await harness.stop()
})

async function open(path: string): Promise<Page> {
  const { page } = await visit(browser)
  await page.goto(`${harness.api.httpUrl}${path}`)
  return page
}

const passwordOf = (page: Page): Locator => page.getByLabel('Password', { exact: true })

test.each([
  ['/sign-in', 'current-password'],
  ['/sign-up', 'new-password'],
])(
  'on %s the password is hidden while it is typed, and managers know what it is [ASVS 6.2.6 6.2.7]',
  async (path, autocomplete) => {
    const page = await open(path)
    const field = passwordOf(page)
    await field.fill('vexing quartz jumble')
    expect(await field.getAttribute('type')).toBe('password')
    expect(await field.getAttribute('autocomplete')).toBe(autocomplete)
    await page.context().close()
  },
)

test('a password can be pasted [ASVS 6.2.7]', async () => {
  const page = await open('/sign-in')
  const address = page.getByLabel('E-mail address')
  await address.fill('vexing quartz jumble')
  await address.press('Control+A')
  await address.press('Control+C')
  await passwordOf(page).focus()
  await page.keyboard.press('Control+V')
  expect(await passwordOf(page).inputValue()).toBe('vexing quartz jumble')
  await page.context().close()
})

test('signing out is in sight on every page, and afterwards the way back shows nothing [ASVS 7.4.4 7.4.1]', async () => {
  const { page, context } = await visit(browser)
  const { token } = await makePerson(harness.database.db, 'Pat')
  await context.addCookies([{ name: 'rt', value: token, url: harness.api.httpUrl, httpOnly: true }])
  for (const path of ['/', '/sharing', '/devices/claim', '/account']) {
    await page.goto(`${harness.api.httpUrl}${path}`)
    await page.getByRole('button', { name: 'Sign out' }).waitFor({ state: 'visible' })
  }
  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.waitForURL(/\/sign-in/)
  await page.goBack()
  await page.waitForURL(/\/sign-in/)
  await passwordOf(page).waitFor()
  await context.close()
})
