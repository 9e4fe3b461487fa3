// Everything on one machine: PostgreSQL, broker, API with the console, and the demonstration while no real device is registered.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createDatabase } from '@ridethrough/db/database.ts'
import { startEmbeddedPostgres } from '@ridethrough/db/embedded.ts'
import { migrate } from '@ridethrough/db/migrate.ts'
import { openDb } from '@ridethrough/db/pool.ts'
import closeWithGrace from 'close-with-grace'
import { type Logger, pino } from 'pino'
import { Child } from './children.ts'
import type { StartConfig } from './config.ts'
import { buildConsole, WEB_DIST } from './console.ts'
import { startDemo } from './demo.ts'
import { lockFolder } from './lock.ts'
import { keptSecretKey } from './secret-key.ts'

/** What is to be stopped, in the order in which it was started. */
type Stops = { readonly what: string; readonly stop: () => Promise<void> }[]

export async function start(config: StartConfig, say: (line: string) => void): Promise<void> {
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 })
  const log = pino({ name: 'start', level: 'warn' })
  const stops: Stops = []
  const stopAll = async () => {
    for (const { what, stop } of stops.splice(0).reverse()) {
      await stop().catch((error: unknown) => log.error({ err: error, what }, 'could not be stopped cleanly'))
    }
  }
  const grace = closeWithGrace({ delay: 40_000, logger: false }, async ({ err, signal }) => {
    if (err) log.fatal({ err }, 'stopping after an error that nobody caught')
    if (signal) say('Stopping …')
    await stopAll()
    say('Stopped. The next start goes on where this one ended.')
  })
  try {
    stops.push({ what: 'lock', stop: await lockFolder(config.dataDir) })
    await startParts(config, say, stops, log)
  } catch (error) {
    grace.uninstall()
    await stopAll()
    throw error
  }
}

async function startParts(config: StartConfig, say: (line: string) => void, stops: Stops, log: Logger): Promise<void> {
  const building = buildConsole(say)
  const databaseUrl = config.databaseUrl ?? (await startDatabase(config.dataDir, stops, log))
  const db = openDb(databaseUrl, log)
  stops.push({ what: 'database connections', stop: () => db.destroy() })
  await migrate(db, databaseUrl)
  await building

  const common = { logFolder: join(config.dataDir, 'logs'), say }
  const secretKey = config.secretKey ?? (await keptSecretKey(config.dataDir))
  const env = { DATABASE_URL: databaseUrl, HOST: config.host, WEB_DIST }
  const broker = await Child.start(
    'broker',
    {
      ...common,
      args: ['broker'],
      env: {
        ...env,
        MQTT_PORT: String(config.mqttPort),
        METRICS_PORT: '0',
        // The API carries MQTT over WebSocket, and says whose it is.
        TRUSTED_PROXIES: config.trustedProxies,
      },
    },
    ({ mqtt, mqtts, ws, wss }) => ({
      MQTT_PORT: new URL(String(mqtt)).port,
      ...(mqtts ? { MQTTS_PORT: new URL(String(mqtts)).port } : {}),
      ...(ws ? { MQTT_WS_PORT: new URL(String(ws)).port } : {}),
      ...(wss ? { MQTT_WSS_PORT: new URL(String(wss)).port } : {}),
    }),
  )
  stops.push({ what: 'broker', stop: () => broker.child.stop() })
  const api = await Child.start(
    'api',
    {
      ...common,
      args: ['api'],
      env: {
        ...env,
        HTTP_PORT: String(config.httpPort),
        SETUP: config.setup,
        SECRET_KEY: secretKey,
        MQTT_URL: String(broker.ready.mqtt),
      },
    },
    (ready) => ({ HTTP_PORT: new URL(String(ready.http)).port }),
  )
  stops.push({ what: 'api', stop: () => api.child.stop() })

  const addresses = { http: String(api.ready.http), mqtt: String(broker.ready.mqtt) }
  say(`Console  ${addresses.http}`)
  say(`MQTT     ${addresses.mqtt}`)
  if (broker.ready.mqtts) say(`MQTTS    ${broker.ready.mqtts}`)
  say(`         ${addresses.http.replace(/^http/, 'ws')}/mqtt`)
  for (const own of [broker.ready.ws, broker.ready.wss]) if (own) say(`         ${own}`)
  const { operatorCode } = api.ready
  if (operatorCode)
    say(`Setup    no account exists yet: open the console and make the first one with the code ${operatorCode}`)
  if (!config.isDemoWanted) return
  const demo = await startDemo({ db, addresses, dataDir: config.dataDir, common })
  if (!demo) return
  stops.push({ what: 'demonstration', stop: demo.stop })
  for (const line of demo.lines) say(line)
}

async function startDatabase(dataDir: string, stops: Stops, log: Logger): Promise<string> {
  const server = await startEmbeddedPostgres({ folder: join(dataDir, 'postgres'), log })
  stops.push({ what: 'PostgreSQL', stop: () => server.stop() })
  await createDatabase(server.url, 'ridethrough', log)
  return server.urlOf('ridethrough')
}
