// People from outside in a company: entries with their groups and devices, offered, accepted, ended (R30-R35).

import { Fault } from '@ridethrough/protocol/fault.ts'
import type { GuestMode, GuestState } from '@ridethrough/protocol/policy.ts'
import type { PrivilegeMask } from '@ridethrough/protocol/privilege.ts'
import type { WeeklyWindow } from '@ridethrough/protocol/window.ts'
import { sql } from 'kysely'
import type { Db } from '../schema.ts'
import { namedOnce } from './name.ts'

type Named = { readonly id: string; readonly name: string }

export type GuestGroup = Named & { readonly privileges: PrivilegeMask; readonly role: Named | null }

export type Guest = {
  readonly id: string
  readonly company: Named
  readonly invitedBy: Named & { readonly email: string }
  readonly email: string
  readonly folded: string
  /** `null` until the address has an account. */
  readonly accountId: string | null
  /** Of that account. */
  readonly name: string | null
  /** As written down; time alone makes a pending one run out, and any one end. */
  readonly state: GuestState
  readonly active: boolean
  readonly mode: GuestMode
  /** Of the role, where there is one. */
  readonly privileges: PrivilegeMask
  readonly role: Named | null
  readonly groups: readonly GuestGroup[]
  readonly devices: readonly Named[]
  readonly startsAt: Date | null
  readonly endsAt: Date | null
  readonly windows: readonly WeeklyWindow[]
  readonly codeHash: Buffer | null
  readonly codeTries: number
  readonly codeExpiresAt: Date | null
  readonly sentAt: Date
  readonly answeredAt: Date | null
  readonly endedAt: Date | null
}

export type GivenRow = { readonly roleId: string | null; readonly privileges: PrivilegeMask }
export type GroupRow = GivenRow & { readonly groupId: string }

/** What an owner decides about an entry. */
export type GuestTerms = {
  readonly active: boolean
  readonly mode: GuestMode
  readonly given: GivenRow
  readonly groups: readonly GroupRow[]
  readonly deviceIds: readonly string[]
  readonly startsAt: Date | null
  readonly endsAt: Date | null
  readonly windows: readonly WeeklyWindow[]
}

export type GuestCode = { readonly hash: Buffer; readonly expiresAt: Date; readonly sentAt: Date }

export type NewGuestRow = GuestTerms & {
  readonly companyId: string
  readonly invitedBy: string
  readonly email: string
  readonly folded: string
  readonly accountId: string | null
  readonly code: GuestCode
}

/** Throws `already-invited` as the database says. One that time has ended makes place. */
export async function insertGuest(tx: Db, guest: NewGuestRow): Promise<string> {
  await sql`
    update guest_entry set state = 'expired', ended_at = ${guest.code.sentAt}, code_hash = null, code_expires_at = null
    where company_id = ${guest.companyId} and email_folded = ${guest.folded} and state in ('pending', 'accepted')
      and (ends_at <= ${guest.code.sentAt} or state = 'pending' and code_expires_at <= ${guest.code.sentAt})`.execute(
    tx,
  )
  const row = await tx
    .insertInto('guest_entry')
    .values({
      company_id: guest.companyId,
      invited_by: guest.invitedBy,
      email: guest.email,
      email_folded: guest.folded,
      account_id: guest.accountId,
      state: 'pending',
      active: guest.active,
      mode: guest.mode,
      role_id: guest.given.roleId,
      privileges: guest.given.privileges,
      starts_at: guest.startsAt,
      ends_at: guest.endsAt,
      windows: JSON.stringify(guest.windows),
      code_hash: guest.code.hash,
      code_expires_at: guest.code.expiresAt,
      sent_at: guest.code.sentAt,
    })
    .onConflict((conflict) =>
      conflict
        .columns(['company_id', 'email_folded'])
        .where(sql<boolean>`state in ('pending', 'accepted')`)
        .doNothing(),
    )
    .returning('id')
    .executeTakeFirst()
  if (!row) throw await taken(tx, guest)
  await setGuestGroups(tx, guest.companyId, row.id, guest.groups)
  await setGuestDevices(tx, guest.companyId, row.id, guest.deviceIds)
  return row.id
}

async function taken(tx: Db, { companyId, folded }: Pick<NewGuestRow, 'companyId' | 'folded'>): Promise<Fault> {
  const accepted = await tx
    .selectFrom('guest_entry')
    .select('id')
    .where('company_id', '=', companyId)
    .where('email_folded', '=', folded)
    .where('state', '=', 'accepted')
    .executeTakeFirst()
  return accepted
    ? new Fault('already-invited', 'This address is a guest of the company already: change what it may do instead')
    : new Fault('already-invited', 'This address is invited already: send that invitation again, or withdraw it')
}

