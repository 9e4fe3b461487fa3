// Passkeys: the public half of what authenticators hold.
import type { Selectable } from 'kysely'
import type { Db, PasskeyTable } from '../schema.ts'

export type Passkey = {
  readonly id: string
  readonly accountId: string
  /** base64url, as WebAuthn gives it. */
  readonly credentialId: string
  readonly publicKey: Buffer
  readonly counter: number
  readonly transports: readonly string[]
  readonly name: string
  readonly createdAt: Date
  readonly lastUsedAt: Date | null
}

export type NewPasskeyRow = Pick<
  Passkey,
  'accountId' | 'credentialId' | 'publicKey' | 'counter' | 'transports' | 'name'
> & { readonly at: Date }

/** `undefined` when somebody has registered it already. */
export async function insertPasskey(tx: Db, passkey: NewPasskeyRow): Promise<Passkey | undefined> {
  const row = await tx
    .insertInto('passkey')
    .values({
      account_id: passkey.accountId,
      credential_id: passkey.credentialId,
      public_key: passkey.publicKey,
      counter: passkey.counter,
      transports: [...passkey.transports],
      name: passkey.name,
      created_at: passkey.at,
    })
    .onConflict((conflict) => conflict.column('credential_id').doNothing())
    .returningAll()
    .executeTakeFirst()
  return row && toPasskey(row)
}

export async function listPasskeys(db: Db, accountId: string): Promise<Passkey[]> {
  const rows = await db.selectFrom('passkey').selectAll().where('account_id', '=', accountId).orderBy('id').execute()
  return rows.map(toPasskey)
}

/** Only of an account that may sign in. */
export async function findPasskey(db: Db, credentialId: string): Promise<Passkey | undefined> {
  const row = await db
    .selectFrom('passkey')
    .innerJoin('account', 'account.id', 'passkey.account_id')
    .selectAll('passkey')
    .where('passkey.credential_id', '=', credentialId)
    .where('account.active', '=', true)
    .where('account.deleted_at', 'is', null)
    .where('account.verified_at', 'is not', null)
    .executeTakeFirst()
  return row && toPasskey(row)
}

/**
 * False when the authenticator's counter has not grown: a copy of the key may be about (WebAuthn section 6.1.1). Those that
 * count nothing say 0 for ever.
 */
export async function usePasskey(tx: Db, id: string, counter: number, at: Date): Promise<boolean> {
  const done = await tx
    .updateTable('passkey')
    .set({ counter, last_used_at: at })
    .where('id', '=', id)
    .where((eb) => eb.or([eb('counter', '<', counter), eb.and([eb('counter', '=', 0), eb.val(counter === 0)])]))
    .executeTakeFirst()
  return done.numUpdatedRows === 1n
}

/** What it was, or `undefined` when the account has no such passkey. */
export async function deletePasskey(tx: Db, accountId: string, id: string): Promise<Passkey | undefined> {
  const row = await tx
    .deleteFrom('passkey')
    .where('id', '=', id)
    .where('account_id', '=', accountId)
    .returningAll()
    .executeTakeFirst()
  return row && toPasskey(row)
}

function toPasskey(row: Selectable<PasskeyTable>): Passkey {
  return {
    id: row.id,
    accountId: row.account_id,
    credentialId: row.credential_id,
    publicKey: row.public_key,
    counter: row.counter,
    transports: row.transports,
    name: row.name,
    createdAt: row.created_at,
    lastUsedAt: row.last_used_at,
  }
}
