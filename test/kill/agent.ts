// An agent as ours is, as far as a broker can tell: a journal that keeps each sample until it is acknowledged, live samples first,
// what was left behind in backlogs. What it measures follows from device and number, so that anybody can say what must be stored.
import { MAX_BACKLOG_SAMPLES, type Sample } from '@ridethrough/protocol/message/telemetry.ts'
import { deviceTopic } from '@ridethrough/protocol/topic.ts'
import mqtt, { type MqttClient } from 'mqtt'
import type { TestAgent } from '../support/world.ts'

export type KillAgentOptions = {
  readonly mqttUrl: string
  readonly agent: TestAgent
  readonly deviceIds: readonly string[]
  /** Between two samples of one device. */
  readonly everyMs: number
  /** Of the first sample of each device. */
  readonly since: number
}

/** Live samples on their way; what is measured beyond them goes later, as backlog. */
const WINDOW = 200
const RETRY_MS = 50
/** As ours: a message that was given up goes again on the next connection. */
const PUBACK_TIMEOUT_MS = 60_000

type Device = {
  readonly id: string
  last: number
  /** Not acknowledged, oldest first; true while it is on its way. */
  readonly journal: Map<number, boolean>
  readonly acknowledged: Set<number>
  isBacklogOnItsWay: boolean
}

export class KillAgent {
  readonly devices: readonly Device[]
  readonly #options: KillAgentOptions
  readonly #onAcknowledged: (count: number) => void
  readonly #measuring: NodeJS.Timeout
  #client: MqttClient | undefined
  #live = 0
  #retry: NodeJS.Timeout | undefined
  #isStopped = false

  constructor(options: KillAgentOptions, onAcknowledged: (count: number) => void) {
    this.#options = options
    this.#onAcknowledged = onAcknowledged
    this.devices = options.deviceIds.map((id) => ({
      ...{ id, last: 0, journal: new Map(), acknowledged: new Set() },
      isBacklogOnItsWay: false,
    }))
    this.#measuring = setInterval(() => this.#measure(), options.everyMs)
    this.#connect()
  }

  /** From here on it only sends what it has. */
  stopMeasuring(): void {
    clearInterval(this.#measuring)
  }

  stop(): void {
    this.stopMeasuring()
    this.#isStopped = true
    clearTimeout(this.#retry)
    this.#client?.end(true)
  }

  #measure(): void {
    for (const device of this.devices) {
      device.last += 1
      device.journal.set(device.last, false)
      if (this.#client?.connected && this.#live < WINDOW) this.#sendLive(device, device.last)
    }
  }

  #connect(): void {
    const { mqttUrl, agent } = this.#options
    const client = mqtt.connect(mqttUrl, {
      ...{ clientId: agent.agentId, username: `agent:${agent.agentId}`, password: agent.token },
      ...{ reconnectPeriod: 0, keepalive: 30, connectTimeout: 10_000, clean: true },
    })
    this.#client = client
    client.on('error', () => {
      // 'close' follows
    })
    client.once('connect', () => {
      for (const device of this.devices) this.#sendBacklog(device)
    })
    client.once('close', () => {
      this.#client = undefined
      client.end(true)
      this.#live = 0
      for (const device of this.devices) {
        device.isBacklogOnItsWay = false
        for (const seq of device.journal.keys()) device.journal.set(seq, false)
      }
      if (!this.#isStopped) this.#retry = setTimeout(() => this.#connect(), RETRY_MS)
    })
  }

  #sendLive(device: Device, seq: number): void {
    this.#live += 1
    device.journal.set(seq, true)
    const sample = sampleOf(device.id, seq, this.#options.since)
    this.#publish(deviceTopic(device.id, 'state'), JSON.stringify(sample), () => {
      this.#live -= 1
      this.#acknowledge(device, [seq])
    })
  }

  #sendBacklog(device: Device): void {
    if (device.isBacklogOnItsWay) return
    const seqs: number[] = []
    for (const [seq, isOnItsWay] of device.journal) {
      if (seqs.length === MAX_BACKLOG_SAMPLES) break
      if (!isOnItsWay) seqs.push(seq)
    }
    if (seqs.length === 0) return
    device.isBacklogOnItsWay = true
    for (const seq of seqs) device.journal.set(seq, true)
    const samples = seqs.map((seq) => sampleOf(device.id, seq, this.#options.since))
    this.#publish(deviceTopic(device.id, 'backlog'), JSON.stringify({ samples }), () => {
      device.isBacklogOnItsWay = false
      this.#acknowledge(device, seqs)
      this.#sendBacklog(device)
    })
  }

  /** Only a PUBACK on this very connection means "stored". */
  #publish(topic: string, payload: string, done: () => void): void {
    const client = this.#client
    const timer = setTimeout(() => client?.end(true), PUBACK_TIMEOUT_MS)
    client?.publish(topic, payload, { qos: 1 }, (error) => {
      clearTimeout(timer)
      if (!error && this.#client === client) done()
    })
  }

  #acknowledge(device: Device, seqs: readonly number[]): void {
    for (const seq of seqs) {
      device.journal.delete(seq)
      device.acknowledged.add(seq)
    }
    this.#onAcknowledged(seqs.length)
    // What was measured while the window was full.
    if (device.journal.size > WINDOW) this.#sendBacklog(device)
  }
}

export function sampleOf(deviceId: string, seq: number, since: number): Sample {
  const at = since + seq
  const mark = `${deviceId.slice(0, 8)}-${seq}`
  if (seq % 11 === 0) return { kind: 'problem', seq, at, problem: 'no-answer', detail: mark }
  return {
    ...{ kind: 'values', seq, at, status: seq % 7 === 0 ? 'OB DISCHRG' : 'OL' },
    variables: { 'battery.charge': seq % 100, 'input.voltage': 230 + (seq % 50) / 10, 'ups.id': mark },
  }
}
