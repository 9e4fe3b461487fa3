// What goes into the event log, and by whom (R63).
import { findAccount } from '@ridethrough/db/query/account.ts'
import { findCompany } from '@ridethrough/db/query/company.ts'
import { appendEvent, type NewEvent } from '@ridethrough/db/query/event.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import { FAULTS, Fault, type FaultCode } from '@ridethrough/protocol/fault.ts'
import { type EventKind, ORDINARY_KINDS } from '@ridethrough/protocol/http/event.ts'
import type { AccountSubject } from '@ridethrough/protocol/policy.ts'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { ApiContext } from './context.ts'
import { viewerOf } from './plugin/auth.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Milliseconds since 1970 by our clock. */
    receivedAt: number
  }
}

export type Actor = {
  /** `null`: nobody who is signed in. */
  readonly accountId: string | null
  /** The session or token by which it is done. */
  readonly credentialId: string | null
  /** `null`: the company that the account is in, if there is an account. */
  readonly companyId: string | null
  /** Network address. */
  readonly address: string
  /** Milliseconds since 1970. */
  readonly now: number
}

export type Act = {
  readonly kind: EventKind
  /** Ids and names of what it is about: `{ device: { id, name } }`. Never a secret. */
  readonly subject: Readonly<Record<string, unknown>>
  /** In whose log it stands: the actor's company unless said otherwise, `null` for nobody's. */
  readonly companyId?: string | null | undefined
}

export type Refusal = Act & { readonly code: FaultCode }

/** Somebody who is signed in. */
export type SignedIn = Actor & AccountSubject & { readonly credentialId: string }

/** What the installation does itself, by no request: a command of the operator, a job. */
export function systemActor(now: number): Actor {
  return { accountId: null, credentialId: null, companyId: null, address: '', now }
}

export function actorOf(request: FastifyRequest): Actor {
  return {
    accountId: request.viewer?.accountId ?? null,
    credentialId: request.viewer?.credentialId ?? null,
    companyId: null,
    address: request.ip,
    now: request.receivedAt,
  }
}

/** For routes whose `needs` is not `nobody`. */
export function signedIn(request: FastifyRequest): SignedIn {
  const { accountId, credentialId, scope } = viewerOf(request)
  return { ...actorOf(request), accountId, credentialId, scope }
}

/** Before any other hook of our own routes: what an event says of its time is when the request came. */
export function stampRequests(app: FastifyInstance, { clock }: Pick<ApiContext, 'clock'>): void {
  app.decorateRequest('receivedAt', 0)
  app.addHook('onRequest', async (request) => {
    request.receivedAt = clock.now()
  })
}

/** Events of transactions that write them at their end, and the companies of those who acted. */
type Gathered = { readonly events: NewEvent[]; readonly companies: Map<string, string | null> }

const gathered = new WeakMap<Db, Gathered>()

/**
 * Runs it, and writes what it records as its very last: the head of the log is locked by one at a time until the commit,
 * so that nobody should do anything else while holding it.
 */
export async function gatheringEvents<T>(tx: Db, run: () => Promise<T>): Promise<T> {
  const own: Gathered = { events: [], companies: new Map() }
  gathered.set(tx, own)
  const result = await run()
  gathered.delete(tx)
  for (const event of own.events) await appendEvent(tx, event)
  return result
}

/**
 * In the transaction of the change, after it and before `recordAccessChange`: it locks the head of the log until the
 * commit. An act that concerns two companies is recorded once for each.
 */
export async function recordEvent(tx: Db, actor: Actor, act: Act): Promise<void> {
  const event = await eventOf(tx, actor, act, 'done')
  if (isOrdinary(act) && event.companyId !== null && !(await logsOrdinary(tx, event.companyId))) return
  const later = gathered.get(tx)
  if (later) later.events.push(event)
  else await appendEvent(tx, event)
}

