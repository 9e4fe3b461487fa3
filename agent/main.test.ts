// The whole agent against a real broker and real UDP: what arrives, in which order, and what is never lost.
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, statSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { normaliseCode } from '@ridethrough/protocol/code.ts'
import { expect, onTestFinished, test } from 'vitest'
import { formatClaimCodes, readClaimCodes } from './claim-codes.ts'
import { type Clock, systemClock } from './clock.ts'
import type { AgentConfig } from './config.ts'
import { Journal } from './journal.ts'
import { startAgent } from './main.ts'
import { Cloud } from './support/cloud.ts'
import { testFolder } from './support/folder.ts'
import { testLog } from './support/log.ts'
import { hasMosquitto, type Mosquitto, startMosquitto } from './support/mosquitto.ts'
import { type SnmpPeer, startPeer } from './support/snmp-peer.ts'

if (!hasMosquitto) console.log('mosquitto is not installed: 8 checks of the link were left out')

const R = '1.3.6.1.2.1.33.1'
const UPS = { [`${R}.2.1.0`]: 2, [`${R}.2.4.0`]: 97, [`${R}.4.1.0`]: 3, [`${R}.1.2.0`]: 'Model 5' }
const upTo = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index)

type Setup = { config: AgentConfig; peers: SnmpPeer[] }

async function setUp(port: number, names: readonly string[], intervalMs = 20): Promise<Setup> {
  const peers = await Promise.all(names.map(() => startPeer(UPS)))
  const devices = names.map((name, index) => ({
    name,
    target: (peers[index] as SnmpPeer).target,
    driver: 'auto',
    intervalMs,
  }))
  const server = {
    url: `mqtt://127.0.0.1:${port}`,
    ca: null,
    identity: 'token' as const,
    identityLifeMs: 90 * 86_400_000,
    reconnectMinMs: 50,
    reconnectMaxMs: 200,
  }
  return { config: { server, stateDir: join(testFolder(), 'state'), devices }, peers }
}

async function broker(): Promise<Mosquitto> {
  const mosquitto = await startMosquitto()
  onTestFinished(() => mosquitto.kill())
  return mosquitto
}

async function run(config: AgentConfig, clock: Clock = systemClock) {
  const { log, lines, until } = testLog()
  const agent = await startAgent(config, log, { clock, random: () => 0.5 })
  onTestFinished(() => agent.stop())
  return { agent, lines, until }
}

const idOf = (agent: Awaited<ReturnType<typeof startAgent>>, index = 0) => agent.devices[index]?.deviceId ?? ''

test.runIf(hasMosquitto)('an agent says that it is here and what it has, and goes with a goodbye', async () => {
  const { port } = await broker()
  const cloud = new Cloud()
  await cloud.connect(port)
  const { config } = await setUp(port, ['Rack 4'])
  const { agent } = await run(config)
  await cloud.until(({ inventories }) => inventories.at(-1)?.devices[0]?.model === 'Model 5')
  expect(cloud.statuses[0]).toMatchObject({ online: true, interval: 0.02 })
  const device = cloud.inventories.at(-1)?.devices[0]
  expect(device).toMatchObject({ deviceId: idOf(agent), name: 'Rack 4', driver: 'ups-mib' })
  await agent.stop()
  await cloud.until(({ statuses }) => statuses.at(-1)?.online === false)
  await agent.stop()
})

test.runIf(hasMosquitto)(
  'the code that is shown is the one whose hash the cloud gets, and it goes when the device has an owner',
  async () => {
    const { port } = await broker()
    const cloud = new Cloud()
    await cloud.connect(port)
    const { config } = await setUp(port, ['Rack 4', 'Cellar'])
    const { agent, lines } = await run(config)
    await cloud.until(({ inventories }) => inventories.length > 0)
    const shown = lines
      .map(({ msg }) => /^device Rack 4: claim code (\S+) valid until/.exec(msg)?.[1])
      .find((code) => code)
    const hash = createHash('sha256')
      .update(normaliseCode(shown ?? ''))
      .digest('hex')
    expect(cloud.inventories[0]?.devices[0]?.claim?.hash).toBe(hash)
    const rows = readClaimCodes(config, Date.now())
    expect(rows[0]).toMatchObject({ name: 'Rack 4', code: shown })
    expect(formatClaimCodes(rows)).toContain(`Rack 4  ${shown}  valid until `)

    cloud.registered.set(idOf(agent), 0)
    cloud.sayRegistered(agent.agentId)
    await cloud.until(({ inventories }) => inventories.at(-1)?.devices[0]?.claim === undefined)
    expect(cloud.inventories.at(-1)?.devices[1]?.claim).toBeDefined()
    expect(readClaimCodes(config, Date.now())[0]?.code).toBeNull()
  },
)

