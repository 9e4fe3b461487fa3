import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import type { Clock } from './clock.ts'
import { systemClock } from './clock.ts'
import type { DeviceConfig } from './config.ts'
import type { DeviceFacts } from './inventory.ts'
import type { Measured } from './journal.ts'
import { Poller } from './poll.ts'
import { testLog } from './support/log.ts'
import { type SnmpPeer, startPeer } from './support/snmp-peer.ts'

const R = '1.3.6.1.2.1.33.1'
const UPS = {
  '1.3.6.1.2.1.1.2.0': '1.3.6.1.4.1.8072.3.2.10',
  [`${R}.1.1.0`]: 'Maker',
  [`${R}.1.2.0`]: 'Model 5',
  [`${R}.2.1.0`]: 2,
  [`${R}.2.3.0`]: 20,
  [`${R}.2.4.0`]: 97,
  [`${R}.4.1.0`]: 3,
  [`${R}.9.8.0`]: 2,
}

type Heard = {
  readonly samples: Measured[]
  readonly facts: DeviceFacts[]
  next(isIt: (sample: Measured) => boolean): Promise<Measured>
}

function listen() {
  const samples: Measured[] = []
  const facts: DeviceFacts[] = []
  const waiting = new Set<(sample: Measured) => void>()
  const heard: Heard = {
    samples,
    facts,
    next: (isIt) =>
      new Promise((resolve) => {
        const tell = (sample: Measured) => {
          if (!isIt(sample)) return
          waiting.delete(tell)
          resolve(sample)
        }
        waiting.add(tell)
      }),
  }
  const onSample = (sample: Measured) => {
    samples.push(sample)
    for (const tell of [...waiting]) tell(sample)
  }
  return { heard, onSample, onFacts: (found: DeviceFacts) => void facts.push(found) }
}

function poll(peer: SnmpPeer, options: { name?: string; intervalMs?: number; clock?: Clock; timeoutMs?: number } = {}) {
  const { name = 'Rack 4', intervalMs = 20, clock = systemClock, timeoutMs } = options
  const target = timeoutMs === undefined ? peer.target : { ...peer.target, timeoutMs }
  const device: DeviceConfig = { name, target, driver: 'auto', intervalMs }
  const { heard, onSample, onFacts } = listen()
  const { log, lines } = testLog()
  const poller = new Poller({ device, clock, log, onSample, onFacts })
  poller.start()
  onTestFinished(() => poller.stop())
  return { heard, lines, poller }
}

const isValue = (sample: Measured) => sample.kind === 'values'
const isProblem = (sample: Measured) => sample.kind === 'problem'

test('a device that says nothing of itself in sysObjectID is found by what it answers', async () => {
  const { heard } = poll(await startPeer(UPS))
  expect(await heard.next(isValue)).toMatchObject({
    status: 'OL',
    variables: { 'battery.charge': 97, 'battery.runtime': 1200, 'device.model': 'Model 5' },
  })
  expect(heard.facts).toEqual([
    {
      driver: 'ups-mib',
      mfr: 'Maker',
      model: 'Model 5',
      serial: '',
      firmware: '',
      commands: ['beeper.disable', 'beeper.enable', 'beeper.mute'],
      settings: [],
    },
  ])
})

test('a change at the device is in the next sample', async () => {
  const peer = await startPeer(UPS)
  const { heard } = poll(peer)
  await heard.next(isValue)
  peer.objects.set(`${R}.4.1.0`, 5)
  expect(await heard.next((sample) => sample.kind === 'values' && sample.status !== 'OL')).toMatchObject({
    status: 'OB DISCHRG',
  })
})

test('a silent device is told of once, with what to do, and so is its return', async () => {
  const peer = await startPeer(UPS)
  const { heard, lines } = poll(peer)
  await heard.next(isValue)
  peer.isSilent = true
  expect(await heard.next(isProblem)).toMatchObject({ problem: 'no-answer' })
  const before = peer.asked
  const problems = () => heard.samples.filter(isProblem).length
  while (peer.asked < before + 3) await new Promise((resolve) => setTimeout(resolve, 20))
  expect(problems()).toBe(1)
  peer.isSilent = false
  await heard.next(isValue)
  expect(problems()).toBe(1)
  const told = lines.filter(({ level }) => level === 40)
  expect(told).toHaveLength(1)
  expect(told[0]?.msg).toMatch(
    /device Rack 4: no answer from 127\.0\.0\.1 port \d+ .*check power, network, address and the community/,
  )
  expect(lines.some(({ msg }) => msg.startsWith('device Rack 4 answers again'))).toBe(true)
})

