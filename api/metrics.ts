// What the API counts, in a registry of its own.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import pkg from './package.json' with { type: 'json' }

export type Metrics = ReturnType<typeof createMetrics>

export function createMetrics() {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const registers = [registry]
  new Gauge({
    name: 'ridethrough_build_info',
    help: 'What runs here; always 1',
    labelNames: ['version', 'node'],
    registers,
  }).set({ version: pkg.version, node: process.versions.node }, 1)
  const mails = new Counter({
    name: 'ridethrough_mails_total',
    help: 'Mails by outcome',
    labelNames: ['outcome'],
    registers,
  })
  const mqttRefused = new Counter({
    name: 'ridethrough_mqtt_sockets_refused_total',
    help: 'MQTT clients over WebSocket that were not let in because there were too many, by whose limit it was',
    labelNames: ['reason'],
    registers,
  })
  // shown from the start, so that the first one that fails is an increase
  for (const outcome of ['sent', 'retried', 'failed']) mails.inc({ outcome }, 0)
  for (const reason of ['all', 'address']) mqttRefused.inc({ reason }, 0)
  return {
    registry,
    requests: new Histogram({
      name: 'ridethrough_http_request_seconds',
      help: 'Time from the request to the end of the answer',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.005, 0.02, 0.1, 0.5, 2, 10],
      registers,
    }),
    certificateExpiry: new Gauge({
      name: 'ridethrough_tls_certificate_expiry_seconds',
      help: 'End of the TLS certificate, in seconds since 1970; 0 without one',
      registers,
    }),
    viewers: new Gauge({ name: 'ridethrough_live_viewers', help: 'Open live connections', registers }),
    frames: new Counter({ name: 'ridethrough_live_frames_total', help: 'Frames sent to viewers', registers }),
    dropped: new Counter({
      name: 'ridethrough_live_frames_dropped_total',
      help: 'Frames not sent because the viewer was slow; its newest state follows later',
      registers,
    }),
    slowViewers: new Counter({
      name: 'ridethrough_live_viewers_cut_total',
      help: 'Viewers cut off because they did not read',
      registers,
    }),
    mqttSockets: new Gauge({
      name: 'ridethrough_mqtt_sockets',
      help: 'MQTT clients over WebSocket that are carried to the broker',
      registers,
    }),
    mqttRefused,
    mails,
    accessChange: new Histogram({
      name: 'ridethrough_access_change_seconds',
      help: 'Time until every edge had applied a change of access',
      buckets: [0.005, 0.02, 0.1, 0.5, 2, 10],
      registers,
    }),
    accessWaiting: new Gauge({
      name: 'ridethrough_access_changes_waiting',
      help: 'Changes of access that are stored and wait until every edge has applied them',
      registers,
    }),
    eventLoopDelay: new Histogram({
      name: 'ridethrough_event_loop_delay_seconds',
      help: 'How much later than wanted the event loop comes round, looked at 50 times a second',
      buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2.5, 10],
      registers,
    }),
    serving: new Gauge({
      name: 'ridethrough_edge_serving',
      help: '1 while this process may serve rights, 0 while it cannot confirm them',
      registers,
    }),
  }
}
