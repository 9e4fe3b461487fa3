// Thousands of agents in one process. Each does on the wire what ours does: backs off with jitter, says who it is and what it has,
// waits for the word on its devices, then sends samples in order and counts as stored what was acknowledged, nothing else.
import { connect, type Socket } from 'node:net'
import { backoffMs } from '@ridethrough/agent/backoff.ts'
import type { Inventory } from '@ridethrough/protocol/message/agent.ts'
import type { Sample } from '@ridethrough/protocol/message/telemetry.ts'
import { agentTopic, deviceTopic } from '@ridethrough/protocol/topic.ts'
import packets from 'mqtt-packet'
import { eachFrame } from './wire.ts'

export type FleetAgent = { readonly agentId: string; readonly token: string; readonly deviceId: string }

export type FleetOptions = {
  readonly port: number
  readonly agents: readonly FleetAgent[]
  /** Between two samples of one agent. */
  readonly intervalMs: number
  /** They come from so many addresses of this machine, as they would from as many offices. */
  readonly addresses: number
  readonly reconnect: { readonly minMs: number; readonly maxMs: number }
}

/** What happened since it was last taken. */
export type Tally = {
  /** From the first packet to the server, and from when the kernel had the connection, until CONNACK. */
  readonly connectMs: number[]
  readonly answerMs: number[]
  readonly refused: number[]
  closed: number
  /** Tries that came to nothing: nobody was there, nobody answered in time, or it was closed before CONNACK. */
  absent: number
  unanswered: number
  failed: number
}

/** As long as ours waits for CONNACK. */
const CONNECT_TIMEOUT_MS = 10_000
const ID = { subscribe: 1, status: 2, inventory: 3, sample: 4 } as const

export class Fleet {
  readonly members: readonly Member[]
  #tally = emptyTally()

  constructor(options: FleetOptions) {
    const count = (what: (tally: Tally) => void) => what(this.#tally)
    this.members = options.agents.map((agent, index) => new Member(agent, index, options, count))
  }

  /** Those that lie in the first `withinMs` of an interval, so that they do not all send at once. */
  start(withinMs: number): void {
    for (const [index, member] of this.members.entries()) member.comeLater((withinMs * index) / this.members.length)
  }

  get connected(): number {
    return this.members.reduce((sum, { isConnected }) => sum + (isConnected ? 1 : 0), 0)
  }

  takeTally(): Tally {
    const tally = this.#tally
    this.#tally = emptyTally()
    return tally
  }

  stop(): void {
    for (const member of this.members) member.stop()
  }
}

class Member {
  readonly agent: FleetAgent
  isConnected = false
  /** Samples 1 to this one were acknowledged. */
  acknowledged = 0
  readonly #options: FleetOptions
  readonly #count: (what: (tally: Tally) => void) => void
  readonly #localAddress: string
  readonly #greeting: readonly Buffer[]
  #socket: Socket | undefined
  #rest: Buffer = Buffer.alloc(0)
  #attempt = -1
  #since = 0
  #reachedAt = 0
  #why: 'absent' | 'unanswered' | 'failed' = 'failed'
  #isReady = false
  #unacknowledged: Buffer | undefined
  #isStopped = false
  #timer: NodeJS.Timeout | undefined

  constructor(agent: FleetAgent, index: number, options: FleetOptions, count: Member['count']) {
    this.agent = agent
    this.#options = options
    this.#count = count
    const place = index % options.addresses
    this.#localAddress = `127.1.${Math.floor(place / 250)}.${(place % 250) + 1}`
    this.#greeting = greetingOf(agent, options.intervalMs / 1000)
  }

  get count() {
    return this.#count
  }

