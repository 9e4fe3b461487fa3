// What an account changes of itself: password, name, address, and its end.
import type { Db } from '../schema.ts'

export type LockedAccount = {
  readonly id: string
  readonly companyId: string
  readonly email: string
  readonly folded: string
  readonly name: string
  readonly passwordHash: string
}

/**
 * Locked until the end of the transaction, so that whatever an account does to what it signs in with comes one after the
 * other. `undefined` for one that may not sign in: inactive, deleted, or its address not proved. Before all its other rows.
 */
export async function lockAccount(tx: Db, id: string): Promise<LockedAccount | undefined> {
  const row = await tx
    .selectFrom('account')
    .select(['id', 'company_id', 'email', 'email_folded', 'name', 'password_hash'])
    .where('id', '=', id)
    .where('active', '=', true)
    .where('deleted_at', 'is', null)
    .where('verified_at', 'is not', null)
    .forNoKeyUpdate()
    .executeTakeFirst()
  return (
    row && {
      id: row.id,
      companyId: row.company_id,
      email: row.email,
      folded: row.email_folded,
      name: row.name,
      passwordHash: row.password_hash,
    }
  )
}

export async function setPassword(tx: Db, id: string, passwordHash: string, at: Date): Promise<void> {
  await tx
    .updateTable('account')
    .set({ password_hash: passwordHash, password_changed_at: at })
    .where('id', '=', id)
    .execute()
}

export async function findPasswordChange(db: Db, id: string): Promise<Date | null> {
  const row = await db.selectFrom('account').select('password_changed_at').where('id', '=', id).executeTakeFirst()
  return row?.password_changed_at ?? null
}

export async function setName(tx: Db, id: string, name: string): Promise<void> {
  await tx.updateTable('account').set({ name }).where('id', '=', id).execute()
}

/** H: shares from people whose shares it accepted before are accepted by themselves. */
export async function setAcceptsFromKnown(tx: Db, id: string, accepts: boolean): Promise<void> {
  await tx.updateTable('account').set({ accepts_known: accepts }).where('id', '=', id).execute()
}

/** The address is proved: nobody else may have it, which the database sees to. */
export async function setAddress(tx: Db, id: string, email: string, folded: string): Promise<void> {
  await tx.updateTable('account').set({ email, email_folded: folded }).where('id', '=', id).execute()
}

/**
 * Erases what is known of a person. The row stays, without a name, for what others share with this id: devices that it
 * registered for its company, shares that it made, the event log.
 */
export async function eraseAccount(tx: Db, account: Pick<LockedAccount, 'id' | 'email'>, at: Date): Promise<void> {
  const { id } = account
  await tx
    .updateTable('account')
    .set({
      // No address contains a space, so nobody ever proves this one.
      ...{ email: '', email_folded: `deleted ${id}`, name: 'Deleted account', password_hash: '' },
      ...{ active: false, deleted_at: at, deactivated_at: at },
    })
    .where('id', '=', id)
    .execute()
  for (const table of ['totp', 'recovery_code', 'passkey', 'challenge', 'known_place', 'email_code'] as const) {
    await tx.deleteFrom(table).where('account_id', '=', id).execute()
  }
  await tx.updateTable('session').set({ address: '', user_agent: '' }).where('account_id', '=', id).execute()
  await tx.updateTable('token').set({ name: '' }).where('account_id', '=', id).execute()
  await tx.updateTable('share_credential').set({ name: '' }).where('account_id', '=', id).execute()
  // Those that still wait are on their way: somebody else's invitation to the address, for one.
  await tx
    .deleteFrom('mail')
    .where('recipient', '=', account.email)
    .where((eb) => eb.or([eb('sent_at', 'is not', null), eb('failed_at', 'is not', null)]))
    .execute()
}

/** What this account received is over, and its address is taken out of it. The devices of those that were open. */
export async function endReceivedShares(tx: Db, accountId: string, at: Date): Promise<string[]> {
  const open = await tx
    .selectFrom('share_device')
    .innerJoin('share', 'share.id', 'share_device.share_id')
    .select('share_device.device_id')
    .distinct()
    .where('share.account_id', '=', accountId)
    .where('share.state', 'in', ['pending', 'accepted'])
    .execute()
  await tx
    .updateTable('share')
    .set((eb) => ({
      state: eb
        .case()
        .when('state', '=', 'accepted')
        .then('left' as const)
        .else('declined' as const)
        .end(),
      ...{ ended_at: at, code_hash: null, code_expires_at: null },
    }))
    .where('account_id', '=', accountId)
    .where('state', 'in', ['pending', 'accepted'])
    .execute()
  await tx
    .updateTable('share')
    .set({ email: '', email_folded: `deleted ${accountId}` })
    .where('account_id', '=', accountId)
    .execute()
  return open.map((row) => row.device_id)
}
