// What the broker counts, and the small web server that shows it.
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { LIMIT_NAMES, type LimitName, type Limits, labelOf } from './limits.ts'

export type Metrics = ReturnType<typeof createMetrics>

/** A registry of its own: two brokers in one process (tests) must not count together. */
export function createMetrics() {
  const registry = new Registry()
  const registers = [registry]
  const counter = <L extends string>(name: string, help: string, ...labelNames: L[]) =>
    new Counter({ name: `ridethrough_broker_${name}`, help, labelNames, registers })
  const gauge = <L extends string>(name: string, help: string, ...labelNames: L[]) =>
    new Gauge({ name: `ridethrough_broker_${name}`, help, labelNames, registers })
  /** Counted on every message: a field costs a tenth of what a counter with labels does. Read when somebody asks. */
  const counts = { deliveries: 0, live: 0, bytesIn: 0 }
  const counted = (name: string, help: string, field: keyof typeof counts) =>
    new Counter({
      name: `ridethrough_broker_${name}`,
      help,
      registers,
      collect() {
        this.reset()
        this.inc(counts[field])
      },
    })
  return {
    registry,
    counts,
    connections: gauge('connections', 'Clients that are signed in', 'kind'),
    connects: counter('connects_total', 'CONNECT packets by their outcome', 'outcome'),
    packetsRefused: counter('packets_refused_total', 'Packets that were refused, by reason', 'reason'),
    connectionsCut: counter('connections_cut_total', 'Connections that the broker ended, by reason', 'reason'),
    publishes: counter('publishes_total', 'Messages that clients published, by what became of them', 'outcome'),
    subscriptions: counter('subscriptions_total', 'Filters asked for, by answer', 'answer'),
    deliveries: counted('deliveries_total', 'Messages written to clients', 'deliveries'),
    live: counted('live_total', 'Live messages that agents published', 'live'),
    bytesIn: counted('received_bytes_total', 'Bytes that clients sent', 'bytesIn'),
    deliveriesDropped: counter(
      'deliveries_dropped_total',
      'Messages not written although subscribed, by reason',
      'reason',
    ),
    samplesStored: counter('samples_stored_total', 'Samples that were committed'),
    commitSeconds: new Histogram({
      name: 'ridethrough_broker_commit_seconds',
      help: 'Time from a flush to its commit',
      buckets: [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
      registers,
    }),
    storeFailures: counter('store_failures_total', 'Statements that failed because the database did not answer'),
    enrolments: counter('enrolments_total', 'Agents seen for the first time, by outcome', 'outcome'),
    handshakes: gauge('handshakes', 'Connections about their PROXY line, TLS handshake or upgrade'),
    certificateExpiry: gauge('tls_certificate_expiry_seconds', 'End of the TLS certificate, in seconds since 1970'),
    cuts: counter('access_cuts_total', 'What changes of access cut off', 'what'),
    limits: gauge('limit', 'Limits as they are set', 'name'),
    limitHits: counter('limit_hits_total', 'What was refused, dropped or made to wait by a limit', 'name'),
    unsigned: gauge('unsigned_connections', 'Connections that have not been answered by CONNACK'),
    unsignedBytes: gauge('unsigned_bytes', 'Bytes held for connections before CONNACK'),
    signIns: gauge('sign_ins', 'Sign-ins that are looked at', 'kind'),
    signInsWaiting: gauge('sign_ins_waiting', 'Sign-ins that wait for their turn', 'kind'),
  }
}

/** Something went beyond this limit. */
export function hit(metrics: Metrics, name: LimitName): void {
  metrics.limitHits.inc({ name: labelOf(name) })
}

export function showLimits(metrics: Metrics, limits: Limits): void {
  for (const name of LIMIT_NAMES) metrics.limits.set({ name: labelOf(name) }, limits[name])
}

/** `isReady` decides /readyz; /healthz only says that the process answers. */
export async function serveMetrics(
  metrics: Metrics,
  options: { readonly host: string; readonly port: number; readonly isReady: () => boolean },
): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const server = createServer((request, response) => {
    response.on('error', () => response.destroy())
    answer(request.url ?? '/', response, metrics, options.isReady)
  })
  server.requestTimeout = 5000
  await listening(server, options.port, options.host)
  const { port } = server.address() as AddressInfo
  return {
    url: `http://${options.host}:${port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function answer(url: string, response: ServerResponse, metrics: Metrics, isReady: () => boolean): void {
  const path = url.split('?', 1)[0]
  if (path === '/healthz') say(response, 200, 'ok\n')
  else if (path === '/readyz' && isReady()) say(response, 200, 'ready\n')
  else if (path === '/readyz') say(response, 503, 'not serving: changes of access cannot be confirmed\n')
  else if (path === '/metrics') {
    metrics.registry.metrics().then(
      (text) => say(response, 200, text, metrics.registry.contentType),
      () => say(response, 500, 'metrics could not be collected\n'),
    )
  } else say(response, 404, 'not found\n')
}

function say(response: ServerResponse, status: number, text: string, type = 'text/plain; charset=utf-8'): void {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(text)
}

function listening(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
}
