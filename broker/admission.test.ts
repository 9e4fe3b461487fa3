// Who is let in, who is not, and who is counted together.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { addressKey } from './address.ts'
import { Admission, type Ticket } from './admission.ts'
import { type LimitName, type Limits, labelOf, limitsWith } from './limits.ts'
import { createMetrics } from './metrics.ts'

function admissionWith(limits: Partial<Limits>) {
  const time = { now: 0 }
  const metrics = createMetrics()
  const clock = { now: () => time.now, monotonic: () => time.now }
  const admission = new Admission({ limits: limitsWith(limits), clock, metrics })
  const hits = async (name: LimitName) => {
    const { values } = await metrics.limitHits.get()
    return values.find(({ labels }) => labels.name === labelOf(name))?.value ?? 0
  }
  const value = async (name: 'unsigned' | 'unsignedBytes') => (await metrics[name].get()).values[0]?.value ?? 0
  return { admission, time, hits, value }
}

const HERE = '192.0.2.1'
const THERE = '198.51.100.7'

function entered(ticket: Ticket | undefined): Ticket {
  if (!ticket) throw new Error('was not let in')
  return ticket
}

test('connections are bounded in all, and by address; who leaves makes room', async () => {
  const { admission, hits } = admissionWith({ connections: 3, connectionsPerAddress: 2 })
  const [first, second] = [entered(admission.enter(HERE)), entered(admission.enter(HERE))]
  expect(admission.enter(HERE)).toBeUndefined()
  expect(await hits('connectionsPerAddress')).toBe(1)
  entered(admission.enter(THERE))
  expect(admission.enter('203.0.113.9')).toBeUndefined()
  expect(await hits('connections')).toBe(1)
  first.leave()
  first.leave()
  entered(admission.enter(HERE))
  expect(admission.enter(HERE)).toBeUndefined()
  second.leave()
})

test('connections that have not signed in are bounded apart from those that have', async () => {
  const { admission, hits, value } = admissionWith({ unsignedConnections: 3, unsignedConnectionsPerAddress: 2 })
  const first = entered(admission.enter(HERE))
  entered(admission.enter(HERE))
  expect(admission.enter(HERE)).toBeUndefined()
  expect(await hits('unsignedConnectionsPerAddress')).toBe(1)
  entered(admission.enter(THERE))
  expect(admission.enter(THERE)).toBeUndefined()
  expect(await hits('unsignedConnections')).toBe(1)
  expect(first.signedIn('agent:a', '')).toBe(true)
  expect(await value('unsigned')).toBe(2)
  entered(admission.enter(HERE))
})

test('bytes held before CONNACK are bounded by address and in all, and count no more once it has signed in', async () => {
  const { admission, hits, value } = admissionWith({ unsignedBytes: 300, unsignedBytesPerAddress: 200 })
  const tickets = [HERE, HERE, THERE, THERE].map((address) => entered(admission.enter(address)))
  const [a, b, c, d] = tickets as [Ticket, Ticket, Ticket, Ticket]
  expect([a.held(150), b.held(50), b.held(51)]).toEqual([true, true, false])
  expect(await hits('unsignedBytesPerAddress')).toBe(1)
  expect([c.held(100), d.held(1)]).toEqual([true, false])
  expect(await hits('unsignedBytes')).toBe(1)
  expect(await value('unsignedBytes')).toBe(300)
  expect([c.held(40), d.held(60)]).toEqual([true, true])
  a.signedIn('person:p', 'x')
  expect(a.held(1_000_000)).toBe(true)
  b.leave()
  expect(await value('unsignedBytes')).toBe(100)
  for (const ticket of tickets) ticket.leave()
  expect([await value('unsignedBytes'), await value('unsigned')]).toEqual([0, 0])
})

