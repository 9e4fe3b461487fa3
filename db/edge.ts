// An edge: a process that serves people under rights held in memory. It applies changes of access in their order, confirms
// them, and may serve only while its lease lasts (docs/adr/0001-edges.md has the protocol and its argument).
import { randomUUID } from 'node:crypto'
import { type Selectable, sql } from 'kysely'
import type { Logger } from 'pino'
import { LEASE_MS } from './access.ts'
import type { Clock } from './clock.ts'
import { Collector } from './collector.ts'
import type { Listener } from './listen.ts'
import { Principal, type PrincipalKind, reload, reloadOn } from './principal.ts'
import type { AccessChangeTable, Db } from './schema.ts'

export type { Principal } from './principal.ts'

/** What a change cut off here. */
export type Cut = { readonly subscriptions: number; readonly connections: number; readonly viewers: number }

export const NOTHING_CUT: Cut = { subscriptions: 0, connections: 0, viewers: 0 }

export type EdgeHooks = {
  /** New rights are in place (or `isEnded` is set): cut what they no longer allow. The change counts as applied when this resolves. */
  changed(principals: readonly Principal[]): Cut | Promise<Cut>
  /** The lease ran out: persons are served nothing until `regained`. */
  lost(): void
  regained(): void
}

export type EdgeOptions = {
  readonly db: Db
  readonly listener: Listener
  readonly kind: 'broker' | 'api'
  readonly hooks: EdgeHooks
  readonly clock: Clock
  readonly log: Logger
}

type Change = Pick<
  Selectable<AccessChangeTable>,
  'version' | 'accounts' | 'devices' | 'agents' | 'credentials' | 'links' | 'confined' | 'what'
>

/** Connections of its own: behind everybody else's statements, a lease might run out that nothing was wrong with. */
export const EDGE_CONNECTIONS = 4

