// What the account signs in with besides the password: authenticator, recovery codes, passkeys.

import { findAccount } from '@ridethrough/db/query/account.ts'
import { findPasswordChange } from '@ridethrough/db/query/account-change.ts'
import { findCompany } from '@ridethrough/db/query/company.ts'
import { listPasskeys } from '@ridethrough/db/query/passkey.ts'
import { findSecondFactors } from '@ridethrough/db/query/second-factor.ts'
import {
  RecoveryCodes,
  SecondFactorAdded,
  SecurityView,
  TotpOffer,
  TotpProof,
} from '@ridethrough/protocol/http/security.ts'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { ApiContext } from '../context.ts'
import { signedIn } from '../event.ts'
import { RECENT_MS, type Viewer, viewerOf } from '../plugin/auth.ts'
import {
  confirmAuthenticator,
  offerAuthenticator,
  remakeRecoveryCodes,
  removeAuthenticator,
} from '../second-factor/authenticator.ts'
import { answerSession } from '../session-answer.ts'
import { placeOf } from '../whereabouts.ts'

export const secondFactorRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  app.get(
    '/account/security',
    {
      config: { needs: 'session', admits: ['owing'] },
      schema: { tags: ['second factors'], summary: 'How the account is kept safe', response: { 200: SecurityView } },
    },
    (request) => securityView(context, viewerOf(request)),
  )

  app.post(
    '/account/totp',
    {
      config: { needs: 'session', admits: ['owing'], recent: 'always' },
      schema: {
        tags: ['second factors'],
        summary: 'Begin to set up an authenticator: its secret, shown this once',
        response: { 201: TotpOffer },
      },
    },
    async (request, reply) => reply.code(201).send(await offerAuthenticator(context, signedIn(request))),
  )

  app.post(
    '/account/totp/confirm',
    {
      config: { needs: 'session', admits: ['owing'], recent: 'always' },
      schema: {
        tags: ['second factors'],
        summary: 'Confirm the authenticator with a first code',
        body: TotpProof,
        response: { 200: SecondFactorAdded },
      },
    },
    async (request, reply) => {
      const added = await confirmAuthenticator(context, signedIn(request), request.body.code, placeOf(request))
      return { codes: [...added.codes], session: answerSession(context, reply, added.session) }
    },
  )

  app.delete(
    '/account/totp',
    {
      config: { needs: 'session', recent: 'always' },
      schema: {
        tags: ['second factors'],
        summary: 'Remove the authenticator',
        response: { 204: z.null().describe('Removed') },
      },
    },
    async (request, reply) => {
      await removeAuthenticator(context, signedIn(request), placeOf(request))
      return reply.code(204).send(null)
    },
  )

  app.post(
    '/account/recovery-codes',
    {
      config: { needs: 'session', recent: 'always' },
      schema: {
        tags: ['second factors'],
        summary: 'Make new recovery codes, shown this once; those before are void',
        response: { 201: RecoveryCodes },
      },
    },
    async (request, reply) => {
      const codes = await remakeRecoveryCodes(context, signedIn(request), placeOf(request))
      return reply.code(201).send({ codes: [...codes] })
    },
  )
}

async function securityView({ db }: ApiContext, viewer: Viewer): Promise<SecurityView> {
  const { accountId, authenticatedAt, seenAt } = viewer
  const factors = await findSecondFactors(db, accountId)
  const account = await findAccount(db, accountId)
  const company = account && (await findCompany(db, account.company.id))
  const recentUntil = (authenticatedAt?.getTime() ?? 0) + RECENT_MS
  return {
    totp: factors.totpConfirmedAt && { confirmedAt: factors.totpConfirmedAt.toISOString() },
    recoveryCodesLeft: factors.recoveryCodesLeft,
    passkeys: (await listPasskeys(db, accountId)).map(({ id, name, createdAt, lastUsedAt }) => ({
      ...{ id, name, createdAt: createdAt.toISOString(), lastUsedAt: lastUsedAt?.toISOString() ?? null },
    })),
    passwordChangedAt: (await findPasswordChange(db, accountId))?.toISOString() ?? null,
    companyRequiresSecondFactor: company?.requiresSecondFactor ?? false,
    recentUntil: recentUntil > seenAt ? new Date(recentUntil).toISOString() : null,
  }
}
