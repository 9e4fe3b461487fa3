// A change of access has come, or the lease is lost: cut what may not go on, at once and exactly.
import type { Clock } from '@ridethrough/db/clock.ts'
import { type Cut, type EdgeHooks, NOTHING_CUT, type Principal } from '@ridethrough/db/edge.ts'
import { devicesWith, holdsOn } from '@ridethrough/protocol/rights.ts'
import { deviceTopic, matches } from '@ridethrough/protocol/topic.ts'
import type { Logger } from 'pino'
import type { Agents } from './agents.ts'
import { exactDeviceOf } from './authorize.ts'
import type { Metrics } from './metrics.ts'
import type { Router } from './router.ts'
import type { Session, Sessions } from './sessions.ts'

export type RevokeOptions = {
  readonly sessions: Sessions
  readonly agents: Agents
  readonly router: Router
  /** Takes a live subscription out of the engine; when it returns, nothing more comes by it. */
  readonly unsubscribe: (session: Session, filter: string) => void
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
}

/** Everything here is done in one turn of the event loop: no delivery is between the old rights and the cut. */
export function edgeHooks(options: RevokeOptions): EdgeHooks {
  return {
    changed(principals) {
      options.router.invalidate()
      const cuts = principals.flatMap((principal) =>
        options.sessions.ofPrincipal(principal).map((session) => cutOne(options, principal, session)),
      )
      const sum = cuts.reduce(add, NOTHING_CUT)
      options.metrics.cuts.inc({ what: 'subscriptions' }, sum.subscriptions)
      options.metrics.cuts.inc({ what: 'connections' }, sum.connections)
      return sum
    },
    lost() {
      const persons = options.sessions.persons()
      for (const { connection } of persons) connection.cut('lease-lost')
      options.log.warn({ persons: persons.length }, 'changes of access cannot be confirmed: nobody is served')
    },
    regained() {
      options.log.info('changes of access are confirmed: serving')
    },
  }
}

function cutOne(options: RevokeOptions, principal: Principal, session: Session): Cut {
  if (principal.isEnded) {
    session.connection.cut('credential-ended')
    return { subscriptions: session.subscriptions.size, connections: 1, viewers: 0 }
  }
  return principal.kind === 'agent' ? updateAgent(options, session) : cutPerson(options, session)
}

function cutPerson({ unsubscribe, clock }: RevokeOptions, session: Session): Cut {
  const { rights } = session.principal
  const now = clock.now()
  const before = session.devices
  const visible = new Set(devicesWith(rights, 'monitor', now))
  session.devices = visible
  session.connection.takeBack((deviceId) => !visible.has(deviceId))
  if (session.connection.destroyed) return { subscriptions: session.subscriptions.size, connections: 1, viewers: 0 }

  const lost = new Set([...before].filter((id) => !visible.has(id)))
  let subscriptions = 0
  for (const filter of [...session.subscriptions.keys()]) {
    const deviceId = exactDeviceOf(filter)
    const isGone = deviceId !== undefined && !holdsOn(rights, 'monitor', deviceId, now)
    if (isGone) unsubscribe(session, filter)
    // Otherwise it stays: a wildcard is narrower now, a weekly window is closed until it opens again.
    if (isGone || (deviceId === undefined ? coversAny(filter, lost) : lost.has(deviceId))) subscriptions += 1
  }
  return { subscriptions, connections: 0, viewers: 0 }
}

function updateAgent({ agents, log }: RevokeOptions, session: Session): Cut {
  const { devices } = session.principal
  for (const id of session.devices) if (!devices.has(id)) session.formerDevices.add(id)
  for (const id of devices) session.formerDevices.delete(id)
  session.devices = devices
  agents.tellRegistered(session).catch((error: unknown) => {
    log.warn({ err: error, agent: session.principal.id }, 'an agent could not be told its registered devices')
  })
  return NOTHING_CUT
}

function coversAny(filter: string, deviceIds: ReadonlySet<string>): boolean {
  const suffixes = ['state', 'live', 'events', 'commands'] as const
  return [...deviceIds].some((id) => suffixes.some((suffix) => matches(filter, deviceTopic(id, suffix))))
}

function add(a: Cut, b: Cut): Cut {
  return {
    subscriptions: a.subscriptions + b.subscriptions,
    connections: a.connections + b.connections,
    viewers: a.viewers + b.viewers,
  }
}
