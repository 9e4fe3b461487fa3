// The journal's SQL: tables, statements, and what SQLite's failures mean. WAL with synchronous NORMAL survives any kill of the process.
import { chmodSync, existsSync, renameSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'

export type DeviceRow = { readonly seq: number; readonly registered: boolean | null; readonly isAgreed: boolean }
type Removed = { readonly rows: number; readonly bytes: number }

/** Raised with every change of the tables; a file of another version is moved aside like a damaged one. */
const VERSION = 1

const SCHEMA = `
  create table device (
    device_id text primary key,
    seq integer not null,
    registered integer,
    agreed integer not null,
    facts text
  ) strict, without rowid;
  create table sample (
    id integer primary key,
    device_id text not null,
    seq integer not null,
    at integer not null,
    notable integer not null,
    body text not null,
    unique (device_id, seq)
  ) strict;
  create index sample_age on sample (notable, id);
  create table claim (device_id text primary key, code text not null, expires_at integer not null) strict, without rowid;
  pragma user_version = ${VERSION};
`

export type JournalStore = ReturnType<typeof openStore>

/** @throws an SQLite error; see `storeFailure`. */
export function openStore(path: string) {
  const isNew = !existsSync(path)
  const db = new DatabaseSync(path)
  try {
    // Claim codes lie in here in the clear, for the command that prints them.
    if (isNew) chmodSync(path, 0o600)
    prepareFile(db, isNew)
    return statements(db)
  } catch (error) {
    db.close()
    throw error
  }
}

/** `damaged`: the file is no journal (any more). `full` and `refused` pass by themselves or by a person's hand. */
export function storeFailure(error: unknown): 'damaged' | 'full' | 'refused' | 'other' {
  if (error instanceof DamagedStore) return 'damaged'
  if (!(error instanceof Error) || !('errcode' in error)) return 'other'
  // The low byte of an extended result code is the primary one: https://sqlite.org/rescode.html
  switch (Number(error.errcode) & 0xff) {
    case 11: // SQLITE_CORRUPT
    case 26: // SQLITE_NOTADB
      return 'damaged'
    case 13: // SQLITE_FULL
      return 'full'
    case 8: // SQLITE_READONLY
    case 10: // SQLITE_IOERR
    case 14: // SQLITE_CANTOPEN
      return 'refused'
    default:
      return 'other'
  }
}

export function moveStore(path: string, aside: string): void {
  for (const suffix of ['', '-wal', '-shm']) {
    if (existsSync(`${path}${suffix}`)) renameSync(`${path}${suffix}`, `${aside}${suffix}`)
  }
}

class DamagedStore extends Error {}

function prepareFile(db: DatabaseSync, isNew: boolean): void {
  db.exec(
    'pragma busy_timeout = 2000; pragma journal_mode = wal; pragma synchronous = normal; pragma foreign_keys = on',
  )
  const version = Number(db.prepare('pragma user_version').get()?.user_version)
  if (version === 0 && (isNew || db.prepare('select count(*) as n from sqlite_schema').get()?.n === 0)) {
    db.exec(`begin; ${SCHEMA} commit`)
    return
  }
  if (version !== VERSION) throw new DamagedStore(`the journal has version ${version}, not ${VERSION}`)
  const check = db.prepare('pragma quick_check(1)').get()?.quick_check
  if (check !== 'ok') throw new DamagedStore(String(check))
}

function statements(db: DatabaseSync) {
  const device = db.prepare('select seq, registered, agreed from device where device_id = ?')
  const saveDevice = db.prepare(`
    insert into device (device_id, seq, registered, agreed) values (?, ?, ?, ?)
    on conflict (device_id) do update set seq = excluded.seq, registered = excluded.registered, agreed = excluded.agreed`)
  const raise = db.prepare('update device set seq = ? where device_id = ?')
  const insert = db.prepare('insert into sample (device_id, seq, at, notable, body) values (?, ?, ?, ?, ?)')
  const oldest = db.prepare('select seq, body from sample where device_id = ? order by seq limit ?')
  const remove = db.prepare('delete from sample where device_id = ? and seq = ? returning length(body) as bytes')
  const removeAll = db.prepare('delete from sample where device_id = ? returning length(body) as bytes')
  // What changed the status, and what says that a device is silent, is dropped last.
  const removeOldest = db.prepare(`
    delete from sample where id in (select id from sample order by notable, id limit ?)
    returning device_id, length(body) as bytes`)
  const totals = db.prepare(
    'select device_id, count(*) as n, sum(length(body)) as bytes from sample group by device_id',
  )
  // In two steps by way of negative numbers: one by one, a row would meet the old number of the next.
  const shift = db.prepare('update sample set seq = -(seq + ?) where device_id = ? and seq > ?')
  const settle = db.prepare('update sample set seq = -seq where device_id = ? and seq < 0')
  const claims = db.prepare('select device_id, code, expires_at from claim')
  const setClaim = db.prepare(`
    insert into claim (device_id, code, expires_at) values (?, ?, ?)
    on conflict (device_id) do update set code = excluded.code, expires_at = excluded.expires_at`)
  const dropClaim = db.prepare('delete from claim where device_id = ?')
  const facts = db.prepare('select facts from device where device_id = ?')
  const setFacts = db.prepare('update device set facts = ? where device_id = ?')

  function atomically<T>(work: () => T): T {
    db.exec('begin immediate')
    try {
      const result = work()
      db.exec('commit')
      return result
    } catch (error) {
      if (db.isTransaction) db.exec('rollback')
      throw error
    }
  }

  return {
    device(deviceId: string): DeviceRow | undefined {
      const row = device.get(deviceId)
      if (!row) return undefined
      const registered = row.registered === null ? null : row.registered === 1
      return { seq: Number(row.seq), registered, isAgreed: row.agreed === 1 }
    },
    saveDevice(deviceId: string, { seq, registered, isAgreed }: DeviceRow): void {
      saveDevice.run(deviceId, seq, registered === null ? null : Number(registered), Number(isAgreed))
    },
    /** Number and sample in one transaction, so that a kill between them is impossible. */
    append(deviceId: string, seq: number, at: number, isNotable: boolean, body: string): number {
      return atomically(() => {
        raise.run(seq, deviceId)
        insert.run(deviceId, seq, at, Number(isNotable), body)
        return seq
      })
    },
    oldest(deviceId: string, limit: number): { seq: number; body: string }[] {
      return oldest.all(deviceId, limit).map((row) => ({ seq: Number(row.seq), body: String(row.body) }))
    },
    remove(deviceId: string, seqs: readonly number[]): Removed {
      return atomically(() => summed(seqs.flatMap((seq) => remove.all(deviceId, seq))))
    },
    removeAll(deviceId: string): Removed {
      return summed(removeAll.all(deviceId))
    },
    removeOldest(rows: number): { deviceId: string; bytes: number }[] {
      return removeOldest.all(rows).map((row) => ({ deviceId: String(row.device_id), bytes: Number(row.bytes) }))
    },
    totals(): { deviceId: string; rows: number; bytes: number }[] {
      return totals
        .all()
        .map((row) => ({ deviceId: String(row.device_id), rows: Number(row.n), bytes: Number(row.bytes) }))
    },
    renumber(deviceId: string, above: number, by: number): void {
      atomically(() => {
        shift.run(by, deviceId, above)
        settle.run(deviceId)
      })
    },
    claims(): { deviceId: string; code: string; expiresAt: number }[] {
      return claims
        .all()
        .map((row) => ({ deviceId: String(row.device_id), code: String(row.code), expiresAt: Number(row.expires_at) }))
    },
    setClaim(deviceId: string, claim: { code: string; expiresAt: number } | null): void {
      if (claim) setClaim.run(deviceId, claim.code, claim.expiresAt)
      else dropClaim.run(deviceId)
    },
    facts(deviceId: string): string | undefined {
      const value = facts.get(deviceId)?.facts
      return typeof value === 'string' ? value : undefined
    },
    setFacts(deviceId: string, text: string): void {
      setFacts.run(text, deviceId)
    },
    close(): void {
      if (db.isOpen) db.close()
    },
  }
}

function summed(rows: readonly Record<string, unknown>[]): Removed {
  return { rows: rows.length, bytes: rows.reduce((sum, row) => sum + Number(row.bytes), 0) }
}