const RENEW_MS = LEASE_MS / 4
/** The longest wait of setTimeout; a later instant is looked at again then. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

export class Edge {
  readonly id = randomUUID()
  readonly #options: EdgeOptions
  readonly #principals = new Map<string, Principal>()
  /** Thousands of agents come back at once when a broker was restarted: their rights are read together. */
  readonly #agentLoads = new Collector<Principal, void>(async (agents) => {
    await reload(this.#options.db, agents, this.#options.clock.now())
    return agents.map(() => undefined)
  })
  #applied = 0
  /** End of the lease on both clocks, counted from before the renewal was asked for. */
  #leaseEnd = { monotonic: Number.NEGATIVE_INFINITY, wall: Number.NEGATIVE_INFINITY }
  #isServed = false
  #isRegistered = false
  #isStopped = false
  /** All rounds until none is wanted, and the one of them that is under way or was the last. */
  #rounds: Promise<void> | undefined
  #round: Promise<void> | undefined
  #isRoundWanted = false
  #renewTimer: NodeJS.Timeout | undefined
  #clockTimer: NodeJS.Timeout | undefined
  #leaseTimer: NodeJS.Timeout | undefined
  #offs: (() => void)[] = []
  /** Beginnings and ends of periods up to here have been acted on. */
  #seenUntil: number
  /** The next of them. */
  #nextAt: number | null = null

  private constructor(options: EdgeOptions) {
    this.#options = options
    this.#seenUntil = options.clock.now()
  }

  /** Resolves when the edge holds its first lease. */
  static async start(options: EdgeOptions): Promise<Edge> {
    const edge = new Edge(options)
    // Nobody may start a second round beside this one: it would register the edge past a change without reporting its cut.
    await edge.#runRound()
    const look = () => edge.#lookNow()
    edge.#offs = [options.listener.on('access_change', look), options.listener.onUp(look)]
    edge.#renewTimer = setInterval(look, RENEW_MS)
    look()
    return edge
  }

  /** Asked on every delivery: the lease must last on the monotonic clock and on the wall clock (a suspended machine stops the first). */
  isServing(): boolean {
    const { clock } = this.#options
    return clock.monotonic() < this.#leaseEnd.monotonic && clock.now() < this.#leaseEnd.wall
  }

  /**
   * Whether people may be served: at once while the lease lasts. When it does not (the wall clock was stepped, the machine
   * slept, the process was stopped) it is asked for anew first; `false` after that means that everybody was given up.
   */
  async whenServing(): Promise<boolean> {
    if (this.isServing()) return true
    this.#lookNow()
    // A round that was under way may have asked too early, the next has not. The rounds after it are not waited for: where
    // changes come without a pause, so do they.
    for (let rounds = 0; rounds < 2 && !this.isServing(); rounds += 1) await this.#round
    if (!this.isServing()) this.#endLease()
    return this.isServing()
  }

  /** Time for which people are served if nothing renews the lease; 0 when they are not. */
  get leaseLeftMs(): number {
    const { clock } = this.#options
    return Math.max(0, Math.min(this.#leaseEnd.monotonic - clock.monotonic(), this.#leaseEnd.wall - clock.now()))
  }

  get appliedVersion(): number {
    return this.#applied
  }

  /**
   * The principal of a credential, its rights loaded and kept current until `close` was called as often as `open`.
   * `undefined` when the credential (or the account, or the agent) is over.
   */
  async open(kind: PrincipalKind, id: string, credentialId: string): Promise<Principal | undefined> {
    const key = keyOf(kind, id, credentialId)
    const principal = this.#principals.get(key) ?? new Principal(kind, id, credentialId)
    this.#principals.set(key, principal)
    principal.holders += 1
    try {
      principal.loading ??= this.#load(principal).finally(() => {
        principal.loading = undefined
      })
      await principal.loading
    } catch (error) {
      this.close(principal)
      throw error
    }
    if (!principal.isEnded) return principal
    this.close(principal)
    return undefined
  }

  close(principal: Principal): void {
    principal.holders -= 1
    if (principal.holders <= 0) this.#principals.delete(keyOf(principal.kind, principal.id, principal.credentialId))
  }

  async stop(): Promise<void> {
    if (this.#isStopped) return
    this.#isStopped = true
    for (const off of this.#offs) off()
    clearInterval(this.#renewTimer)
    clearTimeout(this.#clockTimer)
    clearTimeout(this.#leaseTimer)
    await this.#rounds
    this.#leaseEnd = { monotonic: Number.NEGATIVE_INFINITY, wall: Number.NEGATIVE_INFINITY }
    // An edge that says goodbye is waited for by nobody.
    await this.#options.db.deleteFrom('edge').where('id', '=', this.id).execute()
  }

  async #load(principal: Principal): Promise<void> {
    if (principal.version >= 0) return
    const { db, clock } = this.#options
    const isAgent = principal.kind === 'agent'
    do await (isAgent ? this.#agentLoads.ask(principal) : reload(db, [principal], clock.now()))
    while (principal.version < principal.neededVersion)
    // What an agent may do neither begins nor ends by the clock.
    if (!isAgent) this.#armClock()
  }

  #lookNow(): void {
    this.#isRoundWanted = true
    if (!this.#rounds && !this.#isStopped) this.#rounds = this.#runRounds()
  }

  async #runRounds(): Promise<void> {
    while (this.#isRoundWanted && !this.#isStopped) {
      this.#isRoundWanted = false
      this.#round = this.#runRound().catch((error: unknown) => {
        // Not renewed: the lease runs out by itself, and with it everybody's service.
        this.#options.log.warn({ err: error }, 'cannot confirm changes of access')
      })
      await this.#round
    }
    // In one turn with the look at what is wanted: whoever asks for a round from now on begins one.
    this.#rounds = undefined
  }

  /** Read what changed, apply it, then confirm it and renew the lease in one statement. */
  async #runRound(): Promise<void> {
    if (!this.#isRegistered) await this.#register()
    // Timers follow neither a wall clock that is stepped nor a machine that sleeps.
    if (this.#hasClockMoved()) await this.#closeRunOut()
    const changes = await this.#changesSince(this.#applied)
    const cuts = await this.#apply(changes)
    const upTo = changes.at(-1)?.version ?? this.#applied
    if (!(await this.#confirm(upTo, cuts))) {
      this.#isRegistered = false
      this.#isRoundWanted = true
      this.#endLease()
      this.#options.log.warn({ edge: this.id }, 'this server was given up by the others: everything is read anew')
    }
  }

  /** A new or a fenced edge starts from the present: nothing that it held before counts. */
  async #register(): Promise<void> {
    const { db, kind, clock, hooks } = this.#options
    const { version } = await db.selectFrom('access_clock').select('version').executeTakeFirstOrThrow()
    const all = [...this.#principals.values()].filter((one) => one.version >= 0)
    for (const one of this.#principals.values()) one.neededVersion = version
    if (all.length > 0) {
      await reload(db, all, clock.now())
      await hooks.changed(all)
    }
    await sql`
      insert into edge (id, kind, applied_version, lease) values (${this.id}, ${kind}, ${version}, 0)
      on conflict (id) do update set applied_version = excluded.applied_version, lease = edge.lease + 1, fenced = false`.execute(
      db,
    )
    await db
      .deleteFrom('edge')
      .where('fenced', '=', true)
      .where('started_at', '<', sql<Date>`now() - interval '1 day'`)
      .execute()
    this.#applied = version
    this.#isRegistered = true
  }

  #changesSince(version: number): Promise<Change[]> {
    return this.#options.db
      .selectFrom('access_change')
      .select(['version', 'accounts', 'devices', 'agents', 'credentials', 'links', 'confined', 'what'])
      .where('version', '>', version)
      .orderBy('version')
      .execute()
  }

  async #apply(changes: readonly Change[]): Promise<Map<number, Cut>> {
    const { db, hooks, clock } = this.#options
    const cuts = new Map<number, Cut>()
    const last = changes.at(-1)
    if (!last) return cuts
    const ready: Principal[] = []
    for (const principal of this.#principals.values()) {
      // Whoever is being loaded may have been read before these changes: it is read again.
      if (principal.version < 0) principal.neededVersion = last.version
      else ready.push(principal)
    }
    const concerned = new Map(changes.map((change) => [change.version, ready.filter((one) => concerns(change, one))]))
    const all = [...new Set([...concerned.values()].flat())]
    const whole = all.filter((one) => changes.some((change) => concernsWhole(change, one)))
    const partly = all.filter((one) => !whole.includes(one))
    if (whole.length > 0) await reload(db, whole, clock.now())
    if (partly.length > 0) {
      const deviceIds = new Set(changes.flatMap((change) => (concerned.get(change.version) ? change.devices : [])))
      await reloadOn(db, partly, deviceIds, last.version, clock.now())
    }
    for (const [version, principals] of concerned) {
      if (principals.length > 0) cuts.set(version, await hooks.changed(principals))
    }
    this.#armClock()
    return cuts
  }

  /** False when the others have fenced this edge. */
  async #confirm(version: number, cuts: ReadonlyMap<number, Cut>): Promise<boolean> {
    const { db, clock } = this.#options
    const asked = { monotonic: clock.monotonic(), wall: clock.now() }
    const rows = [...cuts].map(([of, cut]) => ({ edge_id: this.id, version: of, ...cut }))
    const { rows: renewed } = await sql`
      with report as (
        insert into edge_report (edge_id, version, subscriptions, connections, viewers)
        select * from json_to_recordset(${JSON.stringify(rows)}::json) as r(edge_id uuid, version bigint, subscriptions int, connections int, viewers int)
        on conflict do nothing
      ),
      renewed as (update edge set applied_version = ${version}, lease = lease + 1 where id = ${this.id} and not fenced returning id)
      select case when ${version > this.#applied} then pg_notify('edge_applied', ${String(version)}) end from renewed`.execute(
      db,
    )
    if (renewed.length === 0) return false
    this.#applied = version
    this.#leaseEnd = { monotonic: asked.monotonic + LEASE_MS, wall: asked.wall + LEASE_MS }
    this.#watchLease()
    return true
  }

  #watchLease(): void {
    if (!this.#isServed && this.isServing()) {
      this.#isServed = true
      this.#options.hooks.regained()
    }
    clearTimeout(this.#leaseTimer)
    // A timer may fire a moment early: then the lease still lasts, and is looked at again.
    this.#leaseTimer = setTimeout(
      () => (this.isServing() ? this.#watchLease() : this.#endLease()),
      Math.max(0, this.#leaseEnd.monotonic - this.#options.clock.monotonic()) + 1,
    )
  }

  #endLease(): void {
    this.#leaseEnd = { monotonic: Number.NEGATIVE_INFINITY, wall: Number.NEGATIVE_INFINITY }
    if (!this.#isServed) return
    this.#isServed = false
    this.#options.hooks.lost()
  }

  /** Periods begin and end without a message: a timer closes what has run out. Each delivery checks the clock anyway. */
  #armClock(): void {
    const { clock } = this.#options
    clearTimeout(this.#clockTimer)
    if (this.#isStopped) return
    const now = clock.now()
    let next: number | null = null
    for (const principal of this.#principals.values()) {
      // Not from now on: an instant may have passed whose timer had not fired yet when this one replaced it.
      const at = principal.nextChangeAfter(this.#seenUntil)
      if (at !== null && (next === null || at < next)) next = at
    }
    this.#nextAt = next
    if (next === null) return
    this.#clockTimer = setTimeout(() => this.#closeRunOut(), Math.min(Math.max(next - now, 0), LONGEST_TIMER_MS))
  }

  #hasClockMoved(): boolean {
    const now = this.#options.clock.now()
    return now < this.#seenUntil || (this.#nextAt !== null && now >= this.#nextAt)
  }

  async #closeRunOut(): Promise<void> {
    const { clock, hooks, log } = this.#options
    const [since, now] = [this.#seenUntil, clock.now()]
    this.#seenUntil = now
    const due = [...this.#principals.values()].filter((one) => {
      // Stepped back: whatever has begun or ended since then has not, once more.
      if (now < since) return true
      const at = one.nextChangeAfter(since)
      return at !== null && at <= now
    })
    for (const one of due) if (one.expiresAt !== null && one.expiresAt <= now) one.isEnded = true
    try {
      if (due.length > 0) await hooks.changed(due)
    } catch (error) {
      log.error({ err: error }, 'what has run out could not be closed')
    }
    this.#armClock()
  }
}

function keyOf(kind: PrincipalKind, id: string, credentialId: string): string {
  return `${kind}:${id}:${credentialId}`
}

/** Whether more than what it may do on the devices of the change has to be read anew. */
function concernsWhole(change: Change, principal: Principal): boolean {
  if (principal.kind === 'agent') return concerns(change, principal)
  if (change.credentials.includes(principal.credentialId)) return true
  return !change.confined && (principal.kind === 'link' ? change.links : change.accounts).includes(principal.id)
}

function concerns(change: Change, principal: Principal): boolean {
  if (principal.kind === 'agent') return change.agents.includes(principal.id) || bearsOn(change, principal.devices)
  return (
    (principal.kind === 'link' ? change.links : change.accounts).includes(principal.id) ||
    change.credentials.includes(principal.credentialId) ||
    bearsOn(change, principal.rights.byDevice)
  )
}

/** A confined change is about the accounts and links that it names, not about whoever else has the devices. */
function bearsOn(change: Change, held: { has(deviceId: string): boolean }): boolean {
  return !change.confined && change.devices.some((id) => held.has(id))
}
