// Many rows at once, written past the triggers that look at each one: the data is right because it is made so.
import { randomUUID } from 'node:crypto'
import type { Db } from '@ridethrough/db/schema.ts'
import { hashToken, mintToken } from '@ridethrough/db/token.ts'
import { BUILT_IN_ROLES } from '@ridethrough/protocol/privilege.ts'
import { sql } from 'kysely'

const AT_ONCE = 5000

type Row = Readonly<Record<string, unknown>>

/** One transaction without triggers and foreign keys being looked at. */
export function unguarded(db: Db, make: (tx: Db) => Promise<void>): Promise<void> {
  return db.transaction().execute(async (tx) => {
    await sql`set local session_replication_role = replica`.execute(tx)
    await make(tx)
  })
}

/** `table` and its columns are written into the statement: both are ours. */
export async function insertRows(tx: Db, table: string, rows: readonly Row[]): Promise<void> {
  const names = Object.keys(rows[0] ?? {})
  const columns = sql.join(names.map((name) => sql.ref(name)))
  for (let from = 0; from < rows.length; from += AT_ONCE) {
    const json = JSON.stringify(rows.slice(from, from + AT_ONCE))
    await sql`insert into ${sql.table(table)} (${columns}) select ${columns} from json_populate_recordset(null::${sql.table(table)}, ${json}::json)`.execute(
      tx,
    )
  }
}

export type Person = {
  readonly accountId: string
  readonly companyId: string
  readonly email: string
  readonly token: string
}

/** Verified accounts, each the owner of a company of its own, signed in for a day. */
export async function seedPersons(tx: Db, name: string, count: number): Promise<Person[]> {
  const until = new Date(Date.now() + 24 * 3_600_000)
  const now = new Date()
  const persons = Array.from({ length: count }, (_, index) => ({
    accountId: randomUUID(),
    companyId: randomUUID(),
    email: `${name}.${index}@example.org`,
    token: mintToken().token,
  }))
  await insertRows(
    tx,
    'company',
    persons.map(({ companyId }, index) => ({
      ...{ id: companyId, name: `${name} ${index}`, member_privileges: BUILT_IN_ROLES.operator, created_at: now },
      ...{ requires_second_factor: false, requires_step_up: false },
    })),
  )
  await insertRows(
    tx,
    'account',
    persons.map(({ accountId, companyId, email }, index) => ({
      ...{ id: accountId, company_id: companyId, role: 'owner', active: true, email, email_folded: email },
      ...{
        name: `${name} ${index}`,
        password_hash: 'none',
        verified_at: now,
        created_at: now,
        joined_at: now,
        accepts_known: false,
      },
    })),
  )
  await insertRows(
    tx,
    'session',
    persons.map(({ accountId, token }) => ({
      ...{
        id: randomUUID(),
        account_id: accountId,
        token_hash: bytea(hashToken(token)),
        created_at: now,
        last_used_at: now,
      },
      ...{
        expires_at: until,
        address: '127.0.0.1',
        user_agent: 'bench',
        kind: 'program',
        factors: '{password}',
        authenticated_at: now,
      },
    })),
  )
  return persons
}

export type SeededAgent = {
  readonly owner: Person
  readonly agentId: string
  readonly token: string
  readonly deviceIds: readonly string[]
}

/** Registered devices, so many of each owner, behind agents of so many devices each. */
export async function seedDevices(
  tx: Db,
  owners: readonly Person[],
  name: string,
  each: { readonly devices: number; readonly perAgent: number },
): Promise<SeededAgent[]> {
  const now = new Date()
  const agents = owners.flatMap((owner) =>
    Array.from({ length: Math.ceil(each.devices / each.perAgent) }, (_, index) => ({
      owner,
      agentId: randomUUID(),
      token: mintToken().token,
      deviceIds: Array.from({ length: Math.min(each.perAgent, each.devices - index * each.perAgent) }, () =>
        randomUUID(),
      ),
    })),
  )
  await insertRows(
    tx,
    'agent',
    agents.map(({ agentId, token }) => ({
      ...{ id: agentId, token_hash: bytea(hashToken(token)), version: 'bench', interval_s: 5 },
      ...{ online: true, seen_at: now, created_at: now },
    })),
  )
  const devices = agents.flatMap(({ owner, agentId, deviceIds }) => deviceIds.map((id) => ({ id, agentId, owner })))
  await insertRows(
    tx,
    'agent_device',
    devices.map(({ id, agentId }, index) => ({
      ...{ device_id: id, agent_id: agentId, name: `${name} ${index}`, driver: 'ups-mib', mfr: 'Bench', model: 'B1' },
      ...{ serial: id.slice(0, 8), firmware: '1', commands: '{}', settings: '{}', found_at: now },
    })),
  )
  await insertRows(
    tx,
    'device',
    devices.map(({ id, agentId, owner }, index) => ({
      ...{ id, company_id: owner.companyId, agent_id: agentId, name: `${name} ${index}`, plan: 'advanced' },
      ...{ time_zone: 'UTC', claimed_by: owner.accountId, created_at: now },
    })),
  )
  return agents
}

export type SeededShare = { readonly id: string; readonly deviceId: string; readonly from: Person; readonly to: Person }

/** Accepted shares of one device each, with a viewer's privileges. */
export async function seedShares(tx: Db, shares: readonly SeededShare[]): Promise<void> {
  const now = new Date()
  await insertRows(
    tx,
    'share',
    shares.map(({ id, from, to }) => ({
      ...{ id, company_id: from.companyId, created_by: from.accountId, email: to.email, email_folded: to.email },
      ...{ account_id: to.accountId, state: 'accepted', privileges: BUILT_IN_ROLES.viewer, windows: [], code_tries: 0 },
      ...{ created_at: now, accepted_at: now },
    })),
  )
  await insertRows(
    tx,
    'share_device',
    shares.map(({ id, deviceId }) => ({ share_id: id, device_id: deviceId })),
  )
}

/** As guests of the owner's company, on all of its devices. */
export async function seedGuests(tx: Db, host: Person, guests: readonly Person[]): Promise<void> {
  const now = new Date()
  await insertRows(
    tx,
    'guest_entry',
    guests.map(({ accountId, email }) => ({
      ...{ id: randomUUID(), company_id: host.companyId, invited_by: host.accountId, email, email_folded: email },
      ...{ account_id: accountId, state: 'accepted', active: true, mode: 'groups-and-devices', windows: [] },
      ...{ privileges: BUILT_IN_ROLES.viewer, code_tries: 0, created_at: now, sent_at: now },
    })),
  )
}

export function bytea(bytes: Buffer): string {
  return `\\x${bytes.toString('hex')}`
}
