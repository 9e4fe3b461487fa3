import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  const run = (text: string) => sql.raw(text).execute(db)

  // R33. A role in use cannot be deleted: the foreign keys below ask for another one in its place.
  await run(`
    create table role (
      id uuid primary key default uuidv7(),
      company_id uuid not null references company,
      name text not null,
      privileges integer not null,
      created_at timestamptz not null default now(),
      unique (id, company_id)
    );
    create unique index role_name on role (company_id, lower(name));
  `)

  await run(`
    alter table company add column logs_ordinary boolean not null default true;
    alter table account add column accepts_known boolean not null default false;
    alter table share
      add column role_id uuid,
      add column windows jsonb not null default '[]',
      add column suspended_at timestamptz,
      add column ending_noticed_at timestamptz,
      add constraint share_role foreign key (role_id, company_id) references role (id, company_id);
    create index share_role_id on share (role_id) where role_id is not null;
    create index share_created_by on share (created_by, id desc);
    create index share_company_all on share (company_id, id desc);
    create index share_account_all on share (account_id, id desc);
    create index share_device_all on share_device (device_id, share_id desc);
    create index share_ends on share (ends_at) where state in ('pending', 'accepted') and ends_at is not null;
    create index share_code_expires on share (code_expires_at) where state = 'pending';
    create table share_credential (
      id uuid primary key default uuidv7(),
      share_id uuid not null references share on delete cascade,
      account_id uuid not null references account,
      name text not null,
      token_hash bytea not null unique,
      privileges integer not null,
      created_at timestamptz not null default now(),
      expires_at timestamptz,
      last_used_at timestamptz,
      ended_at timestamptz
    );
    create index share_credential_share on share_credential (share_id) where ended_at is null;
  `)

  // R22. The token of a link is kept sealed (AES-256-GCM under SECRET_KEY), so that it can be shown and copied again.
  await run(`
    alter table device add constraint device_of_company unique (id, company_id);
    create table link (
      id uuid primary key default uuidv7(),
      company_id uuid not null references company,
      created_by uuid not null references account,
      name text not null,
      token_hash bytea not null unique,
      token_sealed bytea not null,
      privileges integer not null,
      variables text[],
      starts_at timestamptz,
      ends_at timestamptz,
      windows jsonb not null default '[]',
      max_uses integer check (max_uses > 0),
      uses integer not null default 0,
      pin_hash text,
      suspended_at timestamptz,
      ended_at timestamptz,
      ending_noticed_at timestamptz,
      created_at timestamptz not null default now(),
      last_used_at timestamptz,
      check (starts_at is null or ends_at is null or starts_at < ends_at),
      check (max_uses is null or uses <= max_uses)
    );
    create index link_company on link (company_id, id desc);
    create table link_device (
      link_id uuid not null references link on delete cascade,
      device_id uuid not null references device on delete cascade,
      primary key (link_id, device_id)
    );
    create index link_device_device on link_device (device_id);
    create table link_session (
      id uuid primary key default uuidv7(),
      link_id uuid not null references link on delete cascade,
      token_hash bytea not null unique,
      created_at timestamptz not null default now(),
      last_used_at timestamptz not null default now(),
      expires_at timestamptz not null,
      ended_at timestamptz,
      address text not null,
      user_agent text not null
    );
    create index link_session_link on link_session (link_id) where ended_at is null;
    alter table access_change
      add column links uuid[] not null default '{}',
      add column confined boolean not null default false;
  `)

  // Composite keys: a group, or a guest's choice, never holds a device of another company.
  await run(`
    create table device_group (
      id uuid primary key default uuidv7(),
      company_id uuid not null references company,
      name text not null,
      created_at timestamptz not null default now(),
      unique (id, company_id)
    );
    create unique index device_group_name on device_group (company_id, lower(name));
    create table device_group_member (
      group_id uuid not null,
      device_id uuid not null,
      company_id uuid not null,
      primary key (group_id, device_id),
      foreign key (group_id, company_id) references device_group (id, company_id) on delete cascade,
      foreign key (device_id, company_id) references device (id, company_id) on delete cascade
    );
    create index device_group_member_device on device_group_member (device_id);
    create table guest_entry (
      id uuid primary key default uuidv7(),
      company_id uuid not null references company,
      invited_by uuid not null references account,
      email text not null,
      email_folded text not null,
      account_id uuid references account,
      state text not null check (state in ('pending', 'accepted', 'declined', 'withdrawn', 'left', 'ended', 'expired')),
      active boolean not null default true,
      mode text not null check (mode in ('groups-and-devices', 'groups', 'devices')),
      role_id uuid,
      privileges integer not null,
      starts_at timestamptz,
      ends_at timestamptz,
      windows jsonb not null default '[]',
      code_hash bytea,
      code_tries integer not null default 0,
      code_expires_at timestamptz,
      created_at timestamptz not null default now(),
      sent_at timestamptz not null default now(),
      answered_at timestamptz,
      ended_at timestamptz,
      ending_noticed_at timestamptz,
      unique (id, company_id),
      foreign key (role_id, company_id) references role (id, company_id),
      check (starts_at is null or ends_at is null or starts_at < ends_at),
      check (state <> 'accepted' or account_id is not null)
    );
    create unique index guest_entry_open on guest_entry (company_id, email_folded) where state in ('pending', 'accepted');
    create index guest_entry_account on guest_entry (account_id) where state in ('pending', 'accepted');
    create index guest_entry_email on guest_entry (email_folded) where state = 'pending';
    create index guest_entry_role on guest_entry (role_id) where role_id is not null;
    create table guest_group (
      entry_id uuid not null,
      group_id uuid not null,
      company_id uuid not null,
      role_id uuid,
      privileges integer not null,
      primary key (entry_id, group_id),
      foreign key (entry_id, company_id) references guest_entry (id, company_id) on delete cascade,
      foreign key (group_id, company_id) references device_group (id, company_id) on delete cascade,
      foreign key (role_id, company_id) references role (id, company_id)
    );
    create index guest_group_group on guest_group (group_id);
    create index guest_group_role on guest_group (role_id) where role_id is not null;
    create table guest_device (
      entry_id uuid not null,
      device_id uuid not null,
      company_id uuid not null,
      primary key (entry_id, device_id),
      foreign key (entry_id, company_id) references guest_entry (id, company_id) on delete cascade,
      foreign key (device_id, company_id) references device (id, company_id) on delete cascade
    );
    create index guest_device_device on guest_device (device_id);
  `)

  await run(`
    create table notice (
      id uuid primary key default uuidv7(),
      account_id uuid not null references account on delete cascade,
      kind text not null,
      subject jsonb not null,
      created_at timestamptz not null default now(),
      read_at timestamptz
    );
    create index notice_account on notice (account_id, id desc);
    create index notice_unread on notice (account_id) where read_at is null;
    create table grant_use (
      grant_id uuid not null,
      device_id uuid not null,
      kind text not null check (kind in ('share', 'guest', 'link')),
      uses bigint not null,
      first_at timestamptz not null,
      last_at timestamptz not null,
      primary key (grant_id, device_id)
    );
  `)
}
