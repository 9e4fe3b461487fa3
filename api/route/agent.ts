// The agents that read a company's devices: which there are, and ending one.
import { findAccount } from '@ridethrough/db/query/account.ts'
import { type CompanyAgent, listCompanyAgents, lockAgent, revokeAgent } from '@ridethrough/db/query/agent.ts'
import { loadFactsOfDevices } from '@ridethrough/db/query/facts.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import { Fault } from '@ridethrough/protocol/fault.ts'
import { AgentList, AgentRevoked, type AgentView } from '@ridethrough/protocol/http/agent.ts'
import { IdParams } from '@ridethrough/protocol/http/common.ts'
import { decide } from '@ridethrough/protocol/policy.ts'
import { mayOn, type Rights } from '@ridethrough/protocol/rights.ts'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { changeAccess } from '../access.ts'
import type { ApiContext } from '../context.ts'
import { recordEvent, recordingRefusals, type SignedIn, signedIn } from '../event.ts'
import { principalOf, viewerOf } from '../plugin/auth.ts'

export const agentRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  const { db, clock } = context

  app.get(
    '/agents',
    {
      config: { needs: 'rights', admits: ['tokens'] },
      schema: {
        tags: ['agents'],
        summary: "Agents that read devices of the asker's company",
        response: { 200: AgentList },
      },
    },
    async (request) => {
      const { accountId } = viewerOf(request)
      const account = await findAccount(db, accountId)
      const agents = account ? await listCompanyAgents(db, account.company.id) : []
      const { rights } = principalOf(request)
      return { items: agents.flatMap((agent) => viewOf(agent, rights, clock.now()) ?? []) }
    },
  )

  app.delete(
    '/agents/:id',
    {
      config: { needs: 'session', recent: 'if-company-asks' },
      schema: {
        tags: ['agents'],
        summary: 'Revoke an agent: it is cut off and never signs in again; its devices stay, silent',
        params: IdParams,
        response: { 200: AgentRevoked },
      },
    },
    async (request) => {
      const { id } = request.params
      const actor = signedIn(request)
      const act = { kind: 'agent.revoked' as const, subject: { agent: { id } } }
      const { access } = await recordingRefusals(context, actor, act, () =>
        changeAccess(context, async (tx) => {
          await revoke(tx, actor, id, clock.now())
          return { result: undefined, change: { agents: [id], what: 'agent revoked' } }
        }),
      )
      return { access }
    },
  )
}

/** `undefined` for who may see none of its devices: then there is no agent either. */
function viewOf(agent: CompanyAgent, rights: Rights, now: number): AgentView | undefined {
  const devices = agent.devices.filter(({ id }) => mayOn(rights, 'monitor', id, now))
  if (devices.length === 0) return undefined
  return {
    id: agent.id,
    version: agent.version,
    online: agent.online,
    seenAt: agent.seenAt.toISOString(),
    devices,
    certificateExpiresAt: agent.certificateExpiresAt?.toISOString() ?? null,
    revokedAt: agent.revokedAt?.toISOString() ?? null,
  }
}

async function revoke(tx: Db, actor: SignedIn, agentId: string, now: number): Promise<void> {
  const agent = await lockAgent(tx, agentId)
  const companyId = await needOwnerOfAll(tx, actor, agent?.deviceIds ?? [], now)
  // a repeat does not move the time, nor is it told twice
  if (!agent || agent.isRevoked) return
  await revokeAgent(tx, agentId, new Date(now))
  const subject = { agent: { id: agentId }, devices: agent.deviceIds }
  await recordEvent(tx, actor, { kind: 'agent.revoked', subject, companyId })
}

/** Whose devices they all are. To somebody outside of their companies, there is no such agent. */
async function needOwnerOfAll(tx: Db, actor: SignedIn, deviceIds: readonly string[], now: number): Promise<string> {
  const { devices, facts } = await loadFactsOfDevices(tx, deviceIds)
  const own = devices.filter((device) => {
    const decision = decide(actor, 'monitor', device, facts, now)
    return decision.allow && (decision.via === 'owner' || decision.via === 'member')
  })
  const [first] = own
  if (!first) throw new Fault('not-found', 'There is no such agent')
  if (own.some((device) => !decide(actor, 'register', device, facts, now).allow)) {
    throw new Fault('owner-needed', 'Only an owner of the company may revoke its agents')
  }
  if (own.length < devices.length) {
    throw new Fault('right-missing', 'This agent reads devices of somebody else too: give up your own devices instead')
  }
  return first.companyId
}
