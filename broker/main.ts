// Puts the broker together, starts it, stops it.
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { type Clock, systemClock } from '@ridethrough/db/clock.ts'
import { EDGE_CONNECTIONS, Edge } from '@ridethrough/db/edge.ts'
import { Listener } from '@ridethrough/db/listen.ts'
import { checkServer, openDb } from '@ridethrough/db/pool.ts'
import { markAllAgentsOffline } from '@ridethrough/db/query/agent.ts'
import { Uses } from '@ridethrough/db/uses.ts'
import { deviceTopic } from '@ridethrough/protocol/topic.ts'
import type { AedesPublishPacket } from 'aedes'
import type { Logger } from 'pino'
import { Agents } from './agents.ts'
import { Authenticator } from './authenticate.ts'
import { Broker } from './broker.ts'
import type { BrokerConfig } from './config.ts'
import { Delivery } from './deliver.ts'
import { Emitter } from './emitter.ts'
import { Ingest, type IngestOptions } from './ingest.ts'
import { limitsWith } from './limits.ts'
import { createMetrics, serveMetrics } from './metrics.ts'
import { readProxyLine, trustedProxies } from './proxy.ts'
import { RetainedStates } from './retained.ts'
import { edgeHooks } from './revoke.ts'
import { Sessions } from './sessions.ts'
import { createTlsServer } from './tls.ts'

export type RunningBroker = {
  readonly mqttUrl: string
  /** Only with a certificate. */
  readonly mqttsUrl: string | undefined
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
  const sessions = new Sessions()
  const emitter = new Emitter<AedesPublishPacket>({
    onError: (error, topic) => log.error({ err: error, topic }, 'a delivery failed'),
  })
  let edge: Edge | undefined
  const isServing = () => edge?.isServing() ?? false
  const whenServing = async () => (await edge?.whenServing()) ?? false
  const uses = new Uses({ db, log })
  onStop(() => uses.stop())
  const delivery = new Delivery({ emitter, sessions, isServing, whenServing, clock, metrics, uses })
  const retained = await RetainedStates.start(db, listener, log)
  onStop(() => retained.stop())
  const agents = new Agents({ db, clock, log, delivery })
  onStop(() => agents.stop())
  const onStored = handOn(retained, delivery)
  const ingest = new Ingest({ db, clock, log, metrics, patienceMs: config.storePatienceMs, onStored })
  onStop(() => ingest.stop())

  let broker: Broker | undefined
  const hooks = edgeHooks({
    sessions,
    agents,
    clock,
    log,
    metrics,
    unsubscribe: (session, filter) => broker?.unsubscribe(session, filter),
  })
  const edgeDb = openDb(config.databaseUrl, log, { max: EDGE_CONNECTIONS })
  onStop(() => edgeDb.destroy())
  edge = await Edge.start({ db: edgeDb, listener, kind: 'broker', hooks, clock, log })
  onStop(() => edge.stop())
  const authenticator = new Authenticator({ db, edge, clock, log, metrics })
  const parts = { edge, sessions, emitter, delivery, authenticator, agents, ingest, retained, clock, log, metrics }
  broker = await Broker.start(parts)
  const { tls } = config
  const server = createServer(accepting(broker, config.trustedProxies ?? []))
  const secure = tls && (await createTlsServer({ paths: tls, onSocket: accepting(broker, []), metrics, clock, log }))
  if (secure) onStop(() => secure.stop())
  const servers = secure ? [server, secure.server] : [server]
  for (const each of servers) each.maxConnections = limits.connections
  const hangUp = servers.map(hangUpOn)
  onStop(async () => {
    // nobody new comes in while those that are in are shown out
    const areClosed = Promise.all(servers.map(closed))
    await broker?.stop()
    for (const end of hangUp) end()
    await areClosed
  })
  const port = await listening(server, config.mqttPort, config.host)
  const mqttsPort = tls && secure && (await listening(secure.server, tls.mqttsPort, config.host))
  const web = await serveMetrics(metrics, { host: config.metricsHost, port: config.metricsPort, isReady: isServing })
  onStop(() => web.stop())
  log.info({ host: config.host, port, mqttsPort, devices: retained.size }, 'the broker lets clients in')
  return {
    mqttUrl: `mqtt://${config.host}:${port}`,
    mqttsUrl: mqttsPort === undefined ? undefined : `mqtts://${config.host}:${mqttsPort}`,
    metricsUrl: web.url,
  }
}

/** Only a listed proxy is believed when it names somebody else's address; for all others the socket's own counts. */
function accepting(broker: Broker, places: readonly string[]): (socket: Socket) => void {
  const proxies = trustedProxies(places)
  return (socket) => {
    if (!proxies.trusts(socket.remoteAddress)) broker.accept(socket)
    else readProxyLine(socket, (address) => broker.accept(socket, address))
  }
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

/** Also those who are still about their handshake, which no connection of the broker's stands for. */
function hangUpOn(server: Server): () => void {
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  return () => {
    for (const socket of sockets) socket.destroy()
  }
}

function listening(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve((server.address() as AddressInfo).port)
    })
  })
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()))
}