/** A time zone is what weekly windows are kept by, so that moving a device to another one changes who has access when. */
function isOrdinary({ kind, subject }: Act): boolean {
  const { changes } = subject
  const movesClock = typeof changes === 'object' && changes !== null && 'timeZone' in changes
  return ORDINARY_KINDS.has(kind) && !movesClock
}

async function logsOrdinary(tx: Db, companyId: string): Promise<boolean> {
  return (await findCompany(tx, companyId))?.logsOrdinary ?? true
}

/** In a transaction of its own. Never rejects: what could not be written goes to the log of the process. */
export function recordRefusal(
  { refusals }: Pick<ApiContext, 'refusals'>,
  actor: Actor,
  refusal: Refusal,
): Promise<void> {
  return refusals.record(actor, refusal)
}

/** Whose it is that somebody was refused: asked only when the refusal itself says that the thing is there. */
export type Concerned = () => Promise<Pick<Act, 'subject'> & { readonly companyId: string }>

/**
 * Runs it, and records when it is refused: in the log of who tried, and of whom it concerned. What is only filled in
 * wrongly, and failures of ours, are no refusals.
 */
export async function recordingRefusals<T>(
  context: Pick<ApiContext, 'db' | 'log' | 'refusals'>,
  actor: Actor,
  act: Act,
  run: () => Promise<T>,
  concerned?: Concerned,
): Promise<T> {
  try {
    return await run()
  } catch (error) {
    if (error instanceof Fault && isRefusal(error.code)) {
      await recordForBoth(context, actor, { ...act, code: error.code }, concerned)
    }
    throw error
  }
}

async function recordForBoth(
  context: Pick<ApiContext, 'db' | 'log' | 'refusals'>,
  actor: Actor,
  refusal: Refusal,
  concerned: Concerned | undefined,
): Promise<void> {
  try {
    const other = refusal.code === 'not-found' ? undefined : await concerned?.()
    const subject = { ...refusal.subject, ...other?.subject }
    await recordRefusal(context, actor, { ...refusal, subject })
    const own = actor.companyId ?? (await companyOfAccount(context.db, actor.accountId))
    if (other && other.companyId !== own) await recordRefusal(context, actor, { ...refusal, ...other, subject })
  } catch (error) {
    context.log.error({ err: error, kind: refusal.kind }, 'a refused attempt could not be written to the event log')
  }
}

/**
 * In the log of somebody else's company stands who did it, but not from where nor by which session: that is theirs.
 * An act that carries no address is therefore the second row of one that stands elsewhere.
 */
export async function eventOf(db: Db, actor: Actor, act: Act, outcome: NewEvent['outcome']): Promise<NewEvent> {
  const { accountId } = actor
  const own = actor.companyId ?? (await companyOfAccount(db, accountId))
  const companyId = act.companyId === undefined ? own : act.companyId
  const isForeign = accountId !== null && companyId !== null && companyId !== own
  return {
    at: new Date(actor.now),
    companyId,
    accountId,
    credentialId: isForeign ? null : actor.credentialId,
    address: isForeign ? '' : actor.address,
    kind: act.kind,
    outcome,
    subject: storable(act.subject),
  }
}

async function companyOfAccount(db: Db, accountId: string | null): Promise<string | null> {
  if (accountId === null) return null
  const known = gathered.get(db)?.companies
  const before = known?.get(accountId)
  if (before !== undefined) return before
  const companyId = (await findAccount(db, accountId))?.company.id ?? null
  known?.set(accountId, companyId)
  return companyId
}

function isRefusal(code: FaultCode): boolean {
  return FAULTS[code][0] < 500 && code !== 'input-invalid' && code !== 'body-malformed'
}

const LONGEST_TEXT = 300

/** Others wrote some of the texts: what jsonb cannot hold is replaced, what is too long is cut. */
function storable(subject: Act['subject']): Act['subject'] {
  return JSON.parse(JSON.stringify(subject), (_key, value: unknown) => {
    if (typeof value !== 'string') return value
    const text = value.replaceAll('\0', '\uFFFD').toWellFormed()
    return text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT - 1).toWellFormed()}…` : text
  })
}