test.runIf(hasMosquitto)('a code is renewed when its time is over', async () => {
  const { port } = await broker()
  const cloud = new Cloud()
  await cloud.connect(port)
  const { config } = await setUp(port, ['Rack 4'])
  // The wall clock jumps by twenty minutes whenever it is told to; waiting for the next code is cut short.
  let ahead = 0
  const clock: Clock = {
    ...systemClock,
    wall: () => Date.now() + ahead,
    wait: (ms, signal) => systemClock.wait(Math.min(ms, 50), signal),
  }
  await run(config, clock)
  await cloud.until(({ inventories }) => inventories.length > 0)
  const first = cloud.inventories[0]?.devices[0]?.claim?.hash
  ahead = 20 * 60_000
  await cloud.until(({ inventories }) => ![first, undefined].includes(inventories.at(-1)?.devices[0]?.claim?.hash))
})

test.runIf(hasMosquitto)('only devices with an owner report, and from the moment that they have one', async () => {
  const { port } = await broker()
  const cloud = new Cloud()
  await cloud.connect(port)
  const { config } = await setUp(port, ['mine', 'nobodys'])
  const { agent } = await run(config)
  await cloud.until(({ inventories }) => inventories.length > 0)
  cloud.registered.set(idOf(agent), 0)
  cloud.sayRegistered(agent.agentId)
  await cloud.until((c) => c.seqs(idOf(agent)).length >= 10)
  expect(cloud.seqs(idOf(agent, 1))).toEqual([])
  cloud.registered.delete(idOf(agent))
  cloud.registered.set(idOf(agent, 1), 0)
  cloud.sayRegistered(agent.agentId)
  await cloud.until((c) => c.seqs(idOf(agent, 1)).length >= 5)
  const seen = cloud.seqs(idOf(agent)).length
  await cloud.until((c) => c.seqs(idOf(agent, 1)).length >= 10)
  expect(cloud.seqs(idOf(agent)).length).toBe(seen)
  await agent.stop()
  // Nothing was even kept of the device without an owner.
  const journal = new Journal(
    join(config.stateDir, 'journal.db'),
    agent.devices.map((one) => one.deviceId),
    testLog().log,
  )
  onTestFinished(() => journal.stop())
  expect(journal.pending(idOf(agent))).toBe(0)
  // Whoever listens later still gets the last state.
  const late = new Cloud()
  await late.connect(port)
  await late.until((c) => c.seqs(idOf(agent, 1), 'state').length === 1)
})

test.runIf(hasMosquitto)(
  'a broker killed and started again costs nothing: every number arrives, live ones first, the past in order',
  async () => {
    const mosquitto = await broker()
    const cloud = new Cloud()
    await cloud.connect(mosquitto.port)
    const { config } = await setUp(mosquitto.port, ['one', 'two'])
    const { agent, until, lines } = await run(config)
    const ids = [idOf(agent), idOf(agent, 1)]
    for (const id of ids) cloud.registered.set(id, 0)
    cloud.sayRegistered(agent.agentId)
    for (let outage = 0; outage < 3; outage++) {
      const before = cloud.seqs(ids[0] ?? '').length
      await cloud.until((c) => ids.every((id) => c.seqs(id).length >= before + 5))
      const seenLines = lines.length
      await mosquitto.kill()
      await until((line) => lines.indexOf(line) >= seenLines && line.msg.startsWith('no link to the server'))
      // Enough time for some samples that nobody can take.
      await new Promise((resolve) => setTimeout(resolve, 300))
      await mosquitto.start()
      await cloud.connect(mosquitto.port)
      // Said again, because an answer may have been given before this side listened.
      cloud.sayRegistered(agent.agentId)
      await cloud.until((c) => ids.every((id) => isUnbroken(c.seqs(id)) && c.seqs(id).length > before + 15))
    }
    for (const id of ids) {
      // Live samples arrive in order, and so does the past; numbers and times rise together.
      for (const via of ['state', 'backlog'] as const) {
        const order = cloud.arrivals
          .filter((one) => one.deviceId === id && one.via === via)
          .map(({ sample }) => sample.seq)
        const firsts = [...new Set(order)]
        expect(firsts).toEqual(firsts.toSorted((a, b) => a - b))
      }
      const samples = cloud.arrivals.filter((one) => one.deviceId === id).map(({ sample }) => sample)
      const atOf = new Map(samples.map(({ seq, at }) => [seq, at]))
      expect(samples.every(({ seq, at }) => atOf.get(seq) === at)).toBe(true)
      const times = upTo(1, atOf.size).map((seq) => atOf.get(seq) ?? 0)
      expect(times).toEqual(times.toSorted((a, b) => a - b))
      expect(cloud.seqs(id, 'backlog').length).toBeGreaterThan(10)
    }
  },
)

