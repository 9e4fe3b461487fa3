import { type Kysely, sql } from 'kysely'

type Table = {
  readonly name: string
  /** The key's columns; of a row with one, its company may stand second, so that it is found by that. */
  readonly key: readonly [first: string, second?: string]
  readonly isPair: boolean
  /** What `decide` reads. Nothing else is kept: no name, no address, no secret. */
  readonly columns: readonly string[]
}

const TERMS = ['privileges', 'starts_at', 'ends_at', 'windows']
const GUEST = ['account_id', 'state', 'active', 'mode', 'role_id', ...TERMS]

const TABLES: readonly Table[] = [
  { name: 'company', key: ['id'], isPair: false, columns: ['member_privileges'] },
  { name: 'account', key: ['id', 'company_id'], isPair: false, columns: ['role', 'active'] },
  { name: 'role', key: ['id'], isPair: false, columns: ['company_id', 'privileges'] },
  { name: 'device', key: ['id', 'company_id'], isPair: false, columns: ['plan', 'time_zone'] },
  {
    ...{ name: 'share', key: ['id'], isPair: false },
    columns: ['company_id', 'account_id', 'state', 'role_id', 'suspended_at', ...TERMS],
  },
  { name: 'share_device', key: ['share_id', 'device_id'], isPair: true, columns: ['removed_by'] },
  { name: 'guest_entry', key: ['id', 'company_id'], isPair: false, columns: GUEST },
  { name: 'guest_group', key: ['entry_id', 'group_id'], isPair: true, columns: ['role_id', 'privileges'] },
  { name: 'guest_device', key: ['entry_id', 'device_id'], isPair: true, columns: [] },
  { name: 'device_group_member', key: ['group_id', 'device_id'], isPair: true, columns: [] },
  {
    ...{ name: 'link', key: ['id'], isPair: false },
    columns: ['company_id', 'variables', 'suspended_at', 'ended_at', ...TERMS],
  },
  { name: 'link_device', key: ['link_id', 'device_id'], isPair: true, columns: [] },
]

export async function up(db: Kysely<unknown>): Promise<void> {
  const run = (text: string) => sql.raw(text).execute(db)

  // R73. Every state of what decides about access, from when until when it was so. No foreign keys: it outlives what it tells of.
  await run(`
    create table access_history (
      entry bigint generated always as identity primary key,
      source text not null,
      id uuid not null,
      other_id uuid,
      content jsonb not null,
      valid_from timestamptz not null,
      valid_until timestamptz
    );
    create index access_history_id on access_history (id, other_id);
    create index access_history_other on access_history (other_id) where other_id is not null;
  `)

  // All that one transaction changes is changed at one instant, that of its first such change: no instant shows half of it. The
  // start of the transaction would be too early: it may have waited for the locks of another one that changed the same row.
  await run(`
    create function access_history_now() returns timestamptz language plpgsql as $$
    declare
      at text := current_setting('ridethrough.access_history_now', true);
    begin
      if at is null or at = '' then
        at := clock_timestamp()::text;
        perform set_config('ridethrough.access_history_now', at, true);
      end if;
      return at::timestamptz;
    end $$;
    create function access_history_content(fact jsonb, columns text[]) returns jsonb language sql immutable as $$
      select jsonb_object_agg(name, fact -> name) from unnest(columns) as name
    $$;
    create function access_history_insert() returns trigger language plpgsql as $$
    begin
      insert into access_history (source, id, other_id, content, valid_from)
      select tg_table_name, (fact ->> tg_argv[0])::uuid, (fact ->> tg_argv[1])::uuid,
        access_history_content(fact, tg_argv[3:]), access_history_now()
      from (select to_jsonb(n) as fact from new_rows n) as inserted;
      return null;
    end $$;
  `)

  // A row that one transaction changes twice has no state in between; one that a later transaction changed first follows it.
  await run(`
    create function access_history_change() returns trigger language plpgsql as $$
    declare
      before jsonb := access_history_content(to_jsonb(old), tg_argv[3:]);
      after jsonb;
      at timestamptz := access_history_now();
      last record;
    begin
      if tg_op = 'UPDATE' then
        after := access_history_content(to_jsonb(new), tg_argv[3:]);
        if after = before then return null; end if;
      end if;
      if tg_argv[2] = 'pair' then
        select entry, valid_from into last from access_history
        where id = (before ->> tg_argv[0])::uuid and other_id = (before ->> tg_argv[1])::uuid
          and source = tg_table_name and valid_until is null;
      else
        select entry, valid_from into last from access_history
        where id = (before ->> tg_argv[0])::uuid and source = tg_table_name and valid_until is null;
      end if;
      if last.valid_from > at then at := clock_timestamp(); end if;
      if last.valid_from = at then
        delete from access_history where entry = last.entry;
      else
        update access_history set valid_until = at where entry = last.entry;
      end if;
      if after is not null then
        insert into access_history (source, id, other_id, content, valid_from)
        values (tg_table_name, (after ->> tg_argv[0])::uuid, (after ->> tg_argv[1])::uuid, after, at);
      end if;
      return null;
    end $$;
  `)

  for (const table of TABLES) await run(keepHistoryOf(table))
}

/** What is there already is known from here on: nobody can tell any more how it was before. */
function keepHistoryOf({ name, key: [first, second], isPair, columns }: Table): string {
  const kept = [...new Set([first, ...(second === undefined ? [] : [second]), ...columns])]
  const names = kept.map((column) => `'${column}'`).join(', ')
  const words = `'${first}', '${second ?? ''}', '${isPair ? 'pair' : 'single'}', ${names}`
  return `
    create trigger access_history_insert after insert on ${name} referencing new table as new_rows
      for each statement execute function access_history_insert(${words});
    create trigger access_history_change after update of ${kept.join(', ')} or delete on ${name}
      for each row execute function access_history_change(${words});
    insert into access_history (source, id, other_id, content, valid_from)
    select '${name}', ${first}, ${second ?? 'null'}, access_history_content(to_jsonb(fact), array[${names}]), now()
    from ${name} as fact;
  `
}
