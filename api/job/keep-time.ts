// What time has done is written down: what ran out becomes `expired`, both sides are told, a day before as well.
//
// Access does not wait for this: periods are part of the rights that every edge holds, and each delivery and each answer
// asks them for its own instant. A run that comes late, or never, makes records and notices late, and gives nobody anything.
import { recordAccessChange } from '@ridethrough/db/access.ts'
import type { Clock } from '@ridethrough/db/clock.ts'
import {
  ENDING_KINDS,
  type Ending,
  type EndingKind,
  expireOne,
  noticeOneEnding,
  ratherFailThanWait,
  type Side,
} from '@ridethrough/db/query/ending.ts'
import { forgetNotices } from '@ridethrough/db/query/notice.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import type { NoticeKind, NoticeSubject } from '@ridethrough/protocol/http/notice.ts'
import type { Logger } from 'pino'
import { type Act, recordEvent, systemActor } from '../event.ts'
import { type NoticeContext, postNotice } from '../notice.ts'

export type TimeContext = NoticeContext & { readonly db: Db; readonly clock: Clock; readonly log: Logger }

/** So long before the end both sides are told. */
export const ENDING_MS = 24 * 3_600_000
const NOTICES_KEPT_MS = 90 * 24 * 3_600_000
const PORTION = 10_000
/** In one run, of each kind; the next one goes on. */
const MOST_AT_ONCE = 5000

/** Each in a transaction of its own. Several may run at once: none does what another does. */
export async function keepTime(context: TimeContext): Promise<void> {
  for (const kind of ENDING_KINDS) {
    await oneByOne(context, kind, EXPIRE)
    await oneByOne(context, kind, ANNOUNCE)
  }
}

/** Old notices are of no use to anybody. */
export async function forgetOldNotices({ db, clock }: Pick<TimeContext, 'db' | 'clock'>): Promise<void> {
  const before = new Date(clock.now() - NOTICES_KEPT_MS)
  while ((await forgetNotices(db, before, PORTION)) > 0);
}

type Step = {
  take(tx: Db, kind: EndingKind, now: number, except: readonly string[]): Promise<Ending | undefined>
  tell(context: TimeContext, tx: Db, ending: Ending, at: Date): Promise<void>
}

const EXPIRE: Step = {
  take: (tx, kind, now, except) => expireOne(tx, kind, new Date(now), except),
  tell: async (context, tx, ending, at) => {
    await postToSides(context, tx, ending, `${ending.kind}.ended`, at)
    await recordExpiry(tx, ending, at)
    await recordAccessChange(tx, accessChangeOf(ending))
  },
}

const ANNOUNCE: Step = {
  take: (tx, kind, now, except) => noticeOneEnding(tx, kind, new Date(now), new Date(now + ENDING_MS), except),
  tell: (context, tx, ending, at) => postToSides(context, tx, ending, `${ending.kind}.ending`, at),
}

async function oneByOne(context: TimeContext, kind: EndingKind, { take, tell }: Step): Promise<void> {
  const failed: string[] = []
  for (let count = 0; count < MOST_AT_ONCE; count += 1) {
    let taken: Ending | undefined
    try {
      await context.db.transaction().execute(async (tx) => {
        await ratherFailThanWait(tx)
        const now = context.clock.now()
        taken = await take(tx, kind, now, failed)
        if (taken) await tell(context, tx, taken, new Date(now))
      })
    } catch (error) {
      // One that cannot be written down holds up no other; without one to leave out, the database itself is at fault.
      if (!taken) throw error
      failed.push(taken.id)
      context.log.warn({ err: error, kind, id: taken.id }, 'what time has done could not be written down yet')
    }
    if (!taken) return
  }
}

async function postToSides(
  context: TimeContext,
  tx: Db,
  ending: Ending,
  kind: Extract<NoticeKind, `${string}.end${string}`>,
  at: Date,
): Promise<void> {
  const { makers, recipient, isPending } = ending
  // What a link is called stands for whoever has it.
  const farSide = recipient ?? { name: ending.name, email: null }
  // Before it was accepted, whose the address is is nobody's business.
  const known = isPending && recipient ? { name: recipient.email, email: recipient.email } : farSide
  for (const maker of makers) {
    await postNotice(context, tx, maker, { kind, subject: subjectOf(ending, known, kind), at })
  }
  const [maker] = makers
  if (!recipient || isPending) return
  await postNotice(context, tx, recipient, { kind, subject: subjectOf(ending, maker ?? null, kind), at })
}

type Named = Pick<Side, 'name'> & { readonly email: string | null }

function subjectOf(ending: Ending, other: Named | null, kind: NoticeKind): NoticeSubject {
  return {
    id: ending.id,
    by: null,
    other: other && { name: other.name ?? other.email ?? '', email: other.email },
    company: ending.kind === 'guest' ? ending.company.name : null,
    devices: [...ending.devices],
    until: ending.endsAt?.toISOString() ?? null,
    state: kind.endsWith('.ended') ? 'expired' : null,
  }
}

/** In the log of the company that gave it, and of the one whose somebody had it. */
async function recordExpiry(tx: Db, ending: Ending, at: Date): Promise<void> {
  const { kind, id, company, recipient, isPending, devices } = ending
  const named = recipient ? { id, email: recipient.email } : { id, name: ending.name }
  const act: Act = {
    kind: kind === 'share' ? 'share.expired' : `${kind}.ended`,
    subject: { [kind]: named, devices, state: 'expired', ...(isPending ? { because: 'unanswered' } : {}) },
  }
  const theirs = isPending ? null : (recipient?.companyId ?? null)
  for (const companyId of new Set([company.id, ...(theirs ? [theirs] : [])])) {
    await recordEvent(tx, systemActor(at.getTime()), { ...act, companyId })
  }
}

function accessChangeOf({ kind, id, recipient, devices }: Ending) {
  return {
    accounts: recipient?.accountId ? [recipient.accountId] : [],
    devices: devices.map((device) => device.id),
    links: kind === 'link' ? [id] : [],
    // A guest entry may be about every device of the company.
    confined: kind !== 'guest',
    what: `${kind} expired`,
  }
}
