// What the broker is told from outside: the environment, checked once.
import { resolve } from 'node:path'
import type { TlsPaths } from '@ridethrough/db/tls-files.ts'
import { z } from 'zod'
import { LIMIT_NAMES, LIMITS, type LimitName, type Limits, variableOf } from './limits.ts'
import { trustedProxies } from './proxy.ts'

const Port = z.coerce.number().int().min(0).max(65_535)

const Environment = z
  .object({
    DATABASE_URL: z.string().min(1, 'is needed: a postgres:// address'),
    HOST: z.string().min(1).default('0.0.0.0'),
    MQTT_PORT: Port.default(1883),
    MQTTS_PORT: Port.default(8883),
    /** MQTT over WebSocket, and the same over TLS. Without them it is to be had at the web port only. */
    MQTT_WS_PORT: Port.optional(),
    MQTT_WSS_PORT: Port.optional(),
    /** Files in PEM: the certificate with those that lead to its root, and its key. Without them there is no MQTTS. */
    TLS_CERT: z.string().min(1).optional(),
    TLS_KEY: z.string().min(1).optional(),
    /** Addresses or networks, separated by commas, that may name a client's address: in a PROXY line, or over WebSocket in X-Forwarded-For. */
    TRUSTED_PROXIES: z
      .string()
      .default('')
      .transform(splitList)
      .refine(areProxies, 'names something that is neither an address nor a network'),
    /** Metrics name no secret, but they are nobody else's business either. */
    METRICS_HOST: z.string().min(1).default('127.0.0.1'),
    METRICS_PORT: Port.default(9180),
    STORE_PATIENCE_MS: z.coerce.number().int().min(100).default(30_000),
  })
  .refine((env) => (env.TLS_CERT === undefined) === (env.TLS_KEY === undefined), {
    path: ['TLS_KEY'],
    message: 'TLS_CERT and TLS_KEY go together',
  })
  .refine((env) => env.MQTT_WSS_PORT === undefined || env.TLS_CERT !== undefined, {
    path: ['MQTT_WSS_PORT'],
    message: 'needs TLS_CERT and TLS_KEY',
  })

export type BrokerConfig = {
  readonly databaseUrl: string
  readonly host: string
  /** 0 picks a free one. */
  readonly mqttPort: number
  /** Left out: none. */
  readonly wsPort?: number | undefined
  readonly tls?: (TlsPaths & { readonly mqttsPort: number; readonly wssPort?: number | undefined }) | undefined
  readonly trustedProxies?: readonly string[] | undefined
  readonly metricsHost: string
  readonly metricsPort: number
  /** How long a publish may wait for the database before its connection is ended. */
  readonly storePatienceMs: number
  /** Where they differ from the defaults of `limits.ts`. */
  readonly limits?: Partial<Limits> | undefined
}

/** Throws an Error that names every variable at fault. */
export function readBrokerConfig(environment: NodeJS.ProcessEnv = process.env): BrokerConfig {
  // `TLS_CERT=` in a file of settings means "none".
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''))
  const result = Environment.safeParse(given)
  const { limits, mistakes } = readLimits(given)
  if (!result.success || mistakes.length > 0) {
    const issues = result.error?.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`) ?? []
    throw new Error([...issues, ...mistakes].join('; '))
  }
  const { data } = result
  return {
    databaseUrl: data.DATABASE_URL,
    host: data.HOST,
    mqttPort: data.MQTT_PORT,
    wsPort: data.MQTT_WS_PORT,
    tls: readTls(data),
    trustedProxies: data.TRUSTED_PROXIES,
    metricsHost: data.METRICS_HOST,
    metricsPort: data.METRICS_PORT,
    limits,
    storePatienceMs: data.STORE_PATIENCE_MS,
  }
}

function readTls({ TLS_CERT, TLS_KEY, MQTTS_PORT, MQTT_WSS_PORT }: z.infer<typeof Environment>): BrokerConfig['tls'] {
  if (TLS_CERT === undefined || TLS_KEY === undefined) return undefined
  return {
    mqttsPort: MQTTS_PORT,
    wssPort: MQTT_WSS_PORT,
    certPath: resolve(TLS_CERT),
    keyPath: resolve(TLS_KEY),
  }
}

/** Each of its own variable; one that begins alike and is none would be a limit that somebody believes to have set. */
function readLimits(given: Readonly<Record<string, string | undefined>>) {
  const names = new Map<string, LimitName>(LIMIT_NAMES.map((name) => [variableOf(name), name]))
  const limits: { -readonly [Name in LimitName]?: number } = {}
  const mistakes: string[] = []
  for (const [variable, text] of Object.entries(given)) {
    if (!variable.startsWith('LIMIT_')) continue
    const name = names.get(variable)
    if (name === undefined) {
      mistakes.push(`${variable}: there is no such limit`)
      continue
    }
    const { min, max } = LIMITS[name]
    const value = z.coerce.number().min(min).max(max).safeParse(text)
    if (value.success) limits[name] = value.data
    else mistakes.push(`${variable}: ${value.error.issues[0]?.message} (from ${min} to ${max})`)
  }
  return { limits, mistakes }
}

function splitList(text: string): string[] {
  return text
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '')
}

function areProxies(places: readonly string[]): boolean {
  try {
    trustedProxies(places)
    return true
  } catch {
    return false
  }
}
