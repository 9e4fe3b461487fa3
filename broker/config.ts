// What the broker is told from outside: the environment, checked once.
import { z } from 'zod'

const Port = z.coerce.number().int().min(0).max(65_535)

const Environment = z.object({
  DATABASE_URL: z.string().min(1, 'is needed: a postgres:// address'),
  HOST: z.string().min(1).default('0.0.0.0'),
  MQTT_PORT: Port.default(1883),
  /** Metrics name no secret, but they are nobody else's business either. */
  METRICS_HOST: z.string().min(1).default('127.0.0.1'),
  METRICS_PORT: Port.default(9180),
  MAX_CONNECTIONS: z.coerce.number().int().min(1).default(20_000),
  STORE_PATIENCE_MS: z.coerce.number().int().min(100).default(30_000),
})

export type BrokerConfig = {
  readonly databaseUrl: string
  readonly host: string
  /** 0 picks a free one. */
  readonly mqttPort: number
  readonly metricsHost: string
  readonly metricsPort: number
  readonly maxConnections: number
  /** How long a publish may wait for the database before its connection is ended. */
  readonly storePatienceMs: number
}

/** Throws an Error that names every variable at fault. */
export function readBrokerConfig(environment: NodeJS.ProcessEnv = process.env): BrokerConfig {
  const result = Environment.safeParse(environment)
  if (!result.success) {
    throw new Error(result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; '))
  }
  const { data } = result
  return {
    databaseUrl: data.DATABASE_URL,
    host: data.HOST,
    mqttPort: data.MQTT_PORT,
    metricsHost: data.METRICS_HOST,
    metricsPort: data.METRICS_PORT,
    maxConnections: data.MAX_CONNECTIONS,
    storePatienceMs: data.STORE_PATIENCE_MS,
  }
}
