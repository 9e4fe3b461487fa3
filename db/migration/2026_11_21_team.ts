import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  const run = (text: string) => sql.raw(text).execute(db)

  // Second factors. The TOTP secret must be readable by the server, so it is encrypted with SECRET_KEY (AES-256-GCM); the rest is hashed or public.
  await run(`
    create table totp (
      account_id uuid primary key references account on delete cascade,
      secret bytea not null,
      last_step bigint not null default 0,
      confirmed_at timestamptz,
      created_at timestamptz not null default now()
    );
    create table recovery_code (
      account_id uuid not null references account on delete cascade,
      code_hash bytea not null,
      used_at timestamptz,
      primary key (account_id, code_hash)
    );
    create table passkey (
      id uuid primary key default uuidv7(),
      account_id uuid not null references account on delete cascade,
      credential_id text not null unique,
      public_key bytea not null,
      counter bigint not null,
      transports text[] not null,
      name text not null,
      created_at timestamptz not null default now(),
      last_used_at timestamptz
    );
    create index passkey_account on passkey (account_id);
    create table challenge (
      id uuid primary key default uuidv7(),
      account_id uuid references account on delete cascade,
      purpose text not null check (purpose in ('second-factor', 'passkey-register', 'passkey-sign-in', 'passkey-step-up')),
      secret_hash bytea not null,
      webauthn text,
      tries integer not null default 0,
      address text not null,
      created_at timestamptz not null default now(),
      expires_at timestamptz not null,
      used_at timestamptz
    );
    create index challenge_expires on challenge (expires_at);
  `)

  await run(`
    alter table session
      add column kind text not null default 'program' check (kind in ('browser', 'program')),
      add column factors text[] not null default '{password}',
      add column authenticated_at timestamptz not null default now();
    alter table account
      add column deleted_at timestamptz,
      add column deactivated_at timestamptz,
      add column password_changed_at timestamptz,
      add column joined_at timestamptz not null default now();
    update account set joined_at = created_at;
    alter table email_code drop constraint email_code_purpose_check;
    alter table email_code
      add constraint email_code_purpose_check check (purpose in ('verify-address', 'reset-password', 'change-address-old', 'change-address-new')),
      add column new_email text;
    alter table company
      add column requires_second_factor boolean not null default false,
      add column requires_step_up boolean not null default false;
    create table token (
      id uuid primary key default uuidv7(),
      account_id uuid not null references account on delete cascade,
      name text not null,
      token_hash bytea not null unique,
      privileges integer not null,
      device_ids uuid[],
      created_at timestamptz not null default now(),
      expires_at timestamptz not null,
      last_used_at timestamptz,
      ended_at timestamptz
    );
    create index token_account on token (account_id) where ended_at is null;
    create table throttle (
      key text primary key,
      failures integer not null,
      last_at timestamptz not null,
      blocked_until timestamptz
    );
    create table known_place (
      account_id uuid not null references account on delete cascade,
      place text not null,
      first_seen_at timestamptz not null default now(),
      last_seen_at timestamptz not null default now(),
      primary key (account_id, place)
    );
  `)

  // R40, R41: one open invitation per company and address.
  await run(`
    create table invitation (
      id uuid primary key default uuidv7(),
      company_id uuid not null references company,
      invited_by uuid not null references account,
      email text not null,
      email_folded text not null,
      role text not null check (role in ('owner', 'member')),
      state text not null check (state in ('pending', 'accepted', 'declined', 'withdrawn', 'expired')),
      code_hash bytea not null,
      code_tries integer not null default 0,
      code_expires_at timestamptz not null,
      created_at timestamptz not null default now(),
      sent_at timestamptz not null default now(),
      answered_at timestamptz
    );
    create unique index invitation_open on invitation (company_id, email_folded) where state = 'pending';
    create index invitation_email on invitation (email_folded) where state = 'pending';
  `)

  // R45: at the commit, whoever is left in a company, and whoever has come into it, has an active owner among them; the inactive
  // count as left, since nobody else could let them in again. The company's row is locked, so that two transactions that each
  // take away one of two owners come one after the other, and the second is refused. A device comes only into a company with an owner.
  await run(`
    create function has_owner(concerned uuid) returns boolean language sql as $$
      select exists (select from account where company_id = concerned and role = 'owner' and active and verified_at is not null and deleted_at is null)
    $$;
    create function company_keeps_owner() returns trigger language plpgsql as $$
    declare
      concerned uuid;
    begin
      for concerned in select distinct id from unnest(array[old.company_id, new.company_id]) as id where id is not null order by id loop
        perform 1 from company where id = concerned for update;
        if (exists (select from account where company_id = concerned and verified_at is not null and deleted_at is null)
          or exists (select from device where company_id = concerned)) and not has_owner(concerned) then
          raise exception 'company % would have no active owner', concerned using errcode = 'RT003', constraint = 'company_keeps_owner';
        end if;
      end loop;
      return null;
    end $$;
    create constraint trigger company_keeps_owner after update of role, active, company_id, deleted_at or delete on account
      deferrable initially deferred for each row when (old.role = 'owner' and old.active) execute function company_keeps_owner();
    create function device_needs_owner() returns trigger language plpgsql as $$
    begin
      perform 1 from company where id = new.company_id for key share;
      if not has_owner(new.company_id) then
        raise exception 'company % has no active owner', new.company_id using errcode = 'RT003', constraint = 'device_needs_owner';
      end if;
      return new;
    end $$;
    create trigger device_needs_owner before insert or update of company_id on device for each row execute function device_needs_owner();
  `)

  // The event log: one chain over all rows. Each hash covers the row and the hash before it; the head is locked until the commit.
  await run(`
    create table event_head (singleton boolean primary key default true check (singleton), seq bigint not null, hash bytea not null);
    insert into event_head (seq, hash) values (0, '\\x');
    create table event (
      seq bigint primary key,
      at timestamptz not null,
      company_id uuid,
      account_id uuid,
      credential_id uuid,
      address text not null,
      kind text not null,
      outcome text not null check (outcome in ('done', 'refused')),
      subject jsonb not null,
      hash bytea not null
    );
    create index event_company on event (company_id, seq desc);
    create index event_account on event (account_id, seq desc);
    create function event_is_append_only() returns trigger language plpgsql as $$
    begin
      raise exception 'the event log is append-only' using errcode = 'RT004';
    end $$;
    create trigger event_is_append_only before update or delete or truncate on event for each statement execute function event_is_append_only();
  `)

  // An agent is known by one secret at a time: a token, or the public key (SHA-256 of its SPKI) of a client certificate. The
  // next one is announced before it is used, and takes the place of both columns when it is.
  await run(`
    alter table agent
      alter column token_hash drop not null,
      add column next_token_hash bytea,
      add column key_hash bytea unique,
      add column next_key_hash bytea unique,
      add column certificate_expires_at timestamptz,
      add constraint agent_has_one_secret check (num_nonnulls(token_hash, key_hash) = 1 and num_nonnulls(next_token_hash, next_key_hash) <= 1);
    create table setup (
      singleton boolean primary key default true check (singleton),
      operator_code_hash bytea,
      operator_code_tries integer not null default 0,
      operator_code_expires_at timestamptz,
      operator_id uuid references account
    );
    insert into setup default values;
  `)
}
