// The API as a process part: everything it needs is opened here and closed here.

import type { AddressInfo } from 'node:net'
import { systemClock } from '@ridethrough/db/clock.ts'
import { EDGE_CONNECTIONS, Edge } from '@ridethrough/db/edge.ts'
import { watchEventLoop } from '@ridethrough/db/event-loop.ts'
import { Listener } from '@ridethrough/db/listen.ts'
import { migrate } from '@ridethrough/db/migrate.ts'
import { openDb } from '@ridethrough/db/pool.ts'
import { Uses } from '@ridethrough/db/uses.ts'
import type { Logger } from 'pino'
import { buildApp } from './app.ts'
import type { ApiConfig } from './config.ts'
import type { ApiContext } from './context.ts'
import { createEdgeHooks } from './edge-hooks.ts'
import { startJobs } from './job/worker.ts'
import { LiveHub } from './live/hub.ts'
import { createMailWriter } from './mail/template.ts'
import { createMailTexts } from './mail/text.ts'
import { createMetrics } from './metrics.ts'
import { createPasswords } from './password.ts'
import { Reads } from './reads.ts'
import { Refusals } from './refusals.ts'
import { createSecretBox } from './second-factor/secret-box.ts'
import { prepareSetup } from './team/setup.ts'
import { createThrottles } from './throttles.ts'
import { openTls } from './tls.ts'

export type RunningApi = {
  /** Where it listens, without a slash at the end. */
  readonly httpUrl: string
  /** The code with which the first account is made; `undefined` when there is one, or anybody may make it. */
  readonly operatorCode: string | undefined
  /** Lets requests in flight end; repeats are harmless. */
  stop(): Promise<void>
}

export async function startApi(config: ApiConfig, log: Logger): Promise<RunningApi> {
  const closers: (() => Promise<void> | void)[] = []
  let stopping: Promise<void> | undefined
  const stop = () => {
    stopping ??= closeAll(closers)
    return stopping
  }
  try {
    const { httpUrl, operatorCode } = await open(config, log, (close) => closers.unshift(close))
    log.info({ url: httpUrl }, 'the API listens')
    // Whoever can read this can start the server: it is how a first account gets by without a default password.
    if (operatorCode !== undefined)
      log.warn(`no account exists yet: open ${httpUrl} and make the operator's with the code ${operatorCode}`)
    return { httpUrl, operatorCode, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** `later` takes what has to be closed, the last opened first. */
async function open(
  config: ApiConfig,
  log: Logger,
  later: (close: () => Promise<void> | void) => void,
): Promise<Pick<RunningApi, 'httpUrl' | 'operatorCode'>> {
  const clock = systemClock
  const db = openDb(config.databaseUrl, log)
  later(() => db.destroy())
  await migrate(db, config.databaseUrl)
  const listener = await Listener.start(config.databaseUrl, log)
  later(() => listener.stop())

  const metrics = createMetrics()
  const reads = new Reads()
  // Assigned once the edge has started; before that nobody is served.
  let isServing = () => false
  const uses = new Uses({ db, log })
  later(() => uses.stop())
  const hub = new LiveHub({ db, clock, log, metrics, uses, isServing: () => isServing() })
  const edgeDb = openDb(config.databaseUrl, log, { max: EDGE_CONNECTIONS })
  later(() => edgeDb.destroy())
  const edge = await Edge.start({
    db: edgeDb,
    listener,
    kind: 'api',
    hooks: createEdgeHooks({ hub, reads, metrics }),
    clock,
    log,
  })
  isServing = () => edge.isServing()
  later(() => edge.stop())
  later(() => reads.stop())
  later(watchEventLoop(clock, (seconds) => metrics.eventLoopDelay.observe(seconds)))

  const tls = config.tls && (await openTls(config.tls, { clock, log, metrics }))
  if (tls) later(() => tls.stop())
  const scheme = tls ? 'https' : 'http'
  let publicUrl = config.publicUrl
  const settings = {
    publicUrl: () => publicUrl ?? boundUrl(scheme, config.host, config.httpPort),
    hasMailServer: config.smtpUrl !== undefined,
    mqttUrl: config.mqttUrl,
    mqttSockets: config.mqttSockets,
    defaultPlan: config.defaultPlan,
    webDist: config.webDist,
    trustProxy: config.trustProxy,
    invitationMs: config.invitationHours * 3_600_000,
    requestsPerMinute: config.requestsPerMinute,
    setup: config.setup,
  }
  const mails = createMailWriter(await createMailTexts(), settings.publicUrl)
  if (config.jobs === 'on') {
    const jobs = await startJobs({ ...config, db, clock, log, metrics, mails, settings })
    later(() => jobs.stop())
  }
  const passwords = createPasswords()
  const refusals = new Refusals({ db, clock, log })
  later(() => refusals.stop())
  const context: ApiContext = {
    ...{ db, listener, edge, clock, log, settings, passwords, mails, reads, hub, uses, metrics },
    refusals,
    secrets: createSecretBox(config.secretKey, 'totp'),
    linkSecrets: createSecretBox(config.secretKey, 'link'),
    throttles: createThrottles(db),
  }
  const app = await buildApp(context, tls?.options)
  tls?.follow(app.server)
  later(() => app.close())
  for (const off of followStates(context)) later(off)
  hub.start()
  later(() => hub.stop())
  await app.listen({ host: config.host, port: config.httpPort })
  const httpUrl = boundUrl(scheme, config.host, (app.server.address() as AddressInfo).port)
  publicUrl ??= httpUrl
  return { httpUrl, operatorCode: await prepareSetup(context) }
}

function followStates({ listener, hub }: ApiContext): (() => void)[] {
  return [
    listener.on('device_state', (payload) => hub.refresh(payload.split(','))),
    listener.on('agent_state', (agentId) => hub.refreshAgent(agentId)),
    listener.on('notice', (accountId) => hub.tellUnread(accountId)),
    // What was said while nobody listened is lost: everything that is watched is read again.
    listener.onUp(() => hub.refreshAll()),
    listener.onUp(() => hub.tellUnread()),
  ]
}

function boundUrl(scheme: 'http' | 'https', host: string, port: number): string {
  const name = host === '0.0.0.0' || host === '::' ? 'localhost' : host
  return `${scheme}://${name.includes(':') ? `[${name}]` : name}:${port}`
}

async function closeAll(closers: readonly (() => Promise<void> | void)[]): Promise<void> {
  const failures: unknown[] = []
  for (const close of closers) {
    try {
      await close()
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, 'the API did not stop cleanly')
}
