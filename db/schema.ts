// Tables as Kysely sees them. Migrations in `migration/` are the truth; this follows them.

import type { Sample } from '@ridethrough/protocol/message/telemetry.ts'
import type { Plan } from '@ridethrough/protocol/plan.ts'
import type { GuestMode, GuestState, ShareState } from '@ridethrough/protocol/policy.ts'
import type { WeeklyWindow } from '@ridethrough/protocol/window.ts'
import type { ColumnType, Generated, Kysely } from 'kysely'

export type Db = Kysely<Schema>

type Problem = Extract<Sample, { kind: 'problem' }>['problem']
type Variables = Extract<Sample, { kind: 'values' }>['variables']
/** bigint columns arrive as text from pg; the pool parses int8 to number (sequences stay far below 2^53). */
type Json<T> = ColumnType<T, string, string>
type Created = ColumnType<Date, Date | undefined, never>
/** Empty: at all times. Text on the way in. */
type Windows = ColumnType<WeeklyWindow[], string | undefined, string>

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
  totp: TotpTable
  recovery_code: RecoveryCodeTable
  passkey: PasskeyTable
  challenge: ChallengeTable
  token: TokenTable
  throttle: ThrottleTable
  known_place: KnownPlaceTable
  invitation: InvitationTable
  event_head: EventHeadTable
  event: EventTable
  setup: SetupTable
  role: RoleTable
  share_credential: ShareCredentialTable
  link: LinkTable
  link_device: LinkDeviceTable
  link_session: LinkSessionTable
  device_group: DeviceGroupTable
  device_group_member: DeviceGroupMemberTable
  guest_entry: GuestEntryTable
  guest_group: GuestGroupTable
  guest_device: GuestDeviceTable
  notice: NoticeTable
  grant_use: GrantUseTable
}

export type CompanyTable = {
  id: Generated<string>
  name: string
  /** Privilege mask that members of the company hold on its devices. */
  member_privileges: number
  /** Everybody in it signs in with a second factor, or sets one up first. */
  requires_second_factor: Generated<boolean>
  /** What cuts power or changes access asks for a recent sign-in. */
  requires_step_up: Generated<boolean>
  /** Ordinary actions of its people stand in the event log; changes of access and refusals always do. */
  logs_ordinary: Generated<boolean>
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
  /** Personal data is erased then; the row stays for what it did. */
  deleted_at: Generated<Date | null>
  deactivated_at: Generated<Date | null>
  password_changed_at: Generated<Date | null>
  /** Shares from people whose shares were accepted before are accepted by themselves. */
  accepts_known: Generated<boolean>
  /** Since when it is in this company. */
  joined_at: ColumnType<Date, Date | undefined, Date>
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
  kind: Generated<'browser' | 'program'>
  /** What was shown to get in: password, totp, recovery, passkey. */
  factors: Generated<string[]>
  /** The last time that it was shown: what step-up looks at. */
  authenticated_at: ColumnType<Date, Date | undefined, Date>
}

export type EmailCodeTable = {
  id: Generated<string>
  account_id: string
  purpose: 'verify-address' | 'reset-password' | 'change-address-old' | 'change-address-new'
  /** The address to change to. */
  new_email: Generated<string | null>
  code_hash: Buffer
  tries: Generated<number>
  expires_at: Date
  used_at: Date | null
  created_at: Created
}