test('a device that stays silent is told of once a minute', async () => {
  const peer = await startPeer(UPS)
  peer.isSilent = true
  // Every wait lasts no time here and ten seconds there.
  let now = 0
  const clock: Clock = {
    wall: () => now,
    monotonic: () => now,
    wait: async () => {
      now += 10_000
    },
  }
  const { heard, poller } = poll(peer, { clock, intervalMs: 10_000, timeoutMs: 50 })
  for (let told = 0; told < 3; told++) await heard.next(isProblem)
  await poller.stop()
  const at = heard.samples.map((sample) => sample.at)
  expect(at.slice(0, 3)).toEqual([0, 60_000, 120_000])
})

test('nonsense is told as nonsense, and values come back with sense', async () => {
  const peer = await startPeer(UPS)
  const { heard, lines } = poll(peer)
  await heard.next(isValue)
  peer.objects.set(`${R}.4.1.0`, 4711)
  expect(await heard.next(isProblem)).toMatchObject({ problem: 'nonsense' })
  expect(lines.find(({ level }) => level === 40)?.msg).toContain('device Rack 4: the status object')
  peer.objects.set(`${R}.4.1.0`, 3)
  expect(await heard.next(isValue)).toMatchObject({ status: 'OL' })
  peer.spoil = () => Buffer.from('this is no SNMP')
  expect(await heard.next(isProblem)).toMatchObject({ problem: 'nonsense' })
  peer.spoil = (answer) => answer
  expect(await heard.next(isValue)).toMatchObject({ status: 'OL' })
})

test('something that is not a UPS is named as such', async () => {
  const { heard } = poll(await startPeer({ '1.3.6.1.2.1.1.2.0': '1.3.6.1.4.1.9.1.1' }))
  expect(await heard.next(isProblem)).toMatchObject({
    problem: 'nonsense',
    detail: expect.stringContaining('1.3.6.1.4.1.9.1.1'),
  })
})

test('a silent and a mad device do not delay the one beside them', async () => {
  const [silent, mad, good] = await Promise.all([startPeer(UPS), startPeer(UPS), startPeer(UPS)])
  silent.isSilent = true
  mad.spoil = (answer) => answer.subarray(0, 9)
  // Both wait ten seconds for each answer; the good one has been read five times before their first is over.
  const others = [poll(silent, { name: 'silent', timeoutMs: 10_000 }), poll(mad, { name: 'mad', timeoutMs: 10_000 })]
  const { heard } = poll(good)
  for (let reading = 0; reading < 5; reading++) await heard.next(isValue)
  expect(others.flatMap((other) => other.heard.samples)).toEqual([])
})

test('no datagram, however broken, ends the process or the loop', async () => {
  const peer = await startPeer(UPS)
  const { heard } = poll(peer, { timeoutMs: 40, intervalMs: 1 })
  await heard.next(isValue)
  const arbSpoil = fc.oneof(
    fc.record({ at: fc.nat(200), byte: fc.nat(255) }).map(({ at, byte }) => (answer: Buffer) => {
      const spoilt = Buffer.from(answer)
      spoilt[at % spoilt.length] = byte
      return spoilt
    }),
    fc.nat(200).map((length) => (answer: Buffer) => answer.subarray(0, length % answer.length)),
    fc.uint8Array({ maxLength: 100 }).map((noise) => () => Buffer.from(noise)),
  )
  for (const spoil of fc.sample(arbSpoil, 40)) {
    const before = peer.asked
    peer.spoil = spoil
    while (peer.asked === before) await new Promise((resolve) => setTimeout(resolve, 5))
  }
  peer.spoil = (answer) => answer
  expect(await heard.next(isValue)).toMatchObject({ kind: 'values' })
})
