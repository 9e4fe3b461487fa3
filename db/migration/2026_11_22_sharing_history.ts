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
  `)

  for (const table of TABLES) await run(keepHistoryOf(table))
}

/**
 * A row that one transaction changes twice has no state in between; one that a later transaction changed first follows it.
 * What is there already is known from here on: nobody can tell any more how it was before.
 */
function keepHistoryOf({ name, key: [first, second], isPair, columns }: Table): string {
  const kept = [...new Set([first, ...(second === undefined ? [] : [second]), ...columns])]
  const content = (row: string) =>
    `jsonb_build_object(${kept.map((column) => `'${column}', ${row}.${column}`).join(', ')})`
  const values = (row: string) => kept.map((column) => `${row}.${column}`).join(', ')
  const entry = (row: string) =>
    `'${name}', ${row}.${first}, ${second === undefined ? 'null' : `${row}.${second}`}, ${content(row)}`
  const into = 'insert into access_history (source, id, other_id, content, valid_from)'
  const isSame = `id = old.${first}${isPair ? ` and other_id = old.${second}` : ''} and source = '${name}'`
  return `
    create function access_history_insert_${name}() returns trigger language plpgsql as $$
    declare
      changed_at timestamptz := access_history_now();
    begin
      ${into} select ${entry('new_rows')}, changed_at from new_rows;
      return null;
    end $$;
    create function access_history_change_${name}() returns trigger language plpgsql as $$
    declare
      changed_at timestamptz;
      last record;
    begin
      if tg_op = 'UPDATE' and (${values('old')}) is not distinct from (${values('new')}) then return null; end if;
      changed_at := access_history_now();
      select entry, valid_from into last from access_history where ${isSame} and valid_until is null;
      if last.valid_from > changed_at then changed_at := clock_timestamp(); end if;
      if last.valid_from = changed_at then
        delete from access_history where entry = last.entry;
      else
        update access_history set valid_until = changed_at where entry = last.entry;
      end if;
      if tg_op = 'UPDATE' then
        ${into} values (${entry('new')}, changed_at);
      end if;
      return null;
    end $$;
    create trigger access_history_insert after insert on ${name} referencing new table as new_rows
      for each statement execute function access_history_insert_${name}();
    create trigger access_history_change after update of ${kept.join(', ')} or delete on ${name}
      for each row execute function access_history_change_${name}();
    ${into} select ${entry('fact')}, now() from ${name} as fact;
  `
}
