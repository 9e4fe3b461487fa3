// The model's facts written to the database, as the API would write them: rows, and the change that tells the edges.
import { createHash } from 'node:crypto'
import type { Db } from '@ridethrough/db/schema.ts'
import type { Company, Credential, Group, Guest, Share, World } from './world.ts'

const at = (instant: number | null) => (instant === null ? null : new Date(instant))
/** Never idle, however the model's clock is stepped. */
const ALWAYS_USED = new Date('2027-01-01T00:00:00Z')
const NEVER_EXPIRES = new Date('2099-01-01T00:00:00Z')
export const hashOf = (token: string) => createHash('sha256').update(token).digest()

export type Agent = { readonly id: string; readonly token: string }

export async function insertWorld(db: Db, world: World, agents: readonly Agent[]): Promise<void> {
  await db.transaction().execute(async (tx) => {
    for (const { id, memberMask } of world.companies)
      await tx.insertInto('company').values({ id, name: id, member_privileges: memberMask }).execute()
    for (const { id, companyId, role, active } of world.accounts) {
      const email = `${id}@example.org`
      const person = { id, company_id: companyId, role, active, email, email_folded: email, name: id }
      await tx
        .insertInto('account')
        .values({ ...person, password_hash: 'none', verified_at: new Date(0) })
        .execute()
    }
    for (const { id, token } of agents)
      await tx
        .insertInto('agent')
        .values({ id, token_hash: hashOf(token), version: 'm', interval_s: 5 })
        .execute()
    for (const { id, companyId, agent, plan, zone } of world.devices) {
      const agentId = agents[agent]?.id ?? ''
      const found = { driver: 'ups-mib', mfr: 'T', model: 'T', serial: id, firmware: '1', commands: [], settings: [] }
      await tx
        .insertInto('agent_device')
        .values({ device_id: id, agent_id: agentId, name: id, ...found })
        .execute()
      const claimedBy = world.accounts.find((one) => one.companyId === companyId)?.id ?? ''
      const place = { company_id: companyId, agent_id: agentId, name: id, plan, time_zone: zone, claimed_by: claimedBy }
      await tx
        .insertInto('device')
        .values({ id, ...place })
        .execute()
    }
    for (const { id, companyId } of world.groups)
      await tx.insertInto('device_group').values({ id, company_id: companyId, name: id }).execute()
    for (const group of world.groups) await saveGroup(tx, group)
    for (const share of world.shares) await saveShare(tx, share)
    for (const guest of world.guests) await saveGuest(tx, guest)
    for (const credential of world.credentials) await insertCredential(tx, credential)
  })
}

export async function saveShare(tx: Db, share: Share): Promise<void> {
  const { id, companyId, createdBy, accountId, state, mask, suspended } = share
  // An address of its own each: two shares of one device to one address are refused, to one account they are not.
  const email = `${id}@example.org`
  const terms = termsOf(share)
  const now = { state, privileges: mask, suspended_at: suspended ? new Date(0) : null, ...terms }
  const whole = { id, company_id: companyId, created_by: createdBy, account_id: accountId, email, email_folded: email }
  await tx
    .insertInto('share')
    .values({ ...whole, ...now, code_expires_at: NEVER_EXPIRES })
    .onConflict((conflict) => conflict.column('id').doUpdateSet(now))
    .execute()
  for (const [deviceId, isRemoved] of share.devices) {
    const removal = { removed_by: isRemoved ? ('owner' as const) : null, removed_at: isRemoved ? new Date(0) : null }
    await tx
      .insertInto('share_device')
      .values({ share_id: id, device_id: deviceId, ...removal })
      .onConflict((conflict) => conflict.columns(['share_id', 'device_id']).doUpdateSet(removal))
      .execute()
  }
}

export async function saveGuest(tx: Db, guest: Guest): Promise<void> {
  const { id, companyId, invitedBy, accountId, state, active, mode, mask } = guest
  const email = `${id}@example.org`
  const now = { state, active, mode, privileges: mask, ...termsOf(guest) }
  const whole = { id, company_id: companyId, invited_by: invitedBy, account_id: accountId, email, email_folded: email }
  await tx
    .insertInto('guest_entry')
    .values({ ...whole, ...now })
    .onConflict((conflict) => conflict.column('id').doUpdateSet(now))
    .execute()
  const of = { entry_id: id, company_id: companyId }
  await tx.deleteFrom('guest_group').where('entry_id', '=', id).execute()
  await tx.deleteFrom('guest_device').where('entry_id', '=', id).execute()
  const groups = [...guest.groups].map(([groupId, privileges]) => ({ ...of, group_id: groupId, privileges }))
  if (groups.length > 0) await tx.insertInto('guest_group').values(groups).execute()
  const devices = [...guest.devices].map((deviceId) => ({ ...of, device_id: deviceId }))
  if (devices.length > 0) await tx.insertInto('guest_device').values(devices).execute()
}

export async function saveGroup(tx: Db, { id, companyId, devices }: Group): Promise<void> {
  await tx.deleteFrom('device_group_member').where('group_id', '=', id).execute()
  const rows = [...devices].map((deviceId) => ({ group_id: id, company_id: companyId, device_id: deviceId }))
  if (rows.length > 0) await tx.insertInto('device_group_member').values(rows).execute()
}

export async function saveCompany(tx: Db, { id, memberMask }: Company): Promise<void> {
  await tx.updateTable('company').set({ member_privileges: memberMask }).where('id', '=', id).execute()
}

const TABLE = { session: 'session', token: 'token', share: 'share_credential' } as const

export async function insertCredential(tx: Db, credential: Credential): Promise<void> {
  const { id, kind, accountId, token, mask, devices, shareId, expiresAt } = credential
  const common = { id, account_id: accountId, token_hash: hashOf(token), last_used_at: ALWAYS_USED }
  if (kind === 'session') {
    const expires = at(expiresAt) ?? NEVER_EXPIRES
    await tx
      .insertInto('session')
      .values({ ...common, expires_at: expires, ended_at: null, address: '127.0.0.1', user_agent: 'model' })
      .execute()
  } else if (kind === 'token') {
    const reach = { privileges: mask, device_ids: devices && [...devices], expires_at: at(expiresAt) ?? NEVER_EXPIRES }
    await tx
      .insertInto('token')
      .values({ ...common, name: 'model', ...reach })
      .execute()
  } else {
    const reach = { share_id: shareId ?? '', privileges: mask, expires_at: at(expiresAt) }
    await tx
      .insertInto('share_credential')
      .values({ ...common, name: 'model', ...reach })
      .execute()
  }
}

export async function endCredential(tx: Db, { id, kind }: Credential): Promise<void> {
  await tx
    .updateTable(TABLE[kind])
    .set({ ended_at: new Date(0) })
    .where('id', '=', id)
    .execute()
}

function termsOf({ from, until, windows }: Pick<Share, 'from' | 'until' | 'windows'>) {
  return { starts_at: at(from), ends_at: at(until), windows: JSON.stringify(windows) }
}
