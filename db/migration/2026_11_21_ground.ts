import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  const run = (text: string) => sql.raw(text).execute(db)

  await run(`
    create table company (
      id uuid primary key default uuidv7(),
      name text not null,
      member_privileges integer not null,
      created_at timestamptz not null default now()
    );
    create table account (
      id uuid primary key default uuidv7(),
      company_id uuid not null references company,
      role text not null check (role in ('owner', 'member')),
      active boolean not null default true,
      email text not null,
      email_folded text not null unique,
      name text not null,
      password_hash text not null,
      verified_at timestamptz,
      created_at timestamptz not null default now()
    );
    create index account_company on account (company_id);
    create table session (
      id uuid primary key default uuidv7(),
      account_id uuid not null references account on delete cascade,
      token_hash bytea not null unique,
      created_at timestamptz not null default now(),
      last_used_at timestamptz not null default now(),
      expires_at timestamptz not null,
      ended_at timestamptz,
      address text not null,
      user_agent text not null
    );
    create index session_account on session (account_id) where ended_at is null;
    create table email_code (
      id uuid primary key default uuidv7(),
      account_id uuid not null references account on delete cascade,
      purpose text not null check (purpose in ('verify-address')),
      code_hash bytea not null,
      tries integer not null default 0,
      expires_at timestamptz not null,
      used_at timestamptz,
      created_at timestamptz not null default now()
    );
    create index email_code_account on email_code (account_id, purpose, created_at desc);
  `)

  await run(`
    create table agent (
      id uuid primary key,
      token_hash bytea not null,
      version text not null,
      interval_s double precision not null,
      online boolean not null default false,
      seen_at timestamptz not null default now(),
      created_at timestamptz not null default now(),
      revoked_at timestamptz
    );
    create table agent_device (
      device_id uuid primary key,
      agent_id uuid not null references agent on delete cascade,
      name text not null,
      driver text not null,
      mfr text not null,
      model text not null,
      serial text not null,
      firmware text not null,
      commands text[] not null,
      settings text[] not null,
      claim_hash bytea unique,
      claim_expires_at timestamptz,
      found_at timestamptz not null default now()
    );
    create index agent_device_agent on agent_device (agent_id);
    create table device (
      id uuid primary key references agent_device,
      company_id uuid not null references company,
      agent_id uuid not null references agent,
      name text not null,
      plan text not null check (plan in ('basic', 'standard', 'advanced')),
      time_zone text not null,
      claimed_by uuid not null references account,
      created_at timestamptz not null default now()
    );
    create index device_company on device (company_id);
    create index device_agent on device (agent_id);
    create table device_state (
      device_id uuid primary key references device on delete cascade,
      seq bigint not null,
      at timestamptz,
      received_at timestamptz not null,
      status text,
      variables jsonb not null,
      problem text,
      problem_since timestamptz,
      problem_detail text
    );
  `)

  // A repeat carries the same sequence and the same time, so the key makes it vanish; by day, because history is read and dropped by day.
  await run(`
    create table sample (
      device_id uuid not null,
      seq bigint not null,
      at timestamptz not null,
      received_at timestamptz not null,
      status text,
      variables jsonb,
      problem text,
      primary key (device_id, seq, at)
    ) partition by range (at);
    create table sample_rest partition of sample default;
  `)
  // Days far from today (an agent's clock that was never set) stay in sample_rest; rows found there move when their day gets its table.
  await run(`
    create function ensure_sample_day(day date) returns void language plpgsql as $$
    declare
      name text := 'sample_' || to_char(day, 'YYYYMMDD');
      starts timestamptz := day::timestamp at time zone 'UTC';
      ends timestamptz := (day + 1)::timestamp at time zone 'UTC';
    begin
      if to_regclass(name) is not null then return; end if;
      perform pg_advisory_xact_lock(hashtext('ensure_sample_day'));
      if to_regclass(name) is not null then return; end if;
      execute format('create table %I (like sample including defaults)', name);
      execute format('with moved as (delete from sample_rest where at >= %L and at < %L returning *) insert into %I select * from moved', starts, ends, name);
      execute format('alter table sample attach partition %I for values from (%L) to (%L)', name, starts, ends);
    end $$;
  `)

  await run(`
    create table share (
      id uuid primary key default uuidv7(),
      company_id uuid not null references company,
      created_by uuid not null references account,
      email text not null,
      email_folded text not null,
      account_id uuid references account,
      state text not null check (state in ('pending', 'accepted', 'declined', 'withdrawn', 'left', 'revoked', 'expired')),
      privileges integer not null,
      starts_at timestamptz,
      ends_at timestamptz,
      code_hash bytea,
      code_tries integer not null default 0,
      code_expires_at timestamptz,
      created_at timestamptz not null default now(),
      accepted_at timestamptz,
      ended_at timestamptz,
      check (starts_at is null or ends_at is null or starts_at < ends_at),
      check (state <> 'accepted' or account_id is not null)
    );
    create index share_account on share (account_id) where state in ('pending', 'accepted');
    create index share_email on share (email_folded) where state in ('pending', 'accepted');
    create index share_company on share (company_id);
    create table share_device (
      share_id uuid not null references share on delete cascade,
      device_id uuid not null references device on delete cascade,
      removed_by text check (removed_by in ('owner', 'recipient')),
      removed_at timestamptz,
      primary key (share_id, device_id)
    );
    create index share_device_device on share_device (device_id) where removed_by is null;
  `)

  // R18: the device row is locked, so two shares at once cannot both become the fifth. What has run out, share or invitation, holds no place.
  await run(`
    create function share_limit() returns trigger language plpgsql as $$
    declare
      others integer;
      same boolean;
    begin
      if new.removed_by is not null then return new; end if;
      perform 1 from device where id = new.device_id for update;
      with other as (
        select s.email_folded from share_device d join share s on s.id = d.share_id
        where d.device_id = new.device_id and d.removed_by is null and d.share_id <> new.share_id
          and (s.state = 'accepted' or (s.state = 'pending' and s.code_expires_at > now())) and (s.ends_at is null or s.ends_at > now())
      )
      select count(*), bool_or(email_folded = (select email_folded from share where id = new.share_id)) into others, same from other;
      if same then
        raise exception 'device % is shared with this address', new.device_id using errcode = 'RT002', constraint = 'share_exists';
      end if;
      if others >= 5 then
        raise exception 'device % is shared five times', new.device_id using errcode = 'RT001', constraint = 'share_limit';
      end if;
      return new;
    end $$;
    create trigger share_limit before insert or update of removed_by on share_device for each row execute function share_limit();
  `)

  await run(`
    create table mail (
      id uuid primary key default uuidv7(),
      recipient text not null,
      subject text not null,
      text text not null,
      html text not null,
      created_at timestamptz not null default now(),
      sent_at timestamptz,
      failed_at timestamptz,
      failure text
    );
  `)

  // The clock's row is locked until commit, so versions are committed in order and without a gap: an edge that has read up to n has read all up to n.
  await run(`
    create table access_clock (singleton boolean primary key default true check (singleton), version bigint not null);
    insert into access_clock (version) values (0);
    create table access_change (
      version bigint primary key,
      accounts uuid[] not null,
      devices uuid[] not null,
      agents uuid[] not null,
      credentials uuid[] not null,
      what text not null,
      at timestamptz not null default now()
    );
    create table edge (
      id uuid primary key,
      kind text not null check (kind in ('broker', 'api')),
      applied_version bigint not null,
      lease bigint not null,
      fenced boolean not null default false,
      started_at timestamptz not null default now()
    );
    create table edge_report (
      edge_id uuid not null references edge on delete cascade,
      version bigint not null,
      subscriptions integer not null,
      connections integer not null,
      viewers integer not null,
      at timestamptz not null default now(),
      primary key (edge_id, version)
    );
  `)
}
