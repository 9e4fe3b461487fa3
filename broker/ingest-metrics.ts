// What waits for the database, read when somebody asks: counting it at each message would cost more than it tells.
import { Gauge, type Registry } from 'prom-client'

export type Queue = {
  readonly samples: () => number
  readonly bytes: () => number
  readonly lagSeconds: () => number
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
  gauge('samples_waiting', 'Samples that wait for their commit', queue.samples)
  gauge('samples_waiting_bytes', 'Bytes of the samples that wait for their commit', queue.bytes)
  gauge('ingest_lag_seconds', 'Age of the oldest sample that waits for its commit', queue.lagSeconds)
}
