// What the process that makes the load is asked to do, and what it says of it.
import type { Spread } from '../figures.ts'

export type IngestAgent = { readonly agentId: string; readonly token: string; readonly deviceIds: readonly string[] }

export type IngestJob = {
  readonly port: number
  readonly agents: readonly IngestAgent[]
  readonly kind: 'state' | 'backlog'
  /** Samples in each message. */
  readonly perMessage: number
  readonly messages: number
  /** Numbers go up through all devices: each device's own rise, and none comes twice. */
  readonly firstSeq: number
  /** Messages of one agent that may wait for their acknowledgement. */
  readonly window: number
  /** Between two messages of all agents together; 0: as fast as they are acknowledged. */
  readonly everyMs: number
}

export type IngestResult = {
  /** From the first PUBLISH to the last PUBACK. */
  readonly seconds: number
  readonly cpuSeconds: number
  /** From PUBLISH to PUBACK. */
  readonly latencyMs: Spread
}
