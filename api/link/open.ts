// Opening a link (R22): whoever has it, and knows its PIN where it asks for one, gets a session for it and nothing else.
import type { LinkCredential } from '@ridethrough/db/query/credential.ts'
import { loadFactsOf } from '@ridethrough/db/query/facts.ts'
import { countLinkUse, findLinkByToken, insertLinkSession, type Link, lockLink } from '@ridethrough/db/query/link.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import { hashToken } from '@ridethrough/db/token.ts'
import { Fault } from '@ridethrough/protocol/fault.ts'
import type { LinkOpening, LinkPageView } from '@ridethrough/protocol/http/link.ts'
import type { z } from 'zod'
import type { ApiContext } from '../context.ts'
import { type Actor, recordingRefusals } from '../event.ts'
import { networkOf } from '../refusals.ts'
import { takeAll } from '../throttle.ts'
import { deviceOf, type Place } from '../whereabouts.ts'
import { recordLink } from './event.ts'
import { type Standing, standingOf } from './rules.ts'

/** At the latest then it has to be opened anew, which counts as another use. */
export const LINK_SESSION_MS = 12 * 3_600_000

export type OpenedLink = { readonly token: string; readonly expiresAt: Date }
/** What this browser got when it opened a link before; `credential` is `undefined` once that is over. */
export type LinkHeld = {
  readonly token: string
  readonly linkId: string
  readonly credential: LinkCredential | undefined
}

export async function openLink(
  context: ApiContext,
  actor: Actor,
  { token, pin }: z.output<typeof LinkOpening>,
  place: Place,
  held: LinkHeld | undefined,
): Promise<OpenedLink> {
  const link = await findLinkByToken(context.db, token)
  const about = link ? { link: { id: link.id, name: link.name } } : {}
  const act = { kind: 'link.opened', subject: about, companyId: link?.companyId ?? null } as const
  const before = link && held?.linkId === link.id ? held : undefined
  if (link && before?.credential) {
    const { token: bearer, credential } = before
    return recordingRefusals(context, actor, act, () => goOn(context, link, bearer, credential, actor.now))
  }
  // Whoever had it open has shown the PIN, so they are told plainly that it is over.
  if (link && before) await recordingRefusals(context, actor, act, () => checkLasts(context, link, actor.now))
  // Being asked is no refusal yet.
  if (link && link.pinHash !== null && pin === undefined) {
    throw new Fault('pin-needed', 'This link asks for a PIN: whoever sent it to you knows it')
  }
  return recordingRefusals(context, actor, act, async () => {
    const known = await show(context, actor, token, pin, link)
    return context.db.transaction().execute((tx) => openIn(tx, actor, known, place))
  })
}

/** What there is to see through an open link at this instant. */
export function standingView(standing: Standing): Pick<LinkPageView, 'standing' | 'opensAt'> {
  if (standing.isOpen) return { standing: 'open', opensAt: null }
  const { why, opensAt } = standing
  const name = WHY[why as keyof typeof WHY]
  if (name === undefined) throw hasEnded()
  return { standing: name, opensAt: opensAt === null ? null : new Date(opensAt).toISOString() }
}

const WHY = { 'not-yet': 'not-yet', 'outside-window': 'outside-hours', suspended: 'suspended' } as const

export async function readStanding(db: Db, linkId: string, now: number): Promise<Standing> {
  return standingOf(await loadFactsOf(db, { accounts: [], links: [linkId] }), linkId, now)
}

/**
 * Proves that the token is one, and the PIN the right one. The work and what is counted are the same whether or not there
 * is such a link and whether or not it has a PIN; only who has the token and the PIN learns anything about it.
 */
async function show(
  { db, throttles, passwords }: ApiContext,
  { address, now }: Actor,
  token: string,
  pin: string | undefined,
  link: Link | undefined,
): Promise<Link> {
  const network = networkOf(address)
  const ofLink = link?.id ?? hashToken(token).toString('base64url')
  const budgets = [
    [throttles.linkFrom, network],
    ...(pin === undefined ? [] : [[throttles.linkPin, ofLink] as const]),
  ] as const
  // Counted before it is looked at, so that many guesses at once cannot slip through.
  await takeAll(db, budgets, now)
  const isRight = pin !== undefined && (await passwords.verify(pin, link?.pinHash ?? undefined, network))
  if (!link) throw new Fault('not-found', 'There is no such link: look whether it was copied as a whole')
  if (link.pinHash !== null && !isRight) throw new Fault('pin-wrong', 'The PIN is wrong')
  for (const [throttle, key] of budgets) await throttle.giveBack(key)
  return link
}

async function openIn(tx: Db, actor: Actor, shown: Link, place: Place): Promise<OpenedLink> {
  const at = new Date(actor.now)
  const link = await lockLink(tx, shown.id)
  // A new PIN was set while the old one was being checked.
  if (link && link.pinHash !== shown.pinHash) throw new Fault('pin-wrong', 'The PIN was changed just now')
  await checkStanding(tx, link, actor.now)
  if (!link || !(await countLinkUse(tx, link.id, at))) throw usedUp()
  const longest = new Date(actor.now + LINK_SESSION_MS)
  const session = await insertLinkSession(tx, { linkId: link.id, at, expiresAt: longest, ...place })
  const more = { device: deviceOf(place.userAgent), session: session.sessionId, use: link.uses + 1 }
  await recordLink(tx, actor, 'link.opened', link, more)
  return { token: session.token, expiresAt: link.endsAt && link.endsAt < longest ? link.endsAt : longest }
}

/** Opened before by the same browser: it goes on, and no further use is counted. */
async function goOn(
  { db }: ApiContext,
  link: Link,
  token: string,
  credential: LinkCredential,
  now: number,
): Promise<OpenedLink> {
  await checkStanding(db, link, now)
  return { token, expiresAt: credential.expiresAt ?? new Date(now + LINK_SESSION_MS) }
}

async function checkLasts({ db }: ApiContext, link: Link, now: number): Promise<void> {
  const standing = await readStanding(db, link.id, now)
  if (link.endedAt || (!standing.isOpen && standing.why === 'ended')) throw hasEnded()
}

async function checkStanding(db: Db, link: Link | undefined, now: number): Promise<void> {
  if (!link || link.endedAt) throw hasEnded()
  const standing = await readStanding(db, link.id, now)
  if (standing.isOpen) return
  const retryAfter = standing.opensAt === null ? {} : { retryAfter: Math.ceil((standing.opensAt - now) / 1000) }
  if (standing.why === 'not-yet') throw new Fault('link-not-yet', 'This link does not open yet', retryAfter)
  if (standing.why === 'outside-window') {
    throw new Fault('link-outside-hours', 'This link opens at certain hours only', retryAfter)
  }
  if (standing.why === 'suspended') {
    throw new Fault('link-suspended', 'This link is stopped for the time being: ask whoever sent it to you')
  }
  throw hasEnded()
}

function usedUp(): Fault {
  return new Fault('link-used-up', 'This link was opened as often as it may be: ask for a new one')
}

function hasEnded(): Fault {
  return new Fault('link-ended', 'This link has ended: ask whoever sent it to you for a new one')
}
