// A change of access: recorded in the transaction that makes it, and answered only when every edge has applied it (design: docs/adr/0001-edges.md).

import { Fault } from '@ridethrough/protocol/fault.ts'
import type { EdgeReport } from '@ridethrough/protocol/http/share.ts'
import { sql } from 'kysely'
import type { Clock } from './clock.ts'
import type { Listener } from './listen.ts'
import type { Db } from './schema.ts'

/** How long an edge may serve after it asked for its lease. */
export const LEASE_MS = 2000
/** The waiting side's clock may run faster than the edge's: it waits a tenth longer, and for one slow answer more. */
export const LEASE_WAIT_MS = LEASE_MS * 1.1 + 200
/** Far beyond any lease: reached only when the database itself cannot say what became of the edges. */
const DEADLINE_MS = 20_000
/** A lost notification costs this much, not the change. */
const POLL_MS = 100

export type AccessChange = {
  readonly accounts?: readonly string[]
  /** Whoever holds anything on them is concerned; whoever may come to hold something is named among the accounts. */
  readonly devices?: readonly string[]
  readonly agents?: readonly string[]
  /** Sessions, tokens and share credentials that are over. */
  readonly credentials?: readonly string[]
  readonly links?: readonly string[]
  /**
   * Nobody but these accounts and links is concerned, and on these devices only: an edge need not read the rights of others,
   * nor the rest of theirs. Credentials that end, end all the same.
   */
  readonly confined?: boolean
  /** What happened, for operators: `share revoked`. */
  readonly what: string
}

/**
 * Must be the last statement of the transaction: it locks the access clock until the commit, so that versions become
 * visible in their order and without a gap.
 */
export async function recordAccessChange(tx: Db, change: AccessChange): Promise<number> {
  const { rows } = await sql<{ version: number }>`
    with tick as (update access_clock set version = version + 1 returning version),
    change as (
      insert into access_change (version, accounts, devices, agents, credentials, links, confined, what)
      select version, ${list(change.accounts)}, ${list(change.devices)}, ${list(change.agents)}, ${list(change.credentials)}, ${list(change.links)}, ${change.confined ?? false}, ${change.what} from tick
      returning version
    )
    select version, pg_notify('access_change', version::text) from change`.execute(tx)
  const version = rows[0]?.version
  if (version === undefined) throw new Error('the access clock is missing')
  return version
}

function list(ids: readonly string[] = []) {
  return sql`${[...new Set(ids)]}::uuid[]`
}

type EdgeRow = { id: string; kind: 'broker' | 'api'; applied_version: number; lease: number }

/**
 * Resolves when no edge can serve anything under rights older than `version`: each has applied it, or its lease has run
 * out on our clock and it was fenced, so that it must catch up before it serves again.
 */
export async function waitForEdges(db: Db, listener: Listener, version: number, clock: Clock): Promise<EdgeReport> {
  const started = clock.monotonic()
  const looks = looksAt(db)
  const seen = new Map<string, { lease: number; at: number }>()
  const fenced: EdgeRow[] = []
  for (;;) {
    const edges = await looks.next()
    const answered = clock.monotonic()
    const behind = edges.filter((edge) => edge.applied_version < version)
    if (behind.length === 0) return report(db, version, edges, fenced, answered - started)
    if (answered - started > DEADLINE_MS) {
      throw new Fault(
        'edges-unsettled',
        `The change is stored as version ${version}, but ${behind.length} servers did not confirm it in time`,
      )
    }
    for (const edge of behind) {
      const before = seen.get(edge.id)
      // Counted from after the answer: the renewal that we see was asked for earlier than that.
      if (before?.lease !== edge.lease) seen.set(edge.id, { lease: edge.lease, at: answered })
      else if (answered - before.at > LEASE_WAIT_MS && (await fence(db, edge))) fenced.push(edge)
    }
    await nextNews(listener)
  }
}

/**
 * Many wait at the same time, and all want the same rows: a look that is about to begin is shared. One that is under way
 * is not, because it may have read before the change that is asked about.
 */
class Looks {
  readonly #db: Db
  #running: Promise<unknown> = Promise.resolve()
  #queued: Promise<EdgeRow[]> | undefined

  constructor(db: Db) {
    this.#db = db
  }

  next(): Promise<EdgeRow[]> {
    this.#queued ??= Promise.allSettled([this.#running]).then(() => {
      this.#queued = undefined
      const look = liveEdges(this.#db)
      this.#running = look
      return look
    })
    return this.#queued
  }
}

const looksOf = new WeakMap<Db, Looks>()

function looksAt(db: Db): Looks {
  const known = looksOf.get(db)
  if (known) return known
  const looks = new Looks(db)
  looksOf.set(db, looks)
  return looks
}

function liveEdges(db: Db): Promise<EdgeRow[]> {
  return db.selectFrom('edge').select(['id', 'kind', 'applied_version', 'lease']).where('fenced', '=', false).execute()
}

/** False when the edge has renewed in between: then it is alive, and the wait goes on. */
async function fence(db: Db, edge: EdgeRow): Promise<boolean> {
  const done = await db
    .updateTable('edge')
    .set({ fenced: true })
    .where('id', '=', edge.id)
    .where('lease', '=', edge.lease)
    .where('fenced', '=', false)
    .executeTakeFirst()
  return done.numUpdatedRows === 1n
}

async function report(db: Db, version: number, applied: EdgeRow[], fenced: EdgeRow[], ms: number): Promise<EdgeReport> {
  const cuts = await db.selectFrom('edge_report').selectAll().where('version', '=', version).execute()
  const line = (edge: EdgeRow, outcome: 'applied' | 'fenced') => {
    const cut = cuts.find((one) => one.edge_id === edge.id)
    return {
      id: edge.id,
      kind: edge.kind,
      outcome,
      subscriptions: cut?.subscriptions ?? 0,
      connections: cut?.connections ?? 0,
      viewers: cut?.viewers ?? 0,
    }
  }
  const edges = [...applied.map((edge) => line(edge, 'applied')), ...fenced.map((edge) => line(edge, 'fenced'))]
  return { version, ms: Math.round(ms * 10) / 10, edges }
}

function nextNews(listener: Listener): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      off()
      resolve()
    }
    const off = listener.on('edge_applied', done)
    const timer = setTimeout(done, POLL_MS)
  })
}
