// Small worlds in a database: companies, accounts, agents, devices, shares, made directly so that a test begins where it wants.
import { randomUUID } from 'node:crypto'
import { type AccessChange, recordAccessChange } from '@ridethrough/db/access.ts'
import { insertSession } from '@ridethrough/db/query/session.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import { hashToken } from '@ridethrough/db/token.ts'
import { foldAddress } from '@ridethrough/protocol/http/common.ts'
import type { ShareState } from '@ridethrough/protocol/policy.ts'
import { BUILT_IN_ROLES } from '@ridethrough/protocol/privilege.ts'

export type Person = {
  readonly accountId: string
  readonly companyId: string
  readonly email: string
  readonly sessionId: string
  readonly token: string
}

/** A verified account in a company of its own, signed in for an hour. */
export async function makePerson(db: Db, name: string): Promise<Person> {
  const email = `${name.toLowerCase()}.${randomUUID().slice(0, 8)}@example.org`
  const company = await db
    .insertInto('company')
    .values({ name, member_privileges: BUILT_IN_ROLES.operator })
    .returning('id')
    .executeTakeFirstOrThrow()
  const account = await db
    .insertInto('account')
    .values({
      company_id: company.id,
      role: 'owner',
      email,
      email_folded: foldAddress(email),
      name,
      password_hash: 'none',
      verified_at: new Date(),
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  const session = await insertSession(db, {
    accountId: account.id,
    expiresAt: new Date(Date.now() + 3_600_000),
    address: '127.0.0.1',
    userAgent: 'test',
  })
  return { accountId: account.id, companyId: company.id, email, sessionId: session.sessionId, token: session.token }
}

export type TestAgent = { readonly agentId: string; readonly token: string }

export async function makeAgent(db: Db): Promise<TestAgent> {
  const agentId = randomUUID()
  const token = randomUUID() + randomUUID()
  await db
    .insertInto('agent')
    .values({ id: agentId, token_hash: hashToken(token), version: 'test', interval_s: 5 })
    .execute()
  return { agentId, token }
}

/** A registered device of that person, read by that agent. */
export async function makeDevice(db: Db, owner: Person, agent: TestAgent, name: string): Promise<string> {
  const id = randomUUID()
  await db
    .insertInto('agent_device')
    .values({
      device_id: id,
      agent_id: agent.agentId,
      name,
      driver: 'ups-mib',
      mfr: 'Test',
      model: 'T1',
      serial: id.slice(0, 8),
      firmware: '1',
      commands: [],
      settings: [],
    })
    .execute()
  await changeAccess(
    db,
    { accounts: [owner.accountId], devices: [id], agents: [agent.agentId], what: 'device claimed' },
    async (tx) => {
      await tx
        .insertInto('device')
        .values({
          id,
          company_id: owner.companyId,
          agent_id: agent.agentId,
          name,
          plan: 'advanced',
          time_zone: 'UTC',
          claimed_by: owner.accountId,
        })
        .execute()
    },
  )
  return id
}

export type MadeShare = { readonly shareId: string; readonly version: number }

export async function makeShare(
  db: Db,
  from: Person,
  to: Person,
  deviceIds: readonly string[],
  options: { privileges?: number; startsAt?: Date; endsAt?: Date; state?: ShareState } = {},
): Promise<MadeShare> {
  const shareId = randomUUID()
  const version = await changeAccess(
    db,
    { accounts: [to.accountId], devices: deviceIds, what: 'share made' },
    async (tx) => {
      await tx
        .insertInto('share')
        .values({
          id: shareId,
          company_id: from.companyId,
          created_by: from.accountId,
          email: to.email,
          email_folded: foldAddress(to.email),
          account_id: to.accountId,
          state: options.state ?? 'accepted',
          privileges: options.privileges ?? BUILT_IN_ROLES.viewer,
          starts_at: options.startsAt ?? null,
          ends_at: options.endsAt ?? null,
        })
        .execute()
      for (const deviceId of deviceIds)
        await tx.insertInto('share_device').values({ share_id: shareId, device_id: deviceId }).execute()
    },
  )
  return { shareId, version }
}

/** Revokes it; the answer is the version to wait for. */
export function revokeShare(db: Db, share: MadeShare, to: Person): Promise<number> {
  return changeAccess(db, { accounts: [to.accountId], what: 'share revoked' }, async (tx) => {
    await tx
      .updateTable('share')
      .set({ state: 'revoked', ended_at: new Date() })
      .where('id', '=', share.shareId)
      .execute()
  })
}

export function changeAccess(db: Db, change: AccessChange, make: (tx: Db) => Promise<void>): Promise<number> {
  return db.transaction().execute(async (tx) => {
    await make(tx)
    return recordAccessChange(tx, change)
  })
}
