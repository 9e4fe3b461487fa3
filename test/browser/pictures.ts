// Pictures of the console for the documentation, from a running demonstration: `npm start` first, then `npm run pictures`.
import { mkdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Page } from 'playwright-core'
import { z } from 'zod'
import { openBrowser, visit } from '../support/browser.ts'

const Demo = z.object({
  http: z.string(),
  simulator: z.string(),
  accounts: z.array(z.object({ email: z.string(), password: z.string(), role: z.string() })),
})

const OUT = join(import.meta.dirname, '../../docs/pictures')

async function signIn(page: Page, http: string, email: string, password: string): Promise<void> {
  await page.goto(http)
  await page.getByLabel('E-mail address').fill(email)
  await page.getByLabel('Password', { exact: true }).fill(password)
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
  await page.getByRole('heading', { name: 'Overview' }).waitFor()
  await page.getByRole('listitem').filter({ hasText: 'Rack 4' }).first().waitFor()
}

const file = resolve(process.env.DATA_DIR ?? './data', 'demo.json')
const demo = Demo.parse(JSON.parse(await readFile(file, 'utf8')))
const simulate = (name: string, change: unknown) =>
  fetch(`${demo.simulator}/ups/${encodeURIComponent(name)}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(change),
  })

await mkdir(OUT, { recursive: true })
const browser = await openBrowser()
try {
  // One of four on battery: that is what the console is for.
  await simulate('Rack 7', { mains: false })
  for (const account of demo.accounts) {
    const dark = account.role === 'recipient'
    const { page } = await visit(browser, { dark, phone: dark })
    await signIn(page, demo.http, account.email, account.password)
    await page.getByText('On battery').first().waitFor()
    await page.screenshot({ path: join(OUT, `overview-${account.role}.png`) })
    if (dark) continue
    await page.getByRole('link', { name: 'Rack 7' }).click()
    await page.getByRole('heading', { name: 'Rack 7' }).waitFor()
    await page.locator('canvas').first().waitFor()
    await page.screenshot({ path: join(OUT, 'device.png') })
  }
} finally {
  await simulate('Rack 7', { mains: true })
  await browser.close()
}
