// What people do in the console at the start of many tests, and what every page must stand.
import AxeBuilder from 'axe-core'
import type { Page } from 'playwright-core'
import { findInMail } from '../support/caller.ts'

export const PASSWORD = 'correct horse battery'

export async function signUp(page: Page, http: string, name: string, email: string): Promise<void> {
  await page.goto(`${http}/sign-up`)
  await page.getByLabel('Your name').fill(name)
  await page.getByLabel('E-mail address').fill(email)
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD)
  await page.getByRole('button', { name: 'Sign up' }).click()
  await page.getByRole('heading', { name: 'Enter the code' }).waitFor()
  await page
    .getByRole('textbox', { name: 'Code' })
    .fill(await findInMail(http, email, /^\s*([0-9A-Z]{4}-[0-9A-Z]{4})\s*$/m))
  await page.getByRole('button', { name: 'Confirm address' }).click()
  await page.getByRole('heading', { name: 'Overview' }).waitFor()
}

/** From the sign-in page, wherever it leads then. */
export async function enterPassword(page: Page, email: string): Promise<void> {
  await page.getByLabel('E-mail address').fill(email)
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD)
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
}

export async function signIn(page: Page, http: string, email: string): Promise<void> {
  await page.goto(`${http}/sign-in`)
  await enterPassword(page, email)
  await page.getByRole('heading', { name: 'Overview' }).waitFor()
}

export async function claim(page: Page, http: string, code: string, name: string): Promise<void> {
  await page.goto(`${http}/devices/claim`)
  await page.getByRole('textbox', { name: 'Claim code' }).fill(code)
  await page.getByRole('button', { name: 'Add device' }).click()
  await page.getByText(`${name} is yours now.`).waitFor()
}

/** Violations of the page as it stands, named by rule and place. */
export async function violations(page: Page): Promise<string[]> {
  await page.evaluate(AxeBuilder.source)
  const results = await page.evaluate('axe.run()')
  const found = (results as AxeBuilder.AxeResults).violations
  return found.flatMap((rule) => rule.nodes.map((node) => `${rule.id}: ${node.target.join(' ')}`))
}

export async function fitsItsWidth(page: Page): Promise<boolean> {
  return (await page.evaluate('document.documentElement.scrollWidth <= window.innerWidth')) === true
}
