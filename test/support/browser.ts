// Debian's Chromium, driven by playwright-core.
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'

export type Visitor = { readonly page: Page; readonly context: BrowserContext }

export async function openBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--headless', '--disable-gpu', '--disable-background-networking'],
  })
}

/** A person with cookies of their own. The locale is set because Chromium under LANG=C has one that Intl refuses. */
export async function visit(browser: Browser, options: { phone?: boolean; dark?: boolean } = {}): Promise<Visitor> {
  const context = await browser.newContext({
    viewport: options.phone ? { width: 390, height: 844 } : { width: 1280, height: 800 },
    hasTouch: options.phone ?? false,
    locale: 'en-GB',
    timezoneId: 'Europe/Kyiv',
    colorScheme: options.dark ? 'dark' : 'light',
  })
  const page = await context.newPage()
  page.setDefaultTimeout(20_000)
  return { page, context }
}
