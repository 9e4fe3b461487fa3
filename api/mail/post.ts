// Handing a mail over, in the transaction of the change that it tells of.
import { insertMail, type NewMail } from '@ridethrough/db/query/mail.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import type { ApiContext } from '../context.ts'

export function postMail(
  { settings }: { readonly settings: Pick<ApiContext['settings'], 'hasMailServer'> },
  tx: Db,
  mail: NewMail,
): Promise<void> {
  return insertMail(tx, mail, { isSent: settings.hasMailServer })
}
