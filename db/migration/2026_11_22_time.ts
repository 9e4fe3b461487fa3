import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  const run = (text: string) => sql.raw(text).execute(db)

  // Both sides are told once that something ends within a day. Whoever moves the end makes that news again.
  await run(`
    create function forget_ending_notice() returns trigger language plpgsql as $$
    begin
      new.ending_noticed_at := null;
      return new;
    end $$;
    create trigger share_end_moved before update of ends_at on share for each row
      when (old.ends_at is distinct from new.ends_at) execute function forget_ending_notice();
    create trigger link_end_moved before update of ends_at on link for each row
      when (old.ends_at is distinct from new.ends_at) execute function forget_ending_notice();
    create trigger guest_entry_end_moved before update of ends_at on guest_entry for each row
      when (old.ends_at is distinct from new.ends_at) execute function forget_ending_notice();
    create index guest_entry_ends on guest_entry (ends_at) where state in ('pending', 'accepted') and ends_at is not null;
    create index guest_entry_code_expires on guest_entry (code_expires_at) where state = 'pending';
    create index link_ends on link (ends_at) where ended_at is null and ends_at is not null;
    create index share_ending on share (ends_at) where state = 'accepted' and ending_noticed_at is null and ends_at is not null;
    create index guest_entry_ending on guest_entry (ends_at) where state = 'accepted' and ending_noticed_at is null and ends_at is not null;
    create index link_ending on link (ends_at) where ended_at is null and ending_noticed_at is null and ends_at is not null;
    create index notice_created on notice (created_at);
  `)

  // What happened to one share, guest entry, link or device is looked up by what the event names.
  await run(`create index event_subject on event using gin (subject jsonb_path_ops)`)
}
