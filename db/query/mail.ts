// Mails to be sent: written in the transaction of the change that they tell of, and kept (without their text) afterwards.
import { sql } from 'kysely'
import type { Db } from '../schema.ts'

export type NewMail = {
  readonly recipient: string
  readonly subject: string
  readonly text: string
  readonly html: string
}
export type Mail = NewMail & { readonly id: string; readonly createdAt: Date }

export const SEND_MAIL = 'send_mail'
/** graphile-worker waits e^attempt seconds after a try, and from the tenth on six hours: two days and a half in all. */
const MAX_ATTEMPTS = 18

/** `isSent: false` keeps it in the table for the mailbox page, where there is no mail server. */
export async function insertMail(tx: Db, mail: NewMail, options: { isSent: boolean }): Promise<void> {
  const { id } = await tx
    .insertInto('mail')
    .values({ ...mail, sent_at: null, failed_at: null, failure: null })
    .returning('id')
    .executeTakeFirstOrThrow()
  if (!options.isSent) return
  await sql`select graphile_worker.add_job(${SEND_MAIL}::text, json_build_object('mailId', ${id}::text), max_attempts => ${MAX_ATTEMPTS}::int)`.execute(
    tx,
  )
}

/** A mail that is neither sent nor given up. */
export async function findWaitingMail(db: Db, id: string): Promise<Mail | undefined> {
  const row = await db
    .selectFrom('mail')
    .selectAll()
    .where('id', '=', id)
    .where('sent_at', 'is', null)
    .where('failed_at', 'is', null)
    .executeTakeFirst()
  return row && toMail(row)
}

/** The newest first. */
export async function listMails(db: Db, limit: number): Promise<readonly Mail[]> {
  const rows = await db.selectFrom('mail').selectAll().orderBy('id', 'desc').limit(limit).execute()
  return rows.map(toMail)
}

/** Bodies hold codes, so they go as soon as somebody else has them. */
export async function markMailSent(db: Db, id: string, at: Date): Promise<void> {
  await db.updateTable('mail').set({ sent_at: at, text: '', html: '' }).where('id', '=', id).execute()
}

export async function markMailFailed(db: Db, id: string, at: Date, failure: string): Promise<void> {
  await db
    .updateTable('mail')
    .set({ failed_at: at, failure: failure.slice(0, 500), text: '', html: '' })
    .where('id', '=', id)
    .execute()
}

function toMail(row: {
  id: string
  recipient: string
  subject: string
  text: string
  html: string
  created_at: Date
}): Mail {
  return {
    id: row.id,
    recipient: row.recipient,
    subject: row.subject,
    text: row.text,
    html: row.html,
    createdAt: row.created_at,
  }
}