test('CONNECTs of one address come at a rate, and the burst comes back with time', async () => {
  const { admission, time, hits } = admissionWith({ connectsPerSecondPerAddress: 2, connectBurstPerAddress: 3 })
  const tries = () => Array.from({ length: 4 }, () => entered(admission.enter(HERE)).mayConnect())
  expect(tries()).toEqual([true, true, true, false])
  expect(await hits('connectsPerSecondPerAddress')).toBe(1)
  expect(entered(admission.enter(THERE)).mayConnect()).toBe(true)
  time.now += 1000
  expect(tries()).toEqual([true, true, false, false])
})

test('leaving and coming back does not give an address a new allowance', () => {
  const { admission, time } = admissionWith({ connectsPerSecondPerAddress: 1, connectBurstPerAddress: 20 })
  const come = () => {
    const ticket = entered(admission.enter(HERE))
    const may = ticket.mayConnect()
    ticket.leave()
    return may
  }
  for (let count = 0; count < 20; count++) expect(come()).toBe(true)
  // what is forgotten is looked through meanwhile
  time.now += 10_000
  entered(admission.enter(THERE))
  expect(Array.from({ length: 11 }, come).filter((may) => may)).toHaveLength(10)
})

test('a credential has so many client ids at once; one that is taken over counts once', async () => {
  const { admission, hits } = admissionWith({ connectionsPerCredential: 2 })
  const sign = (client: string, credential = 'person:p') => {
    const ticket = entered(admission.enter(HERE))
    return { ticket, isIn: ticket.signedIn(credential, client) }
  }
  const first = sign('a')
  expect([first.isIn, sign('b').isIn, sign('c').isIn]).toEqual([true, true, false])
  expect(await hits('connectionsPerCredential')).toBe(1)
  const again = sign('a')
  expect(again.isIn).toBe(true)
  first.ticket.leave()
  expect(sign('c').isIn).toBe(false)
  expect(sign('c', 'person:q').isIn).toBe(true)
  again.ticket.leave()
  expect(sign('c').isIn).toBe(true)
})

test('one client id comes in at a rate: some quick reconnects, then one a second; others do not notice', async () => {
  const { admission, time, hits } = admissionWith({ connectsPerSecondPerClient: 1, connectBurstPerClient: 3 })
  const come = (credential: string) => {
    const ticket = entered(admission.enter(HERE))
    const isIn = ticket.signedIn(credential, '')
    ticket.leave()
    return isIn
  }
  expect(Array.from({ length: 4 }, () => come('agent:a'))).toEqual([true, true, true, false])
  expect(await hits('connectsPerSecondPerClient')).toBe(1)
  expect(come('agent:b')).toBe(true)
  time.now += 1000
  expect([come('agent:a'), come('agent:a')]).toEqual([true, false])
})

test('whatever comes and goes in whatever order, the counts are those of who is there, and 0 in the end', async () => {
  const step = fc.record({
    do: fc.constantFrom('enter', 'held', 'sign', 'leave'),
    which: fc.nat(9),
    bytes: fc.nat(300),
    address: fc.constantFrom(HERE, THERE),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const limits = { connections: 6, connectionsPerAddress: 4, unsignedConnections: 4, unsignedBytes: 500 }
      const { admission, value } = admissionWith(limits)
      const here: { ticket: Ticket; address: string; isSigned: boolean; bytes: number }[] = []
      for (const { do: what, which, bytes, address } of steps) {
        const one = here[which % Math.max(1, here.length)]
        if (what === 'enter') {
          const ticket = admission.enter(address)
          const isFull = here.length >= 6 || here.filter((other) => other.address === address).length >= 4
          expect(ticket === undefined).toBe(isFull || here.filter(({ isSigned }) => !isSigned).length >= 4)
          if (ticket) here.push({ ticket, address, isSigned: false, bytes: 0 })
        } else if (what === 'held' && one && one.ticket.held(bytes) && !one.isSigned) one.bytes = bytes
        else if (what === 'sign' && one?.ticket.signedIn(`person:${which}`, 'x'))
          Object.assign(one, { isSigned: true, bytes: 0 })
        else if (what === 'leave' && one) {
          one.ticket.leave()
          here.splice(here.indexOf(one), 1)
        }
        const sum = here.reduce((all, other) => all + other.bytes, 0)
        expect(sum).toBeLessThanOrEqual(500)
        expect(await value('unsignedBytes')).toBe(sum)
        expect(await value('unsigned')).toBe(here.filter(({ isSigned }) => !isSigned).length)
      }
      for (const { ticket } of here) ticket.leave()
      expect([await value('unsigned'), await value('unsignedBytes')]).toEqual([0, 0])
    }),
    { numRuns: 200 },
  )
})