/** What is left out stays. An end that changes is announced anew. */
export async function updateGuest(tx: Db, guest: Pick<Guest, 'id' | 'company'>, terms: Partial<GuestTerms>) {
  const { active, mode, given, groups, deviceIds, startsAt, endsAt, windows } = terms
  const set = {
    ...(active === undefined ? {} : { active }),
    ...(mode === undefined ? {} : { mode }),
    ...(given === undefined ? {} : { role_id: given.roleId, privileges: given.privileges }),
    ...(startsAt === undefined ? {} : { starts_at: startsAt }),
    ...(endsAt === undefined ? {} : { ends_at: endsAt, ending_noticed_at: null }),
    ...(windows === undefined ? {} : { windows: JSON.stringify(windows) }),
  }
  if (Object.keys(set).length > 0) await tx.updateTable('guest_entry').set(set).where('id', '=', guest.id).execute()
  if (groups) await setGuestGroups(tx, guest.company.id, guest.id, groups)
  if (deviceIds) await setGuestDevices(tx, guest.company.id, guest.id, deviceIds)
}

async function setGuestGroups(tx: Db, companyId: string, id: string, groups: readonly GroupRow[]): Promise<void> {
  await tx.deleteFrom('guest_group').where('entry_id', '=', id).execute()
  if (groups.length === 0) return
  const rows = groups.map(({ groupId, roleId, privileges }) => ({
    ...{ entry_id: id, company_id: companyId, group_id: groupId, role_id: roleId, privileges },
  }))
  await tx.insertInto('guest_group').values(rows).execute()
}

async function setGuestDevices(tx: Db, companyId: string, id: string, deviceIds: readonly string[]): Promise<void> {
  await tx.deleteFrom('guest_device').where('entry_id', '=', id).execute()
  if (deviceIds.length === 0) return
  const rows = deviceIds.map((deviceId) => ({ entry_id: id, company_id: companyId, device_id: deviceId }))
  await tx.insertInto('guest_device').values(rows).execute()
}

/** A new code in place of the old one. Throws `already-invited` when one that had run out was replaced by another since. */
export async function renewGuestCode(tx: Db, id: string, { hash, expiresAt, sentAt }: GuestCode): Promise<void> {
  const code = { code_hash: hash, code_expires_at: expiresAt, code_tries: 0, sent_at: sentAt }
  await namedOnce('guest_entry_open', REPLACED, () =>
    tx
      .updateTable('guest_entry')
      .set({ ...code, state: 'pending', ended_at: null })
      .where('id', '=', id)
      .execute(),
  )
}

const REPLACED = () => new Fault('already-invited', 'This address was invited again since: send that invitation')

export async function countWrongGuestCode(tx: Db, id: string): Promise<void> {
  await tx.updateTable('guest_entry').set({ code_tries: sql`code_tries + 1` }).where('id', '=', id).execute()
}

export async function acceptGuest(tx: Db, id: string, accountId: string, at: Date): Promise<void> {
  await tx
    .updateTable('guest_entry')
    .set({ state: 'accepted', account_id: accountId, answered_at: at, code_hash: null, code_expires_at: null })
    .where('id', '=', id)
    .execute()
}

export async function endGuest(tx: Db, id: string, state: Exclude<GuestState, 'pending' | 'accepted'>, at: Date) {
  await tx
    .updateTable('guest_entry')
    .set({ state, ended_at: at, code_hash: null, code_expires_at: null })
    .$if(state === 'declined', (query) => query.set({ answered_at: at }))
    .where('id', '=', id)
    .execute()
}

/** H2: what waits for an address belongs to the account that proves it. The ids of what was bound. */
export async function bindWaitingGuests(tx: Db, folded: string, accountId: string): Promise<string[]> {
  const rows = await tx
    .updateTable('guest_entry')
    .set({ account_id: accountId })
    .where('email_folded', '=', folded)
    .where('account_id', 'is', null)
    .where('state', '=', 'pending')
    .returning('id')
    .execute()
  return rows.map((row) => row.id)
}

/** The address of somebody who was erased is taken out of all that they were ever offered. All of it must be over. */
export async function forgetGuestAddress(tx: Db, accountId: string): Promise<void> {
  await tx
    .updateTable('guest_entry')
    .set({ email: '', email_folded: `deleted ${accountId}` })
    .where('account_id', '=', accountId)
    .execute()
}