  comeLater(afterMs: number): void {
    clearTimeout(this.#timer)
    if (!this.#isStopped) this.#timer = setTimeout(() => this.#come(), afterMs)
  }

  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
    this.#socket?.destroy()
  }

  #come(): void {
    this.#since = performance.now()
    this.#rest = Buffer.alloc(0)
    const { port } = this.#options
    const socket = connect({ port, host: '127.0.0.1', localAddress: this.#localAddress, noDelay: true })
    this.#socket = socket
    this.#why = 'failed'
    socket.once('connect', () => {
      this.#reachedAt = performance.now()
      socket.write(this.#greeting[0] as Buffer)
    })
    socket.on('data', (chunk) => this.#read(chunk))
    // 'close' follows
    socket.on('error', (error) => {
      if ('code' in error && error.code === 'ECONNREFUSED') this.#why = 'absent'
    })
    socket.once('close', () => this.#left())
    this.#timer = setTimeout(() => {
      this.#why = 'unanswered'
      socket.destroy()
    }, CONNECT_TIMEOUT_MS)
  }

  #left(): void {
    this.#count((tally) => {
      if (this.isConnected) tally.closed += 1
      else tally[this.#why] += 1
    })
    this.isConnected = false
    this.#isReady = false
    this.#attempt += 1
    const { minMs, maxMs } = this.#options.reconnect
    this.comeLater(backoffMs(this.#attempt, minMs, maxMs, Math.random))
  }

  #read(chunk: Buffer): void {
    const bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk
    const end = eachFrame(bytes, (from, body) => this.#take(bytes, from, body))
    this.#rest = end === bytes.length ? Buffer.alloc(0) : Buffer.from(bytes.subarray(end))
  }

  #take(bytes: Buffer, from: number, body: number): void {
    const head = bytes[from] ?? 0
    const type = head >> 4
    if (type === 2) this.#answered(bytes[body + 1] ?? 255)
    else if (type === 4 && bytes.readUInt16BE(body) === ID.sample) this.#stored()
    else if (type === 3) {
      const qos = (head >> 1) & 3
      const idAt = body + 2 + bytes.readUInt16BE(body)
      if (qos > 0) this.#socket?.write(Buffer.from([0x40, 2, bytes[idAt] ?? 0, bytes[idAt + 1] ?? 0]))
      // only the word on its devices comes here
      if (!this.#isReady) {
        this.#isReady = true
        this.#send()
      }
    }
  }

  #answered(code: number): void {
    clearTimeout(this.#timer)
    if (code !== 0) {
      this.#count((tally) => tally.refused.push(code))
      this.#socket?.destroy()
      return
    }
    this.isConnected = true
    const now = performance.now()
    this.#count((tally) => {
      tally.connectMs.push(now - this.#since)
      tally.answerMs.push(now - this.#reachedAt)
    })
    for (const packet of this.#greeting.slice(1)) this.#socket?.write(packet)
  }

  /** What was not acknowledged is sent again as it was: it may be stored, and must not be there twice. */
  #send(): void {
    this.#unacknowledged ??= publish(
      deviceTopic(this.agent.deviceId, 'state'),
      {
        ...{ kind: 'values', seq: this.acknowledged + 1, at: Date.now(), status: 'OL' },
        variables: { 'battery.charge': 100, 'ups.load': this.acknowledged % 100, 'input.voltage': 230 },
      } satisfies Sample,
      ID.sample,
    )
    this.#socket?.write(this.#unacknowledged)
  }

  #stored(): void {
    this.acknowledged += 1
    this.#unacknowledged = undefined
    this.#attempt = -1
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#send(), this.#options.intervalMs)
  }
}

function greetingOf({ agentId, token, deviceId }: FleetAgent, interval: number): Buffer[] {
  const device = { deviceId, name: 'rack', driver: 'ups-mib', mfr: 'Bench', model: 'B1', serial: deviceId.slice(0, 8) }
  const inventory: Inventory = {
    devices: [{ ...device, firmware: '1', commands: ['beeper.mute', 'load.off'], settings: [] }],
  }
  return [
    packets.generate({
      ...{ cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clean: true, keepalive: 60 },
      ...{ clientId: `agent-${agentId}`, username: `agent:${agentId}`, password: Buffer.from(token) },
    }),
    packets.generate({
      cmd: 'subscribe',
      messageId: ID.subscribe,
      subscriptions: [{ topic: agentTopic(agentId, 'commands'), qos: 1 }],
    }),
    publish(agentTopic(agentId, 'status'), { online: true, version: 'bench', interval, at: Date.now() }, ID.status),
    publish(agentTopic(agentId, 'inventory'), inventory, ID.inventory),
  ]
}

function publish(topic: string, payload: object, messageId: number): Buffer {
  const text = JSON.stringify(payload)
  return packets.generate({ cmd: 'publish', topic, payload: text, qos: 1, messageId, retain: false, dup: false })
}

function emptyTally(): Tally {
  return { connectMs: [], answerMs: [], refused: [], closed: 0, absent: 0, unanswered: 0, failed: 0 }
}
