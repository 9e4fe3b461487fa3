// The far side of the link, played over a real broker: registers devices, and notes every sample in the order of arrival.
import { type AgentStatus, AgentStatus as AgentStatusSchema, Inventory } from '@ridethrough/protocol/message/agent.ts'
import { Backlog, Sample } from '@ridethrough/protocol/message/telemetry.ts'
import { agentTopic, parseTopic } from '@ridethrough/protocol/topic.ts'
import mqtt, { type MqttClient } from 'mqtt'
import { onTestFinished } from 'vitest'

export type Arrival = { readonly deviceId: string; readonly via: 'state' | 'backlog'; readonly sample: Sample }

export class Cloud {
  readonly arrivals: Arrival[] = []
  readonly inventories: Inventory[] = []
  readonly statuses: AgentStatus[] = []
  /** Which devices have an owner, and up to which number their samples are stored; the answer to every inventory. */
  readonly registered = new Map<string, number>()
  #client: MqttClient | undefined
  readonly #waiting = new Set<() => void>()

  async connect(port: number): Promise<void> {
    const client = mqtt.connect({ host: '127.0.0.1', port, reconnectPeriod: 0, clientId: `cloud-${Math.random()}` })
    client.on('error', () => {})
    client.on('message', (topic, payload) => this.#hear(topic, payload))
    this.#client = client
    await new Promise<void>((resolve) => client.once('connect', () => resolve()))
    await client.subscribeAsync('v1/#', { qos: 1 })
    onTestFinished(() => void client.end(true))
  }

  /** Resolves as soon as it is so, looking again at everything that arrives. */
  async until(isSo: (cloud: Cloud) => boolean): Promise<void> {
    if (isSo(this)) return
    await new Promise<void>((resolve) => {
      const look = () => {
        if (!isSo(this)) return
        this.#waiting.delete(look)
        resolve()
      }
      this.#waiting.add(look)
    })
  }

  sayRegistered(agentId: string): void {
    const devices = [...this.registered].map(([deviceId, seq]) => ({ deviceId, seq }))
    this.say(agentId, JSON.stringify({ kind: 'registered', devices }))
  }

  say(agentId: string, payload: string, retain = false): void {
    this.#client?.publish(agentTopic(agentId, 'commands'), payload, { qos: 1, retain })
  }

  /** Numbers of one device in the order in which each arrived first. */
  seqs(deviceId: string, via?: Arrival['via']): number[] {
    const mine = this.arrivals.filter((one) => one.deviceId === deviceId && (!via || one.via === via))
    return [...new Set(mine.map(({ sample }) => sample.seq))]
  }

  #hear(topic: string, payload: Buffer): void {
    const about = parseTopic(topic)
    // What this side says itself, sense or nonsense.
    if (about?.kind === 'agent' && about.suffix === 'commands') return
    const json: unknown = JSON.parse(payload.toString())
    if (about?.kind === 'agent' && about.suffix === 'inventory') {
      this.inventories.push(Inventory.parse(json))
      this.sayRegistered(about.agentId)
    }
    if (about?.kind === 'agent' && about.suffix === 'status') this.statuses.push(AgentStatusSchema.parse(json))
    if (about?.kind === 'device') this.#take(about.deviceId, about.suffix, json)
    for (const look of [...this.#waiting]) look()
  }

  #take(deviceId: string, suffix: string, json: unknown): void {
    const samples = suffix === 'state' ? [Sample.parse(json)] : suffix === 'backlog' ? Backlog.parse(json).samples : []
    for (const sample of samples) {
      this.arrivals.push({ deviceId, via: suffix as Arrival['via'], sample })
      if (this.registered.has(deviceId)) {
        this.registered.set(deviceId, Math.max(this.registered.get(deviceId) ?? 0, sample.seq))
      }
    }
  }
}
