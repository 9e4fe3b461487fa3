// Who is connected: sockets by client id, by principal, by kind. The engine's own list misses a quick reconnect.
import type { Principal } from '@ridethrough/db/edge.ts'
import type { ConnectionUses } from '@ridethrough/db/uses.ts'
import { matches } from '@ridethrough/protocol/topic.ts'
import type { Client } from 'aedes'
import type { Connection } from './connection.ts'
import type { QoS } from './frame.ts'

export type Session = {
  /** Client id within the principal: no two principals can meet in one, so nobody can take over somebody else's. */
  readonly key: string
  readonly principal: Principal
  readonly connection: Connection
  readonly client: Client
  readonly subscriptions: Map<string, QoS>
  /** Persons: devices visible, agents: devices registered, when its rights were last looked at. What is missing now must go. */
  devices: ReadonlySet<string>
  /** Registered until lately: an agent's samples that were under way are acknowledged and dropped. */
  readonly formerDevices: Set<string>
  /** What it has made of what others share; there once it was given something. */
  uses?: ConnectionUses
}

export class Sessions {
  readonly #byKey = new Map<string, Session>()
  readonly #byClient = new WeakMap<object, Session>()
  readonly #byPrincipal = new Map<Principal, Set<Session>>()

  /** The session that had this key, which the caller must end. */
  add(session: Session): Session | undefined {
    const before = this.#byKey.get(session.key)
    this.#byKey.set(session.key, session)
    this.#byClient.set(session.client, session)
    const ofPrincipal = this.#byPrincipal.get(session.principal)
    if (ofPrincipal) ofPrincipal.add(session)
    else this.#byPrincipal.set(session.principal, new Set([session]))
    return before
  }

  remove(session: Session): void {
    if (this.isCurrent(session)) this.#byKey.delete(session.key)
    const ofPrincipal = this.#byPrincipal.get(session.principal)
    ofPrincipal?.delete(session)
    if (ofPrincipal?.size === 0) this.#byPrincipal.delete(session.principal)
  }

  /** Of a client that has signed in and not been given up since. */
  of(client: object | null | undefined): Session | undefined {
    const session = client ? this.#byClient.get(client) : undefined
    return session && !session.connection.destroyed && this.isCurrent(session) ? session : undefined
  }

  isCurrent(session: Session): boolean {
    return this.#byKey.get(session.key) === session
  }

  withKey(key: string): Session | undefined {
    return this.#byKey.get(key)
  }

  ofPrincipal(principal: Principal): readonly Session[] {
    return [...(this.#byPrincipal.get(principal) ?? [])]
  }

  all(): readonly Session[] {
    return [...this.#byKey.values()]
  }

  persons(): readonly Session[] {
    return this.all().filter(({ principal }) => principal.kind === 'person')
  }
}

/**
 * One connection per agent: whoever comes last as it is it. A person's client id counts within the credential: who was
 * given a narrow token takes over nobody else's connection.
 */
export function keyOf(principal: Principal, clientId: string): string {
  if (principal.kind === 'agent') return `agent:${principal.id}`
  return `person:${principal.id}:${principal.credentialId}:${clientId}`
}

/** The highest QoS among the filters that the topic falls under [MQTT-3.3.5-1]; `undefined` when there is none. */
export function qosFor(session: Session, topic: string): QoS | undefined {
  let found: QoS | undefined
  for (const [filter, qos] of session.subscriptions) {
    if (found !== 1 && (found === undefined || qos > found) && matches(filter, topic)) found = qos
  }
  return found
}
