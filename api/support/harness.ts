// A whole API on a database of its own and a free port, and a client that speaks to it.
import { type TestDatabase, testDatabase } from '@ridethrough/test/support/database.ts'
import { type Logger, pino } from 'pino'
import type { ApiConfig } from '../config.ts'
import { type RunningApi, startApi } from '../main.ts'

export type Harness = { readonly database: TestDatabase; readonly api: RunningApi; stop(): Promise<void> }

export async function startHarness(
  config: Partial<ApiConfig> = {},
  log: Logger = pino({ level: 'silent' }),
): Promise<Harness> {
  const database = await testDatabase()
  try {
    const api = await startApi(configFor(database.url, config), log)
    return {
      database,
      api,
      stop: async () => {
        await api.stop()
        await database.stop()
      },
    }
  } catch (error) {
    await database.stop()
    throw error
  }
}

/** The same for every API of a test: several of them share a database. */
const SECRET_KEY = Buffer.alloc(32, 7)

export function configFor(databaseUrl: string, config: Partial<ApiConfig> = {}): ApiConfig {
  return {
    databaseUrl,
    httpPort: 0,
    host: '127.0.0.1',
    publicUrl: undefined,
    smtpUrl: undefined,
    mailFrom: 'Ridethrough <noreply@example.org>',
    secretKey: SECRET_KEY,
    logLevel: 'silent',
    webDist: undefined,
    trustProxy: [],
    defaultPlan: 'advanced',
    invitationHours: 48,
    requestsPerMinute: 1800,
    mqttSockets: { all: 100, perAddress: 100 },
    jobs: 'on',
    setup: 'open',
    ...config,
  }
}

// biome-ignore lint/suspicious/noExplicitAny: a test looks into answers of every shape; the routes' schemas check them
export type Answer = { readonly status: number; readonly body: any; readonly headers: Headers }

export type Client = (method: string, path: string, body?: unknown, headers?: Record<string, string>) => Promise<Answer>

/** `path` is below /api/v1 unless it begins with `//`. A string body is sent as it stands. */
export function clientOf(api: RunningApi, token?: string): Client {
  return async (method, path, body, headers = {}) => {
    const url = path.startsWith('//') ? `${api.httpUrl}${path.slice(1)}` : `${api.httpUrl}/api/v1${path}`
    const response = await fetch(url, {
      method,
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const text = await response.text()
    const isJson = /json\b/.test(response.headers.get('content-type') ?? '')
    return { status: response.status, body: isJson ? JSON.parse(text) : text, headers: response.headers }
  }
}

/** The newest mail to somebody, from the mailbox page. */
export async function mailTo(api: RunningApi, email: string): Promise<{ subject: string; text: string; html: string }> {
  const { body } = await clientOf(api)('GET', '//dev/mailbox.json')
  const mail = body.items.find((one: { recipient: string }) => one.recipient === email)
  if (!mail) throw new Error(`no mail to ${email}`)
  return mail
}

/** The confirmation code that stands on a line of its own. */
export function codeIn(text: string): string {
  const code = /^ {4}([0-9A-Z]+-[0-9A-Z]+)$/m.exec(text)?.[1]
  if (code === undefined) throw new Error('the mail holds no code')
  return code
}