test.runIf(hasMosquitto)('numbers go on above what the cloud holds, also after the journal was lost', async () => {
  const mosquitto = await broker()
  const cloud = new Cloud()
  await cloud.connect(mosquitto.port)
  const { config } = await setUp(mosquitto.port, ['Rack 4'])
  const { agent } = await run(config)
  cloud.registered.set(idOf(agent), 5000)
  await cloud.until((c) => c.seqs(idOf(agent)).length >= 3)
  expect(cloud.seqs(idOf(agent)).toSorted((a, b) => a - b)[0]).toBe(5001)
})

test.runIf(hasMosquitto)('retained, malformed and unknown commands are ignored, and said so', async () => {
  const { port } = await broker()
  const cloud = new Cloud()
  await cloud.connect(port)
  const { config } = await setUp(port, ['Rack 4'])
  const first = await run(config)
  const id = idOf(first.agent)
  const { agentId } = first.agent
  await cloud.until(({ inventories }) => inventories.length > 0)
  await first.agent.stop()
  cloud.say(agentId, JSON.stringify({ kind: 'registered', devices: [{ deviceId: id, seq: 77_000 }] }), true)
  const { until } = await run(config)
  await until(({ msg }) => msg.includes('retained command'))
  cloud.say(agentId, 'not json')
  cloud.say(agentId, JSON.stringify({ kind: 'reboot' }))
  await until(({ msg }) => msg.startsWith('ignored a command that this agent does not understand'))
  cloud.registered.set(id, 0)
  cloud.sayRegistered(agentId)
  await cloud.until((c) => c.seqs(id).length >= 2)
  expect(Math.max(...cloud.seqs(id))).toBeLessThan(1000)
})

test.runIf(hasMosquitto)(
  'a server that closes on every sample is told of with its device, backed off from, and nothing is dropped',
  async () => {
    const { port } = await broker()
    const refuser = await startRefuser(port)
    const cloud = new Cloud()
    await cloud.connect(port)
    const { config, peers } = await setUp(refuser.port, ['Rack 4'])
    const { agent, until, lines } = await run(config)
    cloud.registered.set(idOf(agent), 0)
    cloud.sayRegistered(agent.agentId)
    const line = await until(({ msg }) => msg.includes('closed the connection 3 times'))
    expect(line).toMatchObject({ level: 50, device: 'Rack 4', firstSeq: 1 })
    expect(line.msg).toMatch(/\d+ samples stay here/)
    // The device waits now, the connection holds: a renewed inventory comes through.
    const told = cloud.inventories.length
    await cloud.until(({ inventories }) => inventories.length > told)
    const asked = peers[0]?.asked ?? 0
    while ((peers[0]?.asked ?? 0) < asked + 20) await new Promise((resolve) => setTimeout(resolve, 20))
    expect(refuser.refused()).toBe(3)
    await agent.stop()
    expect(lines.some(({ msg }) => msg.includes('dropped'))).toBe(false)
    refuser.accept()
    // All of it is still there, and goes to a server that takes it.
    await run(config)
    await cloud.until((c) => c.seqs(idOf(agent)).length > 3 && isUnbroken(c.seqs(idOf(agent))))
  },
)

test('a state folder belongs to one agent at a time, and its secrets to one user', async () => {
  const { config } = await setUp(1, ['Rack 4'])
  const { agent } = await run(config)
  await expect(startAgent(config, testLog().log)).rejects.toThrow('another agent already works with')
  expect(statSync(join(config.stateDir, 'identity.json')).mode & 0o077).toBe(0)
  await agent.stop()
  const again = await run(config)
  expect(again.agent.agentId).toBe(agent.agentId)
  expect(again.agent.devices).toEqual(agent.devices)
})

test('the token never reaches the log', async () => {
  const { config } = await setUp(1, ['Rack 4'])
  const { lines, until } = await run(config)
  await until(({ msg }) => msg.startsWith('no link to the server'))
  const { token } = JSON.parse(readFileSync(join(config.stateDir, 'identity.json'), 'utf8')).current
  expect(token).toHaveLength(43)
  expect(JSON.stringify(lines)).not.toContain(token)
  expect(JSON.stringify(lines)).not.toContain('public')
})

function isUnbroken(seqs: readonly number[]): boolean {
  return seqs.length > 0 && Math.max(...seqs) === new Set(seqs).size
}

/** Stands before a real broker and hangs up on every sample until it is told to let them through: what a refused publish looks like. */
async function startRefuser(brokerPort: number) {
  const sockets = new Set<Socket>()
  let isRefusing = true
  let refused = 0
  const server = createServer((near) => {
    const far = connect(brokerPort, '127.0.0.1')
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        near.destroy()
        far.destroy()
      })
    }
    near.on('data', (bytes) => {
      if (isRefusing && bytes.includes('v1/devices/')) {
        refused += 1
        near.destroy()
      } else far.write(bytes)
    })
    far.on('data', (bytes) => near.write(bytes))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    refused: () => refused,
    accept: () => {
      isRefusing = false
    },
  }
}
