// Tables as Kysely sees them. Migrations in `migration/` are the truth; this follows them.

import type { Sample } from '@ridethrough/protocol/message/telemetry.ts'
import type { Plan } from '@ridethrough/protocol/plan.ts'
import type { ShareState } from '@ridethrough/protocol/policy.ts'
import type { ColumnType, Generated, Kysely } from 'kysely'

export type Db = Kysely<Schema>

type Problem = Extract<Sample, { kind: 'problem' }>['problem']
type Variables = Extract<Sample, { kind: 'values' }>['variables']
/** bigint columns arrive as text from pg; the pool parses int8 to number (sequences stay far below 2^53). */
type Json<T> = ColumnType<T, string, string>
type Created = ColumnType<Date, Date | undefined, never>

export type Schema = {
  company: CompanyTable
  account: AccountTable
  session: SessionTable
  email_code: EmailCodeTable
  agent: AgentTable
  agent_device: AgentDeviceTable
  device: DeviceTable
  device_state: DeviceStateTable
  sample: SampleTable
  share: ShareTable
  share_device: ShareDeviceTable
  mail: MailTable
  access_clock: AccessClockTable
  access_change: AccessChangeTable
  edge: EdgeTable
  edge_report: EdgeReportTable
}

export type CompanyTable = {
  id: Generated<string>
  name: string
  /** Privilege mask that members of the company hold on its devices. */
  member_privileges: number
  created_at: Created
}

export type AccountTable = {
  id: Generated<string>
  company_id: string
  role: 'owner' | 'member'
  active: Generated<boolean>
  email: string
  email_folded: string
  name: string
  /** PHC string, argon2id. */
  password_hash: string
  /** Null until the address was proved; such an account cannot sign in. */
  verified_at: Date | null
  created_at: Created
}

export type SessionTable = {
  id: Generated<string>
  account_id: string
  /** SHA-256 of the `rt_…` token. */
  token_hash: Buffer
  created_at: Created
  last_used_at: ColumnType<Date, Date | undefined, Date>
  expires_at: Date
  ended_at: Date | null
  address: string
  user_agent: string
}

export type EmailCodeTable = {
  id: Generated<string>
  account_id: string
  purpose: 'verify-address'
  code_hash: Buffer
  tries: Generated<number>
  expires_at: Date
  used_at: Date | null
  created_at: Created
}

export type AgentTable = {
  id: string
  token_hash: Buffer
  version: string
  /** Poll interval in seconds, as the agent last said. */
  interval_s: number
  online: Generated<boolean>
  seen_at: ColumnType<Date, Date | undefined, Date>
  created_at: Created
  revoked_at: Date | null
}

/** What an agent found: it may be claimed until `claim_expires_at`, and becomes a `device` then. */
export type AgentDeviceTable = {
  device_id: string
  agent_id: string
  name: string
  driver: string
  mfr: string
  model: string
  serial: string
  firmware: string
  commands: string[]
  settings: string[]
  claim_hash: Buffer | null
  claim_expires_at: Date | null
  found_at: ColumnType<Date, Date | undefined, Date>
}

export type DeviceTable = {
  id: string
  company_id: string
  agent_id: string
  name: string
  plan: Plan
  time_zone: string
  claimed_by: string
  created_at: Created
}

export type DeviceStateTable = {
  device_id: string
  /** Highest sequence stored; the values are those of the newest sample that had any. */
  seq: number
  at: Date | null
  received_at: Date
  status: string | null
  variables: Json<Variables>
  problem: Problem | null
  problem_since: Date | null
  problem_detail: string | null
}

export type SampleTable = {
  device_id: string
  seq: number
  at: Date
  received_at: Date
  status: string | null
  variables: ColumnType<Variables | null, string | null, never>
  problem: Problem | null
}

export type ShareTable = {
  id: Generated<string>
  company_id: string
  created_by: string
  email: string
  email_folded: string
  /** The recipient; null until the address has an account (R11). */
  account_id: string | null
  state: ShareState
  privileges: number
  starts_at: Date | null
  ends_at: Date | null
  code_hash: Buffer | null
  code_tries: Generated<number>
  code_expires_at: Date | null
  created_at: Created
  accepted_at: Date | null
  ended_at: Date | null
}

/** `removed_by`: the owner unticked it or the recipient took it out of their view (R16, R17). */
export type ShareDeviceTable = {
  share_id: string
  device_id: string
  removed_by: 'owner' | 'recipient' | null
  removed_at: Date | null
}

export type MailTable = {
  id: Generated<string>
  recipient: string
  subject: string
  /** Emptied once handed to a mail server: bodies hold codes. */
  text: string
  html: string
  created_at: Created
  sent_at: Date | null
  failed_at: Date | null
  failure: string | null
}

export type AccessClockTable = { singleton: Generated<boolean>; version: number }

export type AccessChangeTable = {
  version: number
  accounts: string[]
  devices: string[]
  agents: string[]
  /** Sessions, tokens and share credentials that have ended. */
  credentials: string[]
  what: string
  at: Created
}

export type EdgeTable = {
  id: string
  kind: 'broker' | 'api'
  applied_version: number
  /** Counts renewals, so that a waiting side sees a renewal without comparing clocks. */
  lease: number
  fenced: Generated<boolean>
  started_at: Created
}

export type EdgeReportTable = {
  edge_id: string
  version: number
  subscriptions: number
  connections: number
  viewers: number
  at: Created
}
