// The settings of a company.

import { listCompanyAccountIds } from '@ridethrough/db/query/account.ts'
import {
  type Company,
  type CompanyCounts,
  changeCompany,
  countCompany,
  findCompany,
} from '@ridethrough/db/query/company.ts'
import { findPlace, type Place } from '@ridethrough/db/query/member.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import { Fault } from '@ridethrough/protocol/fault.ts'
import type { CompanyChange } from '@ridethrough/protocol/http/company.ts'
import { maskOf } from '@ridethrough/protocol/privilege.ts'
import type { z } from 'zod'
import type { ApiContext } from '../context.ts'
import { recordEvent, recordingRefusals, type SignedIn } from '../event.ts'
import { changeTeam, lockOwnCompany, ownerNeeded } from './change.ts'

export type CompanySheet = { readonly company: Company; readonly counts: CompanyCounts }

/** Answered once every edge has applied it, since what members may do is among the settings. */
export async function changeOwnCompany(
  context: ApiContext,
  actor: SignedIn,
  { memberPrivileges, ...rest }: z.infer<typeof CompanyChange>,
): Promise<CompanySheet> {
  const mask = memberPrivileges === undefined ? {} : { memberPrivileges: maskOf(memberPrivileges) }
  const change = { ...rest, ...mask }
  const act = { kind: 'company.changed', subject: { ...rest, ...(memberPrivileges && { memberPrivileges }) } } as const
  const { result } = await recordingRefusals(context, actor, act, () =>
    changeTeam(context, async (tx) => {
      const { companyId } = await lockOwnCompany(tx, actor.accountId)
      await changeCompany(tx, companyId, change)
      const accounts = await listCompanyAccountIds(tx, companyId)
      const result = await sheetOf(tx, companyId)
      await recordEvent(tx, actor, act)
      return { result, change: { accounts, what: act.kind } }
    }),
  )
  return result
}

export async function ownCompany({ db }: Pick<ApiContext, 'db'>, accountId: string): Promise<CompanySheet> {
  const { companyId } = await ownPlace(db, accountId)
  return sheetOf(db, companyId)
}

export async function ownPlace(db: Db, accountId: string): Promise<Place> {
  const place = await findPlace(db, accountId)
  if (!place) throw new Fault('session-missing', 'The account is no longer there: sign in again')
  return place
}

/** For lists that only owners see. */
export async function ownPlaceAsOwner(db: Db, accountId: string): Promise<Place> {
  const place = await ownPlace(db, accountId)
  if (place.role !== 'owner') throw ownerNeeded()
  return place
}

async function sheetOf(db: Db, id: string): Promise<CompanySheet> {
  const company = await findCompany(db, id)
  if (!company) throw new Error(`the company ${id} of somebody is not there`)
  return { company, counts: await countCompany(db, id) }
}
