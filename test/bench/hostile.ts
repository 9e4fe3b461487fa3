// Those who mean no good, a thousand at a time, and an honest agent beside them: what do they cost, and what does it notice?
import { connect } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import packets from 'mqtt-packet'
import { startPart } from '../support/part.ts'
import { startBenchDatabase } from './cloud.ts'
import { printTable, spreadOf } from './figures.ts'
import type { FleetAgent } from './fleet.ts'
import { startHonest } from './honest.ts'
import type { Figures, Numbers } from './main.ts'
import { memoryOf } from './probe.ts'
import { seedAgents } from './storm.ts'

const MIB = 1024 * 1024
const ADDRESSES = 4
/** What is still there then is not closed in time. */
const PATIENCE_MS = 30_000

const megabyte = Buffer.alloc(MIB, 'x')
const wrong = packets.generate({
  ...{ cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clean: true, keepalive: 60 },
  ...{ clientId: 'hostile', username: 'anybody', password: Buffer.from('wrong') },
})

/** What each of them writes. The second is a byte less than the largest packet that is let in. */
const ATTACKS: readonly (readonly [name: string, bytes: Buffer])[] = [
  ['1 MB CONNECT', Buffer.concat([Buffer.from([0x10, 0x80, 0x80, 0x40]), megabyte])],
  [
    'CONNECT of 16 KiB but for a byte, for ever',
    Buffer.concat([Buffer.from([0x10, 0x80, 0x80, 0x01]), megabyte.subarray(0, 16_383)]),
  ],
  ['CONNECT with 1 MB behind it', Buffer.concat([wrong, megabyte])],
  ['1 MB of junk', megabyte],
  ['half a CONNECT, for ever', wrong.subarray(0, wrong.length / 2)],
  ['nothing, for ever', Buffer.alloc(0)],
]

export async function benchHostile(options: Numbers): Promise<Figures> {
  const count = options.connections ?? 1000
  const database = await startBenchDatabase()
  try {
    const [honest] = await seedAgents(database.db, 1)
    if (!honest) throw new Error('there is no honest agent')
    const part = await startPart(['broker'], {
      ...{ DATABASE_URL: database.url, HOST: '127.0.0.1', MQTT_PORT: '0', METRICS_PORT: '0' },
    })
    const port = Number(new URL(part.ready.mqtt ?? '').port)
    const pid = part.process.pid ?? 0
    const rounds = []
    // what a process needs for its first thousand connections, honest or not, is needed once
    await attack(port, pid, count, honest, Buffer.alloc(0))
    for (const [name, bytes] of ATTACKS) {
      await pause(1000)
      rounds.push({ name, ...(await attack(port, pid, count, honest, bytes)) })
    }
    await part.stop()
    console.log(`${count} connections each time, from ${ADDRESSES} addresses`)
    printTable([
      [
        '',
        'memory before, MiB',
        'more at most, MiB',
        'all closed after, s',
        'PUBACK of an honest agent: p50, ms',
        'p99, ms',
        'of',
      ],
      ...rounds.map(({ name, before, more, closedMs, puback }) => [
        ...[name, mib(before), mib(more), closedMs === undefined ? 'not' : `${(closedMs / 1000).toFixed(1)}`],
        ...[puback.p50, puback.p99, puback.count],
      ]),
    ])
    return { connections: count, rounds }
  } finally {
    await database.stop()
  }
}

async function attack(port: number, pid: number, count: number, honest: FleetAgent, bytes: Buffer) {
  const good = await startHonest(port, honest)
  const before = memoryOf(pid).rss
  let most = before
  const watch = setInterval(() => {
    most = Math.max(most, memoryOf(pid).rss)
  }, 20)
  const started = performance.now()
  const sockets = Array.from({ length: count }, (_, index) => {
    const socket = connect({ port, host: '127.0.0.1', localAddress: `127.2.0.${(index % ADDRESSES) + 1}` })
    socket.on('error', () => {
      // being cut off is what they are here for
    })
    socket.once('connect', () => bytes.length > 0 && socket.write(bytes))
    socket.resume()
    return socket
  })
  // not events.once(), which rejects when a socket is reset
  const allClosed = Promise.all(sockets.map((socket) => new Promise<void>((resolve) => socket.once('close', resolve))))
  const isClosed = await Promise.race([allClosed.then(() => true), pause(PATIENCE_MS).then(() => false)])
  const closedMs = isClosed ? performance.now() - started : undefined
  for (const socket of sockets) socket.destroy()
  clearInterval(watch)
  return { before, more: most - before, closedMs, puback: spreadOf(await good.stop()) }
}

function mib(bytes: number): number {
  return Math.round(bytes / MIB)
}
