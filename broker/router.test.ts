// Who is told: against the rule written down a second time, in any order of subscribing, leaving, and changing rights.
import type { Principal } from '@ridethrough/db/edge.ts'
import type { Grant } from '@ridethrough/protocol/policy.ts'
import { matches } from '@ridethrough/protocol/topic.ts'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { QoS } from './frame.ts'
import { Router } from './router.ts'
import type { Session } from './sessions.ts'

const DEVICES = ['a', 'b', 'c']
const NAMES = [...DEVICES.flatMap((id) => [`v1/devices/${id}/state`, `v1/devices/${id}/live`]), 'v1/agents/g/commands']
const FILTERS = [
  ...NAMES,
  'v1/devices/+/state',
  'v1/devices/a/#',
  'v1/devices/+/+',
  'v1/#',
  '#',
  '+/+/b/+',
  'v1/devices',
]

/** A session as the router sees it: whose rights name which devices. */
function sessionOf(kind: 'person' | 'agent', ids: readonly string[]) {
  const principal = { kind, id: 'g', rights: rightsOn(ids) } as unknown as Principal
  return { principal } as Session
}

function rightsOn(ids: readonly string[]) {
  return { version: 1, byDevice: new Map(ids.map((id) => [id, [] as readonly Grant[]])) }
}

const arbStep = fc.oneof(
  fc.record({
    do: fc.constant('subscribe' as const),
    who: fc.nat(3),
    filter: fc.constantFrom(...FILTERS),
    qos: fc.constantFrom<QoS>(0, 1),
  }),
  fc.record({ do: fc.constant('unsubscribe' as const), who: fc.nat(3), filter: fc.constantFrom(...FILTERS) }),
  fc.record({ do: fc.constant('rights' as const), who: fc.nat(2), ids: fc.subarray(DEVICES) }),
  fc.record({ do: fc.constant('ask' as const), name: fc.constantFrom(...NAMES) }),
)

test('whatever the order, exactly those are told who subscribed and whose rights name the device, once, at the highest QoS [R70]', () => {
  fc.assert(
    fc.property(fc.array(arbStep, { maxLength: 60 }), fc.integer({ min: 1, max: 8 }), (steps, mostRoutes) => {
      const router = new Router({ mostRoutes })
      const sessions = [...Array.from({ length: 3 }, () => sessionOf('person', ['a'])), sessionOf('agent', [])]
      const filters = sessions.map(() => new Map<string, QoS>())
      for (const step of steps) {
        if (step.do === 'ask') {
          const route = router.routeOf(step.name)
          const told = route
            ? router.receiversOf(route).map(({ session, qos }) => [sessions.indexOf(session), qos])
            : []
          expect(told.sort()).toEqual(expected(sessions, filters, step.name))
          expect(router.size).toBeLessThanOrEqual(mostRoutes)
          continue
        }
        const session = sessions[step.who] as Session
        if (step.do === 'subscribe') {
          router.subscribe(session, step.filter, step.qos)
          filters[step.who]?.set(step.filter, step.qos)
        } else if (step.do === 'unsubscribe') {
          router.unsubscribe(session, step.filter)
          filters[step.who]?.delete(step.filter)
        } else {
          session.principal.rights = rightsOn(step.ids)
          router.invalidate()
        }
      }
    }),
    { numRuns: 2000 },
  )
})

function expected(sessions: readonly Session[], filters: readonly ReadonlyMap<string, QoS>[], name: string) {
  const told: [number, QoS][] = []
  for (const [who, { principal }] of sessions.entries()) {
    const granted = [...(filters[who] ?? [])].flatMap(([filter, qos]) => (matches(filter, name) ? [qos] : []))
    const isTheirs =
      principal.kind === 'agent'
        ? name.startsWith('v1/agents/g/')
        : principal.rights.byDevice.has(name.split('/')[2] ?? '')
    const isDevice = name.startsWith('v1/devices/')
    if (granted.length > 0 && isTheirs && (principal.kind === 'agent' || isDevice)) {
      told.push([who, Math.max(...granted) as QoS])
    }
  }
  return told.sort()
}

test('a route that was forgotten and is still held tells those who came after', () => {
  const router = new Router({ mostRoutes: 1 })
  const reader = sessionOf('person', ['a'])
  const held = router.routeOf('v1/devices/a/live')
  if (!held) throw new Error('no route')
  expect(router.receiversOf(held)).toEqual([])
  router.routeOf('v1/devices/b/live')
  router.subscribe(reader, 'v1/devices/a/live', 0)
  expect(router.receiversOf(held).map(({ session }) => session)).toEqual([reader])
})

test('names that are none of ours have no route, and nothing is remembered of them', () => {
  const router = new Router()
  for (const name of [
    '$SYS/x',
    'v1',
    'v1/devices/a/other',
    'v1/devices//live',
    'x/devices/a/live',
    'v1/devices/+/live',
  ]) {
    expect(router.routeOf(name)).toBeUndefined()
  }
  expect(router.size).toBe(0)
})
