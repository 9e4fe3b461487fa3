// Claiming: a device becomes its owner's by the code that its agent shows (R3).
import { findAccount, listCompanyAccountIds } from '@ridethrough/db/query/account.ts'
import { findClaimable, insertDevice } from '@ridethrough/db/query/device.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import { Fault } from '@ridethrough/protocol/fault.ts'
import { DeviceClaim, DeviceView } from '@ridethrough/protocol/http/device.ts'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import type { z } from 'zod'
import { changeAccess } from '../access.ts'
import { hashCode } from '../code.ts'
import type { ApiContext } from '../context.ts'
import { recordEvent, recordingRefusals, type SignedIn, signedIn } from '../event.ts'
import { beginRead } from '../plugin/auth.ts'
import { oneDevice } from './device.ts'

export const claimRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  app.post(
    '/devices/claim',
    {
      config: { needs: 'session', recent: 'if-company-asks' },
      // As for every answer that is a read.
      compress: false,
      schema: {
        tags: ['devices'],
        summary: 'Register a device with the code that its agent shows',
        body: DeviceClaim,
        response: { 201: DeviceView },
      },
    },
    async (request, reply) => {
      const actor = signedIn(request)
      const { accountId } = actor
      // The code that was tried is somebody's secret, so the log does not hold it.
      const { result } = await recordingRefusals(context, actor, { kind: 'device.claimed', subject: {} }, async () => {
        await context.throttles.claim.take(accountId, context.clock.now())
        return changeAccess(context, (tx) => claim(context, tx, actor, request.body))
      })
      await context.throttles.claim.forget(accountId)
      const principal = await beginRead(context, request, reply)
      return reply.code(201).send(await oneDevice(context, actor, principal, result))
    },
  )
}

async function claim(
  { clock, settings }: ApiContext,
  tx: Db,
  actor: SignedIn,
  { code, name, timeZone }: z.infer<typeof DeviceClaim>,
) {
  const found = await findClaimable(tx, hashCode(code))
  if (!found) throw new Fault('code-wrong', 'No device shows this code: read it again on the agent')
  if (found.isRegistered) throw new Fault('device-taken', 'The device has an owner already, who must give it up first')
  if (found.expiresAt && found.expiresAt.getTime() <= clock.now()) {
    throw new Fault('code-expired', 'The code has run out: the agent shows a new one')
  }
  const account = await findAccount(tx, actor.accountId)
  if (!account) throw new Fault('session-missing', 'The account is no longer there')
  await insertDevice(tx, {
    id: found.deviceId,
    companyId: account.company.id,
    agentId: found.agentId,
    name: name ?? found.name,
    plan: settings.defaultPlan,
    timeZone: timeZone ?? 'UTC',
    claimedBy: actor.accountId,
  })
  const subject = { device: { id: found.deviceId, name: name ?? found.name }, agent: { id: found.agentId } }
  await recordEvent(tx, actor, { kind: 'device.claimed', subject, companyId: account.company.id })
  const accounts = await listCompanyAccountIds(tx, account.company.id)
  return {
    result: found.deviceId,
    change: { accounts, devices: [found.deviceId], agents: [found.agentId], what: 'device claimed' },
  }
}
