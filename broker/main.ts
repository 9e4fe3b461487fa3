// Puts the broker together, starts it, stops it.
import { type Clock, systemClock } from '@ridethrough/db/clock.ts'
import { EDGE_CONNECTIONS, Edge } from '@ridethrough/db/edge.ts'
import { watchEventLoop } from '@ridethrough/db/event-loop.ts'
import { Listener } from '@ridethrough/db/listen.ts'
import { checkServer, openDb } from '@ridethrough/db/pool.ts'
import { markAllAgentsOffline } from '@ridethrough/db/query/agent.ts'
import { Uses } from '@ridethrough/db/uses.ts'
import { deviceTopic } from '@ridethrough/protocol/topic.ts'
import type { Logger } from 'pino'
import { Admission } from './admission.ts'
import { Agents } from './agents.ts'
import { Authenticator, SIGN_IN_CONNECTIONS } from './authenticate.ts'
import { Broker } from './broker.ts'
import type { BrokerConfig } from './config.ts'
import { Delivery } from './deliver.ts'
import { Doors } from './doors.ts'
import { Elsewhere } from './elsewhere.ts'
import { Handshakes } from './handshakes.ts'
import { Ingest, type IngestOptions } from './ingest.ts'
import { limitsWith } from './limits.ts'
import { measure } from './measure.ts'
import { createMetrics, showLimits } from './metrics.ts'
import { serveMetrics } from './metrics-server.ts'
import { openDoors } from './open-doors.ts'
import { trustedProxies } from './proxy.ts'
import { quietLog } from './quiet-log.ts'
import { RetainedStates } from './retained.ts'
import { edgeHooks } from './revoke.ts'
import { Router } from './router.ts'
import { Sessions } from './sessions.ts'
import { openTls } from './tls.ts'

export type RunningBroker = {
  readonly mqttUrl: string
  /** Only with a certificate. */
  readonly mqttsUrl: string | undefined
  /** Only when asked for. */
  readonly wsUrl: string | undefined
  /** Only when asked for, and with a certificate. */
  readonly wssUrl: string | undefined
  readonly metricsUrl: string
  /** Idempotent. Agents that were connected are marked as gone, what is waiting is stored. */
  stop(): Promise<void>
}

/** Resolves when clients are let in. The database must be migrated. */
export async function startBroker(
  config: BrokerConfig,
  log: Logger,
  clock: Clock = systemClock,
): Promise<RunningBroker> {
  const cleanups: (() => Promise<void>)[] = []
  // the last started is the first stopped
  const stopAll = async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
  }
  try {
    const urls = await start(config, log, clock, (cleanup) => cleanups.push(cleanup))
    let stopping: Promise<void> | undefined
    return {
      ...urls,
      stop: () => {
        stopping ??= stopAll()
        return stopping
      },
    }
  } catch (error) {
    await stopAll()
    throw error
  }
}

async function start(
  config: BrokerConfig,
  log: Logger,
  clock: Clock,
  onStop: (cleanup: () => Promise<void>) => void,
): Promise<Omit<RunningBroker, 'stop'>> {
  const db = openDb(config.databaseUrl, log)
  onStop(() => db.destroy())
  await checkServer(db)
  await markAllAgentsOffline(db)
  const listener = await Listener.start(config.databaseUrl, log)
  onStop(() => listener.stop())

  const limits = limitsWith(config.limits ?? {})
  const metrics = createMetrics()
  showLimits(metrics, limits)
  const quiet = quietLog(log, limits.logLinesPerReason)
  onStop(async () => quiet.stop())
  const admission = new Admission({ limits, clock, metrics })
  onStop(async () => admission.stop())
  const sessions = new Sessions()
  const router = new Router()
  let edge: Edge | undefined
  const isServing = () => edge?.isServing() ?? false
  const whenServing = async () => (await edge?.whenServing()) ?? false
  const uses = new Uses({ db, log })
  onStop(() => uses.stop())
  const delivery = new Delivery({ router, sessions, isServing, whenServing, clock, metrics, uses })
  const retained = await RetainedStates.start(db, listener, log)
  onStop(() => retained.stop())
  const agents = new Agents({ db, clock, log: quiet.log, delivery })
  onStop(() => agents.stop())
  const onStored = handOn(retained, delivery)
  const ingest = new Ingest({ db, clock, log, metrics, patienceMs: config.storePatienceMs, onStored })
  onStop(() => ingest.stop())

  let broker: Broker | undefined
  const hooks = edgeHooks({
    sessions,
    agents,
    router,
    clock,
    log,
    metrics,
    unsubscribe: (session, filter) => broker?.unsubscribe(session, filter),
  })
  const edgeDb = openDb(config.databaseUrl, log, { max: EDGE_CONNECTIONS })
  onStop(() => edgeDb.destroy())
  edge = await Edge.start({ db: edgeDb, listener, kind: 'broker', hooks, clock, log })
  onStop(() => edge.stop())
  const signInDb = openDb(config.databaseUrl, log, { max: SIGN_IN_CONNECTIONS })
  onStop(() => signInDb.destroy())
  const authenticator = new Authenticator({ db: signInDb, edge, clock, log: quiet.log, metrics, limits, admission })
  const elsewhere = new Elsewhere({ db, listener, sessions, brokerId: edge.id, log })
  onStop(async () => elsewhere.stop())
  const parts = {
    edge,
    elsewhere,
    sessions,
    router,
    admission,
    limits,
    delivery,
    authenticator,
    agents,
    ingest,
    retained,
    clock,
    log: quiet.log,
    metrics,
  }
  broker = await Broker.start(parts)
  const handshakes = new Handshakes({ limits, clock, metrics })
  onStop(async () => handshakes.stop())
  const tls = config.tls && (await openTls({ paths: config.tls, limits, clock, log: quiet.log, metrics }))
  if (tls) onStop(() => tls.stop())
  const proxies = trustedProxies(config.trustedProxies ?? [])
  const doors = new Doors({ host: config.host, proxies, handshakes, limits })
  onStop(() => doors.shut(async () => broker?.stop()))
  const urls = await openDoors(config, { broker, doors, handshakes, proxies, tls, limits, metrics, log: quiet.log })
  measure(metrics, { ...parts, broker, db })
  const stopWatching = watchEventLoop(clock, (seconds) => metrics.eventLoopDelay.observe(seconds))
  onStop(async () => stopWatching())
  const web = await serveMetrics(metrics, { host: config.metricsHost, port: config.metricsPort, isReady: isServing })
  onStop(() => web.stop())
  log.info({ ...urls, devices: retained.size }, 'the broker lets clients in')
  return { ...urls, metricsUrl: web.url }
}

/** What has just been stored becomes the state that is kept, and goes to the viewers: old samples do neither. */
function handOn(retained: RetainedStates, delivery: Delivery): IngestOptions['onStored'] {
  return (entries, advances) => {
    const moved = new Set(advances.map(({ deviceId }) => deviceId))
    for (const { deviceId, isFirst } of advances) if (isFirst) retained.forget(deviceId)
    for (const { deviceId, samples, payload } of entries) {
      const newest = samples.reduce((a, b) => (b.seq > a.seq ? b : a))
      if (!moved.has(deviceId)) continue
      const bytes = payload ?? Buffer.from(JSON.stringify(newest))
      if (retained.put(deviceId, newest.seq, bytes)) delivery.fanOut(deviceTopic(deviceId, 'state'), bytes)
    }
  }
}
