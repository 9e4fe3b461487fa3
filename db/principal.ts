// Somebody or something connected to an edge, with the rights it holds right now.

import { type Grant, grantsOn } from '@ridethrough/protocol/policy.ts'
import { compilingRights, NO_RIGHTS, nextChangeOf, type Rights } from '@ridethrough/protocol/rights.ts'
import { sql } from 'kysely'
import { type Credential, liveCredentials, subjectOf } from './query/credential.ts'
import { loadFactsOf, loadFactsOn } from './query/facts.ts'
import type { Db } from './schema.ts'

/** `link`: whoever has opened one; like a person, but without a name. */
export type PrincipalKind = 'person' | 'agent' | 'link'

export class Principal {
  readonly kind: PrincipalKind
  /** Account, agent or link id. */
  readonly id: string
  /** Session, API token or share credential of a person, session of a link; the agent's id again for an agent. */
  readonly credentialId: string
  /** Version of access that the next two belong to; -1 until loaded. */
  version = -1
  rights: Rights = NO_RIGHTS
  /** Agents: the registered devices whose samples it may publish. */
  devices: ReadonlySet<string> = new Set()
  isEnded = false
  /** Milliseconds since 1970 when the credential runs out by itself. */
  expiresAt: number | null = null
  /** A change came while this was loading: what was loaded must be at least this new. */
  neededVersion = 0
  holders = 0
  /** When the rights `of` change next by themselves, for whoever asks between `from` and then. */
  #next: { readonly of: Rights; readonly from: number; readonly at: number | null } | undefined
  loading: Promise<void> | undefined

  constructor(kind: PrincipalKind, id: string, credentialId: string) {
    this.kind = kind
    this.id = id
    this.credentialId = credentialId
  }

  /** When time alone changes what this principal may do; `null`: never. */
  nextChangeAfter(now: number): number | null {
    const ofRights = this.#nextOfRights(now)
    const ofCredential = this.expiresAt !== null && this.expiresAt > now ? this.expiresAt : null
    if (ofRights === null) return ofCredential
    return ofCredential === null ? ofRights : Math.min(ofRights, ofCredential)
  }

  /** Asked for everybody at each change of anybody, so that it is worked out once until it has passed. */
  #nextOfRights(now: number): number | null {
    const known = this.#next
    if (known?.of === this.rights && now >= known.from && (known.at === null || now < known.at)) return known.at
    const at = nextChangeOf(this.rights, now)
    this.#next = { of: this.rights, from: now, at }
    return at
  }
}

/** Reads the rights of all of them anew and puts them in place at once, in one turn of the event loop. */
export async function reload(db: Db, principals: readonly Principal[], now: number): Promise<void> {
  const viewers = principals.filter((one) => one.kind !== 'agent')
  const agents = principals.filter((one) => one.kind === 'agent')
  // The credentials are read after the facts, so they are never the older of the two.
  const sheet = await loadFactsOf(db, askedBy(viewers))
  const credentials = await liveCredentials(
    db,
    viewers.map((one) => one.credentialId),
    new Date(now),
  )
  const ofAgents = await registeredDevices(
    db,
    agents.map((one) => one.id),
  )
  const compiled = new Map<Principal, { readonly credential: Credential; readonly rights: Rights }>()
  for (const viewer of viewers) {
    const found = credentials.get(viewer.credentialId)
    // What opens a link is worth nothing to a person, and the other way round.
    const credential = found && holderOf(found) === viewer.id ? found : undefined
    if (!credential) continue
    const rights = await inTurns(compilingRights(subjectOf(credential), sheet.devices, sheet.facts, sheet.version))
    compiled.set(viewer, { credential, rights })
  }
  // Two reads may be under way for one principal: the older never replaces the newer.
  for (const viewer of viewers.filter((one) => one.version <= sheet.version)) {
    const { credential, rights } = compiled.get(viewer) ?? {}
    viewer.isEnded = credential === undefined
    viewer.expiresAt = credential?.expiresAt?.getTime() ?? null
    viewer.rights = rights ?? NO_RIGHTS
    viewer.version = sheet.version
  }
  for (const agent of agents.filter((one) => one.version <= sheet.version)) {
    const devices = ofAgents.get(agent.id)
    agent.isEnded = devices === undefined
    agent.devices = new Set(devices ?? [])
    agent.version = sheet.version
  }
}

/**
 * Reads what these viewers may do on these devices anew, and leaves the rest of their rights as it is: enough for changes
 * that bear on nothing else, the last of which has this version.
 */
export async function reloadOn(
  db: Db,
  viewers: readonly Principal[],
  deviceIds: ReadonlySet<string>,
  version: number,
  now: number,
): Promise<void> {
  const sheet = await loadFactsOn(db, askedBy(viewers), [...deviceIds])
  const ids = viewers.map((one) => one.credentialId)
  const credentials = await liveCredentials(db, ids, new Date(now))
  for (const viewer of viewers) {
    const found = credentials.get(viewer.credentialId)
    // What opens a link is worth nothing to a person, and the other way round.
    const credential = found && holderOf(found) === viewer.id ? found : undefined
    viewer.isEnded = credential === undefined
    viewer.expiresAt = credential?.expiresAt?.getTime() ?? null
    const byDevice = new Map<string, readonly Grant[]>(credential ? viewer.rights.byDevice : [])
    for (const id of deviceIds) byDevice.delete(id)
    for (const device of credential ? sheet.devices : []) {
      const grants = credential ? grantsOn(subjectOf(credential), device, sheet.facts) : []
      if (grants.length > 0) byDevice.set(device.id, grants)
    }
    viewer.rights = { version, byDevice }
    viewer.version = version
  }
}

const STEP_MS = 5

/** Lets others have their turn in between, so that nobody's deliveries, and no lease, wait for somebody's many devices. */
async function inTurns<T>(work: Generator<void, T>): Promise<T> {
  for (;;) {
    const until = performance.now() + STEP_MS
    do {
      const step = work.next()
      if (step.done) return step.value
    } while (performance.now() < until)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

function askedBy(viewers: readonly Principal[]) {
  const idsOf = (kind: PrincipalKind) => [...new Set(viewers.filter((one) => one.kind === kind).map((one) => one.id))]
  return { accounts: idsOf('person'), links: idsOf('link') }
}

function holderOf(credential: Credential): string {
  return credential.kind === 'link' ? credential.linkId : credential.accountId
}

/** Agents that are revoked or unknown are left out. */
async function registeredDevices(db: Db, agentIds: readonly string[]): Promise<Map<string, string[]>> {
  if (agentIds.length === 0) return new Map()
  const rows = await db
    .selectFrom('agent')
    .leftJoin('device', 'device.agent_id', 'agent.id')
    .select(['agent.id as agentId', 'device.id as deviceId'])
    .where('agent.id', '=', sql<string>`any(${[...agentIds]}::uuid[])`)
    .where('agent.revoked_at', 'is', null)
    .execute()
  const map = new Map<string, string[]>()
  for (const { agentId, deviceId } of rows) {
    const devices = map.get(agentId) ?? []
    map.set(agentId, devices)
    if (deviceId) devices.push(deviceId)
  }
  return map
}