export type AgentTable = {
  id: string
  /** SHA-256 of its token, or null when it is known by a key. */
  token_hash: Buffer | null
  /** Announced, not yet used: takes the place of the present token or key when it is. */
  next_token_hash: Generated<Buffer | null>
  version: string
  /** Poll interval in seconds, as the agent last said. */
  interval_s: number
  online: Generated<boolean>
  seen_at: ColumnType<Date, Date | undefined, Date>
  created_at: Created
  revoked_at: Date | null
  /** SHA-256 of the public key (SPKI) of its client certificate, and of the one that it has announced. */
  key_hash: Generated<Buffer | null>
  next_key_hash: Generated<Buffer | null>
  certificate_expires_at: Generated<Date | null>
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
  /** Where `role_id` is set, the role's privileges count and not these. */
  privileges: number
  role_id: Generated<string | null>
  starts_at: Date | null
  ends_at: Date | null
  windows: Windows
  suspended_at: Generated<Date | null>
  code_hash: Buffer | null
  code_tries: Generated<number>
  code_expires_at: Date | null
  created_at: Created
  accepted_at: Date | null
  ended_at: Date | null
  /** Both sides were told that it ends within a day. */
  ending_noticed_at: Generated<Date | null>
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
  links: ColumnType<string[], string[] | undefined, never>
  /** Accounts and links are concerned on the devices named, and nowhere else. */
  confined: ColumnType<boolean, boolean | undefined, never>
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

export type TotpTable = {
  account_id: string
  /** AES-256-GCM under SECRET_KEY. */
  secret: Buffer
  /** The newest time step that was used: a code works once (RFC 6238 section 5.2). */
  last_step: Generated<number>
  /** Null until a first code proved that the authenticator has the secret. */
  confirmed_at: Generated<Date | null>
  created_at: Created
}

export type RecoveryCodeTable = { account_id: string; code_hash: Buffer; used_at: Generated<Date | null> }

export type PasskeyTable = {
  id: Generated<string>
  account_id: string
  /** base64url, as WebAuthn gives it. */
  credential_id: string
  public_key: Buffer
  counter: number
  transports: string[]
  name: string
  created_at: Created
  last_used_at: Generated<Date | null>
}

/** Something begun that ends with a second step: signing in with a second factor, registering or using a passkey. */
export type ChallengeTable = {
  id: Generated<string>
  account_id: string | null
  purpose: 'second-factor' | 'passkey-register' | 'passkey-sign-in' | 'passkey-step-up'
  /** SHA-256 of what the beginner was given. */
  secret_hash: Buffer
  /** WebAuthn's challenge, base64url. */
  webauthn: string | null
  tries: Generated<number>
  address: string
  created_at: Created
  expires_at: Date
  used_at: Generated<Date | null>
}

export type TokenTable = {
  id: Generated<string>
  account_id: string
  name: string
  /** SHA-256 of the `rt_…` token. */
  token_hash: Buffer
  privileges: number
  /** Null: every device that the account may see. */
  device_ids: string[] | null
  created_at: Created
  expires_at: Date
  last_used_at: Generated<Date | null>
  ended_at: Generated<Date | null>
}

export type ThrottleTable = { key: string; failures: number; last_at: Date; blocked_until: Date | null }

export type KnownPlaceTable = {
  account_id: string
  place: string
  first_seen_at: Created
  last_seen_at: ColumnType<Date, Date | undefined, Date>
}

export type InvitationTable = {
  id: Generated<string>
  company_id: string
  invited_by: string
  email: string
  email_folded: string
  role: 'owner' | 'member'
  state: 'pending' | 'accepted' | 'declined' | 'withdrawn' | 'expired'
  code_hash: Buffer
  code_tries: Generated<number>
  code_expires_at: Date
  created_at: Created
  sent_at: ColumnType<Date, Date | undefined, Date>
  answered_at: Generated<Date | null>
}

export type EventHeadTable = { singleton: Generated<boolean>; seq: number; hash: Buffer }

/** Append-only; `hash` covers the row and the hash before it. */
export type EventTable = {
  seq: number
  at: Date
  company_id: string | null
  account_id: string | null
  credential_id: string | null
  address: string
  kind: string
  outcome: 'done' | 'refused'
  subject: Json<Readonly<Record<string, unknown>>>
  hash: Buffer
}

export type SetupTable = {
  singleton: Generated<boolean>
  operator_code_hash: Buffer | null
  operator_code_tries: Generated<number>
  operator_code_expires_at: Date | null
  operator_id: string | null
}

export type RoleTable = {
  id: Generated<string>
  company_id: string
  name: string
  privileges: number
  created_at: Created
}

/** A token that is worth one share and nothing else (R24). */
export type ShareCredentialTable = {
  id: Generated<string>
  share_id: string
  /** The recipient, who minted it. */
  account_id: string
  name: string
  /** SHA-256 of the `rt_…` token. */
  token_hash: Buffer
  privileges: number
  created_at: Created
  /** Null: as long as the share. */
  expires_at: Date | null
  last_used_at: Generated<Date | null>
  ended_at: Generated<Date | null>
}

export type LinkTable = {
  id: Generated<string>
  company_id: string
  created_by: string
  /** For those who made it: whoever opens the link does not see it. */
  name: string
  token_hash: Buffer
  /** AES-256-GCM under SECRET_KEY. */
  token_sealed: Buffer
  privileges: number
  /** NUT names; null: all. */
  variables: string[] | null
  starts_at: Date | null
  ends_at: Date | null
  windows: Windows
  /** How often it may be opened; null: any number of times. */
  max_uses: number | null
  uses: Generated<number>
  /** PHC string, argon2id. */
  pin_hash: string | null
  suspended_at: Generated<Date | null>
  ended_at: Generated<Date | null>
  ending_noticed_at: Generated<Date | null>
  created_at: Created
  last_used_at: Generated<Date | null>
}

export type LinkDeviceTable = { link_id: string; device_id: string }

/** What a browser holds that has opened a link. */
export type LinkSessionTable = {
  id: Generated<string>
  link_id: string
  token_hash: Buffer
  created_at: Created
  last_used_at: ColumnType<Date, Date | undefined, Date>
  expires_at: Date
  ended_at: Generated<Date | null>
  address: string
  user_agent: string
}

export type DeviceGroupTable = { id: Generated<string>; company_id: string; name: string; created_at: Created }
export type DeviceGroupMemberTable = { group_id: string; device_id: string; company_id: string }

/** Somebody from outside in a company (R30-R35). */
export type GuestEntryTable = {
  id: Generated<string>
  company_id: string
  invited_by: string
  email: string
  email_folded: string
  account_id: string | null
  state: GuestState
  active: Generated<boolean>
  mode: GuestMode
  role_id: string | null
  /** Where `role_id` is set, the role's privileges count and not these. Not looked at in the mode `groups`. */
  privileges: number
  starts_at: Date | null
  ends_at: Date | null
  windows: Windows
  code_hash: Buffer | null
  code_tries: Generated<number>
  code_expires_at: Date | null
  created_at: Created
  sent_at: ColumnType<Date, Date | undefined, Date>
  answered_at: Generated<Date | null>
  ended_at: Generated<Date | null>
  ending_noticed_at: Generated<Date | null>
}

export type GuestGroupTable = {
  entry_id: string
  group_id: string
  company_id: string
  role_id: string | null
  privileges: number
}

export type GuestDeviceTable = { entry_id: string; device_id: string; company_id: string }

export type NoticeTable = {
  id: Generated<string>
  account_id: string
  kind: string
  subject: Json<Readonly<Record<string, unknown>>>
  created_at: Created
  read_at: Generated<Date | null>
}

/** How often a share, a guest entry or a link was made use of on a device, and when last. */
export type GrantUseTable = {
  grant_id: string
  device_id: string
  kind: 'share' | 'guest' | 'link'
  uses: number
  first_at: Date
  last_at: Date
}
