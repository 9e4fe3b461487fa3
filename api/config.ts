// What the API reads from its environment, checked once.
import { resolve } from 'node:path'
import type { TlsPaths } from '@ridethrough/db/tls-files.ts'
import { PLANS } from '@ridethrough/protocol/plan.ts'
import { z } from 'zod'
import { parseSecretKey } from './second-factor/secret-box.ts'

const Environment = z.object({
  DATABASE_URL: z.string().min(1, 'name the PostgreSQL database'),
  HTTP_PORT: z.coerce.number().int().min(0).max(65_535).default(8080),
  HOST: z.string().min(1).default('127.0.0.1'),
  /** Files in PEM: the certificate with those that lead to its root, and its key. With them HTTP_PORT speaks HTTPS. */
  TLS_CERT: z.string().optional(),
  TLS_KEY: z.string().optional(),
  /** The broker's plain port, which must list this server in TRUSTED_PROXIES; without it there is no MQTT over WebSocket. */
  MQTT_URL: z.url({ protocol: /^mqtt$/ }).optional(),
  /** Clients of MQTT over WebSocket that are connected at a time, in all and from one address. */
  MQTT_SOCKETS: z.coerce.number().int().min(1).default(2000),
  MQTT_SOCKETS_PER_ADDRESS: z.coerce.number().int().min(1).default(200),
  /** Where browsers reach us: links in mails, cookies and the origin check follow it. Without it, the bound address. */
  PUBLIC_URL: z.url({ protocol: /^https?$/ }).optional(),
  /** smtp:// or smtps://; without it mails stay in the database and are shown at /dev/mailbox. */
  SMTP_URL: z.url({ protocol: /^smtps?$/ }).optional(),
  MAIL_FROM: z.string().min(3).default('Ridethrough <ridethrough@localhost>'),
  /** Encrypts what must be read again, such as the secrets of authenticators. Who loses it loses those. */
  SECRET_KEY: z
    .string('is needed: 32 random bytes as hex or base64, or any text of at least 32 characters')
    .transform((text, context) => {
      const key = parseSecretKey(text)
      if (key) return key
      context.addIssue({
        code: 'custom',
        message: 'is too short: give 32 bytes as hex or base64, or at least 32 characters',
      })
      return z.NEVER
    }),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  /** Folder of the built console; without it only the API is served. */
  WEB_DIST: z.string().optional(),
  /** Addresses or networks of the proxies in front, separated by commas: only they are believed about the client's address. */
  TRUST_PROXY: z.string().optional(),
  /** Plan of a newly claimed device. */
  DEFAULT_PLAN: z.enum(PLANS).default('advanced'),
  /** How long an invitation lives: into a company, to a share, as a guest. */
  INVITATION_HOURS: z.coerce
    .number()
    .positive()
    .max(24 * 90)
    .default(48),
  /** Mails, and what time has ended: of several processes on one database, some may leave them to the others. */
  JOBS: z.enum(['on', 'off']).default('on'),
  /** From one network address, over all of the API; behind a proxy, TRUST_PROXY tells the addresses apart. */
  REQUESTS_PER_MINUTE: z.coerce.number().int().min(1).default(1800),
  /** Who makes the first account: whoever has the code that the server prints at its start, or whoever comes first. */
  SETUP: z.enum(['code', 'open']).default('code'),
})

export type ApiConfig = {
  readonly databaseUrl: string
  readonly httpPort: number
  readonly host: string
  readonly tls?: TlsPaths | undefined
  readonly mqttUrl?: string | undefined
  readonly mqttSockets: { readonly all: number; readonly perAddress: number }
  readonly publicUrl: string | undefined
  readonly smtpUrl: string | undefined
  readonly mailFrom: string
  /** 32 bytes. */
  readonly secretKey: Buffer
  readonly logLevel: string
  readonly webDist: string | undefined
  readonly trustProxy: readonly string[]
  readonly defaultPlan: (typeof PLANS)[number]
  readonly invitationHours: number
  readonly requestsPerMinute: number
  readonly jobs: 'on' | 'off'
  readonly setup: 'code' | 'open'
}

/** Throws an Error that names every wrong variable in words. */
export function readConfig(environment: NodeJS.ProcessEnv = process.env): ApiConfig {
  // `SMTP_URL=` in a file of settings means "none".
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''))
  const result = Environment.safeParse(given)
  if (!result.success) {
    const mistakes = result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`)
    throw new Error(`The environment is not right:\n  ${mistakes.join('\n  ')}`)
  }
  const env = result.data
  if ((env.TLS_CERT === undefined) !== (env.TLS_KEY === undefined)) {
    throw new Error('The environment is not right:\n  TLS_KEY: TLS_CERT and TLS_KEY go together')
  }
  return {
    databaseUrl: env.DATABASE_URL,
    httpPort: env.HTTP_PORT,
    host: env.HOST,
    tls: env.TLS_CERT && env.TLS_KEY ? { certPath: resolve(env.TLS_CERT), keyPath: resolve(env.TLS_KEY) } : undefined,
    mqttUrl: env.MQTT_URL,
    mqttSockets: { all: env.MQTT_SOCKETS, perAddress: env.MQTT_SOCKETS_PER_ADDRESS },
    publicUrl: env.PUBLIC_URL?.replace(/\/+$/, ''),
    smtpUrl: env.SMTP_URL,
    mailFrom: env.MAIL_FROM,
    secretKey: env.SECRET_KEY,
    logLevel: env.LOG_LEVEL,
    webDist: env.WEB_DIST,
    trustProxy: env.TRUST_PROXY?.split(',').map((one) => one.trim()) ?? [],
    defaultPlan: env.DEFAULT_PLAN,
    invitationHours: env.INVITATION_HOURS,
    requestsPerMinute: env.REQUESTS_PER_MINUTE,
    jobs: env.JOBS,
    setup: env.SETUP,
  }
}
