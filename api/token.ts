// API tokens: made, listed, ended.

import { loadFactsOfAccounts } from '@ridethrough/db/query/facts.ts'
import { type ApiToken, endToken, insertToken, listTokens } from '@ridethrough/db/query/token.ts'
import { Fault } from '@ridethrough/protocol/fault.ts'
import type { NewToken, TokenView } from '@ridethrough/protocol/http/security.ts'
import { grantsOn, privilegesAt } from '@ridethrough/protocol/policy.ts'
import { maskOf, NO_PRIVILEGES } from '@ridethrough/protocol/privilege.ts'
import type { z } from 'zod'
import { changeAccess, noDevice } from './access.ts'
import type { ApiContext } from './context.ts'
import { recordEvent, recordingRefusals, type SignedIn } from './event.ts'
import { sendNotice } from './session-start.ts'
import { lockOwnAccount } from './step-up.ts'
import type { Place } from './whereabouts.ts'

const LONGEST_MS = 366 * 24 * 3_600_000
const MOST_TOKENS = 50

/** What it may do is what the account may, cut by this scope at each decision: it is never the stronger of the two. */
export async function makeToken(
  context: ApiContext,
  actor: SignedIn,
  wanted: z.infer<typeof NewToken>,
  place: Place,
): Promise<{ readonly token: string; readonly view: TokenView }> {
  const { name, privileges } = wanted
  const deviceIds = wanted.deviceIds ? [...new Set(wanted.deviceIds)] : null
  const act = { kind: 'token.made', subject: { name, privileges, devices: deviceIds } } as const
  return recordingRefusals(context, actor, act, () =>
    context.db.transaction().execute(async (tx) => {
      const account = await lockOwnAccount(tx, actor)
      const at = new Date(actor.now)
      const expiresAt = checkEnd(wanted.expiresAt, actor.now)
      if ((await listTokens(tx, account.id, at)).length >= MOST_TOKENS) {
        throw new Fault('limit-reached', `There are ${MOST_TOKENS} API tokens already: end one first`)
      }
      if (deviceIds) await checkDevices(tx, actor, deviceIds)
      const mask = maskOf(privileges)
      const made = await insertToken(tx, { accountId: account.id, name, privileges: mask, deviceIds, at, expiresAt })
      await sendNotice(context, tx, account, 'tokenMade', place, name)
      await recordEvent(tx, actor, { kind: act.kind, subject: { ...act.subject, token: { id: made.view.id } } })
      return { token: made.token, view: tokenView(made.view) }
    }),
  )
}

/** Answered once nothing is served to it any more, by MQTT or otherwise. */
export async function revokeToken(context: ApiContext, actor: SignedIn, id: string): Promise<void> {
  const act = { kind: 'token.ended', subject: { token: { id } } } as const
  await recordingRefusals(context, actor, act, () =>
    changeAccess(context, async (tx) => {
      const ended = await endToken(tx, actor.accountId, id, new Date(actor.now))
      if (!ended) throw new Fault('not-found', 'There is no such API token')
      await recordEvent(tx, actor, { kind: act.kind, subject: { ...act.subject, name: ended.name } })
      return { result: undefined, change: { credentials: [id], what: 'token ended' } }
    }),
  )
}

export function tokenView({ createdAt, expiresAt, lastUsedAt, deviceIds, privileges, id, name }: ApiToken): TokenView {
  return {
    ...{ id, name, privileges: [...privileges], deviceIds: deviceIds && [...deviceIds] },
    createdAt: createdAt.toISOString(),
    expiresAt: expiresAt.toISOString(),
    lastUsedAt: lastUsedAt?.toISOString() ?? null,
  }
}

function checkEnd(text: string, now: number): Date {
  const end = Date.parse(text)
  const message = end <= now ? 'the end is past already' : 'a year at the most'
  if (end > now && end <= now + LONGEST_MS) return new Date(end)
  throw new Fault('input-invalid', `Look again at: expiresAt (${message})`, {
    fields: [{ path: 'expiresAt', message }],
  })
}

/** Ids of devices that one may not see name nothing. */
async function checkDevices(tx: ApiContext['db'], actor: SignedIn, deviceIds: readonly string[]): Promise<void> {
  const { devices, facts } = await loadFactsOfAccounts(tx, [actor.accountId])
  for (const id of deviceIds) {
    const device = devices.find((one) => one.id === id)
    if (!device || privilegesAt(grantsOn(actor, device, facts), actor.now) === NO_PRIVILEGES) throw noDevice()
  }
}
