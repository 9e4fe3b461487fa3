// For tests: a real broker on a port of its own, real MQTT clients, and raw sockets for what no client would send.
import { once } from 'node:events'
import { connect as connectTcp, type Socket } from 'node:net'
import { type Clock, systemClock } from '@ridethrough/db/clock.ts'
import type { Sample } from '@ridethrough/protocol/message/telemetry.ts'
import { agentTopic, deviceTopic } from '@ridethrough/protocol/topic.ts'
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'
import packets, { type IConnectPacket, type Packet } from 'mqtt-packet'
import { pino } from 'pino'
import type { Person, TestAgent } from '../test/support/world.ts'
import type { BrokerConfig } from './config.ts'
import { type RunningBroker, startBroker } from './main.ts'

export type LogLine = { readonly msg: string; readonly level: number; readonly [key: string]: unknown }

export type TestBroker = RunningBroker & {
  readonly port: number
  /** What the broker has logged so far. */
  readonly logged: LogLine[]
  /** A value of /metrics, 0 when it was never counted. */
  metric(name: string): Promise<number>
}

export async function startTestBroker(
  databaseUrl: string,
  options: { clock?: Clock; storePatienceMs?: number } & Partial<
    Pick<BrokerConfig, 'tls' | 'trustedProxies' | 'limits' | 'wsPort'>
  > = {},
): Promise<TestBroker> {
  const logged: LogLine[] = []
  const log = pino({ level: 'debug' }, { write: (line: string) => void logged.push(JSON.parse(line)) })
  const host = '127.0.0.1'
  const broker = await startBroker(
    {
      databaseUrl,
      host,
      mqttPort: 0,
      metricsHost: host,
      metricsPort: 0,
      storePatienceMs: options.storePatienceMs ?? 10_000,
      wsPort: options.wsPort,
      tls: options.tls,
      trustedProxies: options.trustedProxies,
      limits: options.limits,
    },
    log,
    options.clock ?? systemClock,
  )
  return {
    ...broker,
    port: Number(new URL(broker.mqttUrl).port),
    logged,
    metric: async (name) => {
      const text = await (await fetch(`${broker.metricsUrl}/metrics`)).text()
      const line = text.split('\n').find((each) => each.startsWith(`ridethrough_broker_${name} `))
      return line === undefined ? 0 : Number(line.split(' ').at(-1))
    },
  }
}

export type Received = { readonly topic: string; readonly text: string; readonly retain: boolean; readonly qos: number }

export type TestClient = {
  readonly client: MqttClient
  /** Everything that has arrived, oldest first. */
  readonly received: Received[]
  /** The first message from `from` on that fits, waiting for it if need be. */
  next(fits: (message: Received) => boolean, from?: number): Promise<Received>
  /** Codes of SUBACK, 128 where refused. */
  subscribe(filters: string | string[], qos?: 0 | 1 | 2): Promise<number[]>
  /** Resolves with the acknowledgement. */
  publish(topic: string, payload: string, options?: { qos?: 0 | 1 | 2; retain?: boolean }): Promise<void>
  /** Resolves when the connection is gone. */
  readonly closed: Promise<void>
  end(): Promise<void>
}

export async function connectClient(broker: TestBroker, options: IClientOptions): Promise<TestClient> {
  const client = mqtt.connect(broker.mqttUrl, {
    reconnectPeriod: 0,
    keepalive: 60,
    clientId: `test-${Math.random().toString(36).slice(2)}`,
    connectTimeout: 10_000,
    ...options,
  })
  const received: Received[] = []
  const waiting = new Set<() => void>()
  client.on('message', (topic, payload, { retain, qos }) => {
    received.push({ topic, text: payload.toString(), retain, qos })
    for (const look of waiting) look()
  })
  const closed = new Promise<void>((resolve) => client.once('close', () => resolve()))
  await new Promise<void>((resolve, reject) => {
    client.once('connect', () => resolve())
    client.once('error', reject)
    client.once('close', () => reject(new Error('closed before it was connected')))
  })
  client.on('error', () => {})
  return {
    client,
    received,
    closed,
    next: (fits, from = 0) =>
      new Promise((resolve) => {
        const look = () => {
          const found = received.slice(from).find(fits)
          if (!found) return
          waiting.delete(look)
          resolve(found)
        }
        waiting.add(look)
        look()
      }),
    subscribe: async (filters, qos = 1) => {
      const grants = await subscribeRaw(client, filters, qos)
      return grants
    },
    publish: async (topic, payload, { qos = 1, retain = false } = {}) => {
      await client.publishAsync(topic, payload, { qos, retain })
    },
    end: async () => {
      // when the broker has ended it already, there is nothing to wait for
      if (client.connected) await client.endAsync()
      else client.end(true)
    },
  }
}

// mqtt.js turns a refusal into an error and forgets the other codes: they are read from the packet instead.
function subscribeRaw(client: MqttClient, filters: string | string[], qos: 0 | 1 | 2): Promise<number[]> {
  return new Promise((resolve) => {
    const read = (packet: Packet) => {
      if (packet.cmd !== 'suback') return
      client.off('packetreceive', read)
      resolve(packet.granted as number[])
    }
    client.on('packetreceive', read)
    client.subscribe(filters, { qos }, () => {})
  })
}

export function connectAgent(broker: TestBroker, agent: TestAgent, options: IClientOptions = {}): Promise<TestClient> {
  return connectClient(broker, { username: `agent:${agent.agentId}`, password: agent.token, ...options })
}

export function connectPerson(broker: TestBroker, person: Person, options: IClientOptions = {}): Promise<TestClient> {
  return connectClient(broker, { username: 'anybody', password: person.token, ...options })
}

export function values(seq: number, variables: Record<string, number | string> = {}, status = 'OL'): Sample {
  return { kind: 'values', seq, at: Date.now(), status, variables: { 'battery.charge': 100, ...variables } }
}

export function publishState(client: TestClient, deviceId: string, sample: Sample): Promise<void> {
  return client.publish(deviceTopic(deviceId, 'state'), JSON.stringify(sample))
}

export const statusOf = (online: boolean, version = '1.0.0') =>
  JSON.stringify({ online, version, interval: 5, at: Date.now() })
export const statusTopic = (agent: TestAgent) => agentTopic(agent.agentId, 'status')

/** A bare socket: what comes back is collected until the broker closes it. */
export type RawClient = {
  readonly socket: Socket
  readonly bytes: () => Buffer
  readonly closed: Promise<void>
  write(bytes: Uint8Array | string): void
}

export async function connectRaw(broker: TestBroker): Promise<RawClient> {
  const socket = connectTcp(broker.port, '127.0.0.1')
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => chunks.push(chunk))
  socket.on('error', () => {})
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  await once(socket, 'connect')
  return { socket, closed, bytes: () => Buffer.concat(chunks), write: (bytes) => void socket.write(bytes) }
}

export function connectPacket(options: Partial<IConnectPacket> = {}): Buffer {
  return packets.generate({
    cmd: 'connect',
    protocolId: 'MQTT',
    protocolVersion: 4,
    clean: true,
    clientId: 'raw',
    keepalive: 60,
    ...options,
  })
}
