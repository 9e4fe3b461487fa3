// What `ridethrough start` reads from its environment; each part checks its own settings besides.
import { isIP } from 'node:net'
import { resolve } from 'node:path'
import { z } from 'zod'

const Port = z.coerce.number().int().min(0).max(65_535)

const Environment = z.object({
  DATA_DIR: z.string().min(1).default('./data'),
  DATABASE_URL: z.string().min(1).optional(),
  SECRET_KEY: z.string().min(1).optional(),
  HOST: z.string().min(1).default('127.0.0.1'),
  HTTP_PORT: Port.default(8080),
  MQTT_PORT: Port.default(1883),
  DEMO: z.enum(['on', 'off']).default('on'),
  TLS_CERT: z.string().optional(),
  TRUSTED_PROXIES: z.string().optional(),
  SETUP: z.enum(['code', 'open']).optional(),
})

export type StartConfig = {
  readonly dataDir: string
  readonly databaseUrl: string | undefined
  /** Left out: one is made, and kept in `dataDir`. */
  readonly secretKey: string | undefined
  readonly host: string
  readonly httpPort: number
  readonly mqttPort: number
  /** Never with a certificate: that is somebody's real installation, and what plays in it could not check its name. */
  readonly isDemoWanted: boolean
  /** Whom the broker believes about addresses: our own API, which comes from this machine. */
  readonly trustedProxies: string
  /** Who makes the first account. The demonstration makes its own, so with it nobody is waited for. */
  readonly setup: 'code' | 'open'
}

export function readConfig(environment: NodeJS.ProcessEnv = process.env): StartConfig {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''))
  const { success, data, error } = Environment.safeParse(given)
  if (!success) throw new Error(error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('\n'))
  const isDemoWanted = data.DEMO === 'on' && data.TLS_CERT === undefined
  return {
    dataDir: resolve(data.DATA_DIR),
    databaseUrl: data.DATABASE_URL,
    secretKey: data.SECRET_KEY,
    host: data.HOST,
    httpPort: data.HTTP_PORT,
    mqttPort: data.MQTT_PORT,
    isDemoWanted,
    setup: data.SETUP ?? (isDemoWanted ? 'open' : 'code'),
    trustedProxies: data.TRUSTED_PROXIES ?? ['127.0.0.1', '::1', ...(isIP(data.HOST) ? [data.HOST] : [])].join(','),
  }
}

/** The log level of processes that have no configuration of their own. */
export function readLogLevel(environment: NodeJS.ProcessEnv = process.env): string {
  return environment.LOG_LEVEL || 'info'
}