describe('turns to sign in', () => {
  const settled = () => new Promise((resolve) => setImmediate(resolve))

  test('so many at once, the others in their order, and beyond the queue nobody', async () => {
    const { admission, hits } = admissionWith({ signIns: 2, signInsWaiting: 2 })
    const { signIns } = admission
    const order: number[] = []
    const turns = [0, 1, 2, 3].map(async (index) => {
      const giveBack = await signIns.turn('agent')
      order.push(index)
      return giveBack
    })
    await settled()
    expect(order).toEqual([0, 1])
    expect(await signIns.turn('agent')).toBeUndefined()
    expect(await hits('signInsWaiting')).toBe(1)
    const first = await turns[0]
    first?.()
    first?.()
    await settled()
    expect(order).toEqual([0, 1, 2])
    ;(await turns[1])?.()
    await settled()
    expect(order).toEqual([0, 1, 2, 3])
  })

  test('agents and persons come alternately, and a crowd of the one leaves the queue of the other free', async () => {
    const { admission } = admissionWith({ signIns: 1, signInsWaiting: 3 })
    const { signIns } = admission
    const order: string[] = []
    const wait = async (kind: 'agent' | 'person', name: string) => {
      const giveBack = await signIns.turn(kind)
      if (!giveBack) return
      order.push(name)
      await settled()
      giveBack()
    }
    const first = await signIns.turn('agent')
    const all = [1, 2, 3, 4].map((count) => wait('agent', `a${count}`))
    all.push(wait('person', 'p1'), wait('person', 'p2'))
    first?.()
    await Promise.all(all)
    expect(order).toEqual(['a1', 'p1', 'a2', 'p2', 'a3'])
  })

  test("who waits too long, or has gone meanwhile, takes nobody else's turn", async () => {
    const { admission, time, hits } = admissionWith({ signIns: 1, signInWaitMs: 100 })
    const { signIns } = admission
    const first = await signIns.turn('agent')
    const late = signIns.turn('agent')
    time.now += 100
    expect(await late).toBeUndefined()
    expect(await hits('signInWaitMs')).toBe(1)
    const gone = signIns.turn('agent', () => true)
    const last = signIns.turn('agent')
    first?.()
    expect(await gone).toBeUndefined()
    expect(await last).toBeDefined()
  })

  test('when it stops, nobody is left waiting', async () => {
    const { admission } = admissionWith({ signIns: 1 })
    await admission.signIns.turn('agent')
    const waiting = admission.signIns.turn('person')
    admission.stop()
    expect(await waiting).toBeUndefined()
    expect(await admission.signIns.turn('agent')).toBeUndefined()
  })

  test('a long queue keeps its order', async () => {
    const { admission } = admissionWith({ signIns: 1, signInsWaiting: 5000 })
    const first = await admission.signIns.turn('agent')
    const order: number[] = []
    const all = Array.from({ length: 5000 }, async (_, index) => {
      const giveBack = await admission.signIns.turn('agent')
      order.push(index)
      giveBack?.()
    })
    first?.()
    await Promise.all(all)
    expect(order).toEqual(Array.from({ length: 5000 }, (_, index) => index))
  })
})

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:0DB8:0001:0002::9', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
  ['', ''],
])('%s counts as %s', (address, key) => {
  expect(addressKey(address)).toBe(key)
})
