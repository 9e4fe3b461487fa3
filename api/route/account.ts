// Accounts: signing up, proving an address, seeing oneself.
import { type Account, findAccount } from '@ridethrough/db/query/account.ts'
import { setAcceptsFromKnown, setName } from '@ridethrough/db/query/account-change.ts'
import { Fault } from '@ridethrough/protocol/fault.ts'
import {
  AccountView,
  NewAccount,
  SessionAnswer,
  SignUpAnswer,
  Verification,
} from '@ridethrough/protocol/http/account.ts'
import { EmailAddress } from '@ridethrough/protocol/http/common.ts'
import {
  AccountChange,
  AccountDeletion,
  AddressChange,
  AddressChangeProof,
  CodeSent,
} from '@ridethrough/protocol/http/security.ts'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { deleteAccount } from '../account-end.ts'
import { beginAddressChange, confirmAddressChange } from '../address-change.ts'
import type { ApiContext } from '../context.ts'
import { actorOf, recordEvent, type SignedIn, signedIn } from '../event.ts'
import { clearSessionCookie, viewerOf } from '../plugin/auth.ts'
import { answerSession } from '../session-answer.ts'
import { resendCode, signUp, verifyAddress } from '../sign-up.ts'
import { refuseBeforeSetup } from '../team/setup.ts'
import { accountView } from '../view.ts'
import { placeOf } from '../whereabouts.ts'
import { GUESSABLE } from './limit.ts'

const Resend = z.strictObject({ email: EmailAddress })

export const accountRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  app.post(
    '/accounts',
    {
      config: { needs: 'nobody', rateLimit: GUESSABLE },
      schema: {
        tags: ['accounts'],
        summary: 'Sign up: a code is mailed to the address',
        description: 'The answer is the same whether or not the address has an account; the mail tells.',
        security: [],
        body: NewAccount,
        response: { 202: SignUpAnswer },
      },
    },
    async (request, reply) => {
      await refuseBeforeSetup(context)
      await signUp(context, request.body, request.ip)
      return reply.code(202).send({ email: request.body.email, state: 'code-sent' })
    },
  )

  app.post(
    '/accounts/verify',
    {
      config: { needs: 'nobody', rateLimit: GUESSABLE },
      schema: {
        tags: ['accounts'],
        summary: 'Prove the address with the mailed code, and sign in',
        security: [],
        body: Verification,
        response: { 201: SessionAnswer },
      },
    },
    async (request, reply) => {
      const session = await verifyAddress(context, actorOf(request), request.body, placeOf(request))
      return reply.code(201).send(answerSession(context, reply, session))
    },
  )

  app.post(
    '/accounts/verify/resend',
    {
      config: { needs: 'nobody', rateLimit: GUESSABLE },
      schema: {
        tags: ['accounts'],
        summary: 'Mail another code; the one before it is void',
        security: [],
        body: Resend,
        response: { 202: SignUpAnswer },
      },
    },
    async (request, reply) => {
      await resendCode(context, request.body.email)
      return reply.code(202).send({ email: request.body.email, state: 'code-sent' })
    },
  )

  app.get(
    '/account',
    {
      config: { needs: 'session', admits: ['owing'] },
      schema: { tags: ['accounts'], summary: 'The account that is signed in', response: { 200: AccountView } },
    },
    async (request) => accountView(await ownAccount(context, viewerOf(request).accountId)),
  )

  app.patch(
    '/account',
    {
      config: { needs: 'session' },
      schema: {
        tags: ['accounts'],
        summary: 'Change how others see you, and whether shares from people you know are accepted by themselves',
        body: AccountChange,
        response: { 200: AccountView },
      },
    },
    async (request) => accountView(await changeAccount(context, signedIn(request), request.body)),
  )

  app.post(
    '/account/email',
    {
      config: { needs: 'session', recent: 'always', rateLimit: GUESSABLE },
      schema: {
        tags: ['accounts'],
        summary: 'Begin to sign in with another address: a code is mailed to the old one and to the new one',
        description: 'The answer is the same whether or not the new address has an account; the mail tells.',
        body: AddressChange,
        response: { 202: CodeSent },
      },
    },
    async (request, reply) => {
      await beginAddressChange(context, signedIn(request), request.body.email)
      return reply.code(202).send({ email: request.body.email, state: 'code-sent' })
    },
  )

  app.post(
    '/account/email/confirm',
    {
      config: { needs: 'session', recent: 'always', rateLimit: GUESSABLE },
      schema: {
        tags: ['accounts'],
        summary: 'Sign in with the new address from now on, by the codes of both',
        body: AddressChangeProof,
        response: { 200: AccountView },
      },
    },
    async (request) => {
      const actor = signedIn(request)
      await confirmAddressChange(context, actor, request.body, placeOf(request))
      return accountView(await ownAccount(context, actor.accountId))
    },
  )

  app.delete(
    '/account',
    {
      config: { needs: 'session', recent: 'always', rateLimit: GUESSABLE },
      schema: {
        tags: ['accounts'],
        summary: 'Delete the account, and what is known of the person',
        description: 'Refused while its company would be left with devices or people and no owner.',
        body: AccountDeletion,
        response: { 204: z.null().describe('Deleted, and nothing is served to it any more') },
      },
    },
    async (request, reply) => {
      await deleteAccount(context, signedIn(request), request.body.password, placeOf(request))
      clearSessionCookie(reply, context)
      return reply.code(204).send(null)
    },
  )
}

async function changeAccount(
  context: ApiContext,
  actor: SignedIn,
  { name, acceptsFromKnown }: z.infer<typeof AccountChange>,
): Promise<Account> {
  await context.db.transaction().execute(async (tx) => {
    const before = await ownAccount({ db: tx }, actor.accountId)
    if (name !== undefined) await setName(tx, actor.accountId, name)
    if (acceptsFromKnown !== undefined) await setAcceptsFromKnown(tx, actor.accountId, acceptsFromKnown)
    const after = await ownAccount({ db: tx }, actor.accountId)
    const changes = (['name', 'acceptsFromKnown'] as const)
      .filter((field) => before[field] !== after[field])
      .map((field) => [field, { from: before[field], to: after[field] }] as const)
    if (changes.length === 0) return
    await recordEvent(tx, actor, { kind: 'account.changed', subject: Object.fromEntries(changes) })
  })
  return ownAccount(context, actor.accountId)
}

async function ownAccount({ db }: Pick<ApiContext, 'db'>, accountId: string): Promise<Account> {
  const account = await findAccount(db, accountId)
  if (!account) throw new Fault('session-missing', 'The account is no longer there')
  return account
}
