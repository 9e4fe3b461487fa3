// What waits for the database, read when somebody asks: counting it at each message would cost more than it tells.
import { Counter, Gauge, type Registry } from 'prom-client'

export type Queue = {
  readonly samples: () => number
  readonly bytes: () => number
  readonly lagSeconds: () => number
  readonly copied: () => number
  readonly again: () => number
}

export function measureIngest(registry: Registry, queue: Queue): void {
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name: `ridethrough_broker_${name}`,
      help,
      registers: [registry],
      collect() {
        this.set(read())
      },
    })
  const counter = (name: string, help: string, read: () => number) =>
    new Counter({
      name: `ridethrough_broker_${name}`,
      help,
      registers: [registry],
      collect() {
        this.reset()
        this.inc(read())
      },
    })
  gauge('samples_waiting', 'Samples that wait for their commit', queue.samples)
  gauge('ingest_waiting_bytes', 'Bytes of the samples that wait for their commit', queue.bytes)
  gauge('ingest_lag_seconds', 'Age of the oldest sample that waits for its commit', queue.lagSeconds)
  counter('samples_copied_total', 'Samples that were committed by COPY, the quick way', queue.copied)
  counter('ingest_groups_again_total', 'Groups that were written again because COPY met a repeat', queue.again)
}
