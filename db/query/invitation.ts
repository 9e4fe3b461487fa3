// Invitations into a company: one open one per company and address, bound to the address, dead once answered.
import { Fault } from '@ridethrough/protocol/fault.ts'
import { type Expression, type ExpressionBuilder, type SqlBool, sql } from 'kysely'
import type { Db, InvitationTable, Schema } from '../schema.ts'
import type { TeamRole } from './member.ts'

export type InvitationState = InvitationTable['state']

export type Invitation = {
  readonly id: string
  readonly company: { readonly id: string; readonly name: string }
  readonly invitedBy: { readonly name: string; readonly email: string }
  readonly email: string
  readonly folded: string
  readonly role: TeamRole
  /** As written down; time alone makes a pending one run out at `expiresAt`. */
  readonly state: InvitationState
  readonly sentAt: Date
  readonly expiresAt: Date
  readonly codeHash: Buffer
  readonly codeTries: number
}

export type NewInvitationRow = {
  readonly companyId: string
  readonly invitedBy: string
  readonly email: string
  readonly folded: string
  readonly role: TeamRole
  readonly codeHash: Buffer
  readonly expiresAt: Date
  readonly sentAt: Date
}

/** Throws `already-invited` as the database says. One that had run out makes place. */
export async function insertInvitation(tx: Db, invitation: NewInvitationRow): Promise<string> {
  await tx
    .updateTable('invitation')
    .set({ state: 'expired', answered_at: invitation.sentAt })
    .where('company_id', '=', invitation.companyId)
    .where('email_folded', '=', invitation.folded)
    .where('state', '=', 'pending')
    .where('code_expires_at', '<=', invitation.sentAt)
    .execute()
  const row = await tx
    .insertInto('invitation')
    .values({
      company_id: invitation.companyId,
      invited_by: invitation.invitedBy,
      email: invitation.email,
      email_folded: invitation.folded,
      role: invitation.role,
      state: 'pending',
      code_hash: invitation.codeHash,
      code_expires_at: invitation.expiresAt,
      sent_at: invitation.sentAt,
    })
    .onConflict((conflict) =>
      conflict.columns(['company_id', 'email_folded']).where(sql<boolean>`state = 'pending'`).doNothing(),
    )
    .returning('id')
    .executeTakeFirst()
  if (!row) {
    throw new Fault('already-invited', 'This address is invited already: send that invitation again, or withdraw it')
  }
  return row.id
}

export async function findInvitation(db: Db, id: string): Promise<Invitation | undefined> {
  return (await list(db, (eb) => eb('invitation.id', '=', id)))[0]
}

/** Locked until the end of the transaction, after its company. */
export async function lockInvitation(tx: Db, id: string): Promise<Invitation | undefined> {
  await tx.selectFrom('invitation').select('id').where('id', '=', id).forUpdate().execute()
  return findInvitation(tx, id)
}

/** Those that wait for an answer, run out or not, the newest first; one more than `limit`. `before`: an id. */
export function listInvitationsOf(
  db: Db,
  companyId: string,
  page: { readonly before?: string | undefined; readonly limit: number },
): Promise<Invitation[]> {
  return list(
    db,
    (eb) =>
      eb.and([
        eb('invitation.company_id', '=', companyId),
        eb('invitation.state', '=', 'pending'),
        ...(page.before === undefined ? [] : [eb('invitation.id', '<', page.before)]),
      ]),
    page.limit + 1,
  )
}

/** What this address may still answer, the newest first: into a company that its last person has left leads nothing. */
export function listInvitationsTo(db: Db, folded: string, now: Date): Promise<Invitation[]> {
  return list(db, (eb) =>
    eb.and([
      eb('invitation.email_folded', '=', folded),
      eb('invitation.state', '=', 'pending'),
      eb('invitation.code_expires_at', '>', now),
      sql<SqlBool>`has_owner(invitation.company_id)`,
    ]),
  )
}

/** A new code in place of the old one. */
export async function renewInvitation(
  tx: Db,
  id: string,
  code: { readonly hash: Buffer; readonly expiresAt: Date; readonly sentAt: Date },
): Promise<void> {
  await tx
    .updateTable('invitation')
    .set({ code_hash: code.hash, code_expires_at: code.expiresAt, code_tries: 0, sent_at: code.sentAt })
    .where('id', '=', id)
    .execute()
}

export async function answerInvitation(
  tx: Db,
  id: string,
  state: Exclude<InvitationState, 'pending'>,
  at: Date,
): Promise<void> {
  await tx.updateTable('invitation').set({ state, answered_at: at }).where('id', '=', id).execute()
}

export async function countWrongInvitationCode(tx: Db, id: string): Promise<void> {
  await tx.updateTable('invitation').set({ code_tries: sql`code_tries + 1` }).where('id', '=', id).execute()
}

type InvitationExpressions = ExpressionBuilder<
  Schema & { inviter: Schema['account'] },
  'invitation' | 'inviter' | 'company'
>

async function list(
  db: Db,
  where: (eb: InvitationExpressions) => Expression<SqlBool>,
  limit = 1000,
): Promise<Invitation[]> {
  const rows = await db
    .selectFrom('invitation')
    .innerJoin('account as inviter', 'inviter.id', 'invitation.invited_by')
    .innerJoin('company', 'company.id', 'invitation.company_id')
    .selectAll('invitation')
    .select(['inviter.name as inviter_name', 'inviter.email as inviter_email', 'company.name as company_name'])
    .where(where)
    .orderBy('invitation.id', 'desc')
    .limit(limit)
    .execute()
  return rows.map((row) => ({
    id: row.id,
    company: { id: row.company_id, name: row.company_name },
    invitedBy: { name: row.inviter_name, email: row.inviter_email },
    email: row.email,
    folded: row.email_folded,
    role: row.role,
    state: row.state,
    sentAt: row.sent_at,
    expiresAt: row.code_expires_at,
    codeHash: row.code_hash,
    codeTries: row.code_tries,
  }))
}
