// Agents that publish samples as ours do, in a process of its own: made of text that is ready, so that the broker is what is measured.
import { deviceTopic } from '@ridethrough/protocol/topic.ts'
import { openLoadSocket, signIn } from '../broker/socket.ts'
import { spreadOf } from '../figures.ts'
import type { IngestAgent, IngestJob, IngestResult } from './job.ts'

/** Texts of variables in turn: fifteen of them, as a UPS on SNMP has. */
const VARIABLES = Array.from({ length: 64 }, (_, n) =>
  JSON.stringify({
    'battery.charge': 60 + (n % 40),
    'battery.runtime': 1800 + 13 * n,
    'battery.voltage': 27.1 + (n % 5) / 10,
    'battery.temperature': 24 + (n % 3),
    'input.voltage': 229.1 + (n % 7) / 10,
    'input.frequency': 50,
    'input.transfer.low': 180,
    'input.transfer.high': 264,
    'output.voltage': 230,
    'output.frequency': 50,
    'output.current': 1.4 + (n % 9) / 10,
    'ups.load': 30 + (n % 11),
    'ups.realpower': 310 + n,
    'ups.temperature': 25.3,
    'ups.alarm': 'none',
  }),
)

process.on('message', (job: IngestJob) => {
  run(job).then(
    (result) => process.send?.({ result }),
    (error: Error) => process.send?.({ error: error.message }),
  )
})

type Shared = { left: number; seq: number; nextAt: number; readonly latencies: number[] }

async function run(job: IngestJob): Promise<IngestResult> {
  const clients = await Promise.all(job.agents.map((agent) => openAgent(job, agent)))
  const shared: Shared = { left: job.messages, seq: job.firstSeq, nextAt: performance.now(), latencies: [] }
  const cpuFrom = process.cpuUsage()
  const from = performance.now()
  await Promise.all(clients.map((client) => client.send(shared)))
  const seconds = (performance.now() - from) / 1000
  const { user, system } = process.cpuUsage(cpuFrom)
  for (const { end } of clients) end()
  return { seconds, cpuSeconds: (user + system) / 1e6, latencyMs: spreadOf(shared.latencies) }
}

async function openAgent(job: IngestJob, agent: IngestAgent) {
  const client = await openLoadSocket(job.port)
  const name = `agent:${agent.agentId}`
  await signIn(client, { clientId: agent.agentId, username: name, password: agent.token })
  const topics = agent.deviceIds.map((id) => Buffer.from(deviceTopic(id, job.kind)))
  let device = 0
  let packetId = 0
  let bytesRead = 0
  let plan: NodeJS.Timeout | undefined
  const sentAt: number[] = []
  const done = Promise.withResolvers<void>()

  const publish = (shared: Shared): void => {
    device = (device + 1) % topics.length
    packetId = (packetId % 65_535) + 1
    const samples = Array.from({ length: job.perMessage }, () => sampleText(shared.seq++))
    const payload = job.kind === 'state' ? (samples[0] ?? '') : `{"samples":[${samples.join(',')}]}`
    client.socket.write(publishPacket(topics[device] as Buffer, packetId, payload))
    sentAt.push(performance.now())
    shared.left -= 1
  }
  const fill = (shared: Shared): void => {
    clearTimeout(plan)
    client.socket.cork()
    while (shared.left > 0 && sentAt.length < job.window) {
      if (job.everyMs > 0) {
        const early = shared.nextAt - performance.now()
        if (early > 0) {
          plan = setTimeout(() => fill(shared), Math.ceil(early))
          break
        }
        shared.nextAt += job.everyMs
      }
      publish(shared)
    }
    client.socket.uncork()
    if (shared.left === 0 && sentAt.length === 0) done.resolve()
  }
  return {
    send: (shared: Shared) => {
      client.socket.once('close', () => done.reject(new Error('the broker has closed a connection')))
      // Nothing but PUBACKs comes here, four bytes each, in the order of the publishes.
      client.onBytes = (_, length) => {
        const before = Math.floor(bytesRead / 4)
        bytesRead += length
        const now = performance.now()
        for (const at of sentAt.splice(0, Math.floor(bytesRead / 4) - before)) shared.latencies.push(now - at)
        fill(shared)
      }
      fill(shared)
      return done.promise
    },
    end: () => client.socket.removeAllListeners('close').destroy(),
  }
}

function sampleText(seq: number): string {
  return `{"kind":"values","at":${Date.now()},"status":"OL CHRG","variables":${VARIABLES[seq % VARIABLES.length]},"seq":${seq}}`
}

/** PUBLISH at QoS 1. */
function publishPacket(topic: Buffer, packetId: number, payload: string): Buffer {
  const length = 2 + topic.length + 2 + payload.length
  const packet = Buffer.allocUnsafe(5 + length)
  let at = packet.writeUInt8(0x32, 0)
  for (let rest = length; ; rest >>= 7) {
    at = packet.writeUInt8(rest > 127 ? (rest & 127) | 128 : rest, at)
    if (rest <= 127) break
  }
  at = packet.writeUInt16BE(topic.length, at)
  at += topic.copy(packet, at)
  at = packet.writeUInt16BE(packetId, at)
  at += packet.write(payload, at, 'latin1')
  return packet.subarray(0, at)
}
