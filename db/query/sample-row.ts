// A sample as the row that PostgreSQL is to keep: made once, sent by COPY or as a statement's arrays.
import type { Sample } from '@ridethrough/protocol/message/telemetry.ts'

export type SampleRow = {
  readonly deviceId: string
  readonly seq: number
  /** Milliseconds since 1970. */
  readonly at: number
  readonly status: string | null
  /** JSON that PostgreSQL can keep. */
  readonly variables: string | null
  readonly problem: string | null
  readonly detail: string | null
  /** What it takes in a COPY, in bytes. */
  readonly bytes: number
}

/** The beginning of PostgreSQL's calendar. */
const EPOCH = Date.UTC(2000, 0, 1)
/** Beyond it, microseconds are no longer exact as a number: 285 years. */
const LAST_EXACT_MS = Number.MAX_SAFE_INTEGER / 1000
/** COPY's signature, no flags, no extension ("File Formats", PostgreSQL's documentation of COPY). */
const HEADER = Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), Buffer.alloc(8)])
const TRAILER = Buffer.from([0xff, 0xff])
/** Number of fields, seven lengths, a UUID, three numbers of eight bytes, jsonb's version. */
const FIXED_BYTES = 2 + 7 * 4 + 16 + 3 * 8 + 1
const JSONB_VERSION = 1

/** In the order in which `encodeRows` writes them. */
export const COPIED_COLUMNS = 'device_id, seq, at, received_at, status, variables, problem'

export function toRow(deviceId: string, sample: Sample): SampleRow {
  const { seq, at } = sample
  if (sample.kind === 'problem') {
    const { problem } = sample
    const detail = storable(sample.detail)
    return { deviceId, seq, at, status: null, variables: null, problem, detail, bytes: FIXED_BYTES + problem.length }
  }
  const { status } = sample
  const variables = storable(JSON.stringify(sample.variables))
  const bytes = FIXED_BYTES + status.length + Buffer.byteLength(variables)
  return { deviceId, seq, at, status, variables, problem: null, detail: null, bytes }
}

/** The rows for `copy sample (COPIED_COLUMNS) from stdin (format binary)`. */
export function encodeRows(rows: readonly SampleRow[], receivedAt: Date): Buffer {
  const bytes = rows.reduce((sum, row) => sum + row.bytes, HEADER.length + TRAILER.length)
  const target = Buffer.allocUnsafe(bytes)
  let at = HEADER.copy(target)
  for (const row of rows) at = writeRow(target, at, row, receivedAt.getTime())
  at += TRAILER.copy(target, at)
  return target.subarray(0, at)
}

function writeRow(target: Buffer, start: number, row: SampleRow, receivedAt: number): number {
  let at = target.writeInt16BE(7, start)
  at = target.writeInt32BE(16, at)
  at += target.write(row.deviceId.replaceAll('-', ''), at, 'hex')
  at = writeInt8(target, at, row.seq)
  at = writeInstant(target, at, row.at)
  at = writeInstant(target, at, receivedAt)
  at = writeText(target, at, row.status)
  at = writeJsonb(target, at, row.variables)
  return writeText(target, at, row.problem)
}

/** Microseconds since 2000. */
function writeInstant(target: Buffer, at: number, instant: number): number {
  const ms = instant - EPOCH
  if (Math.abs(ms) <= LAST_EXACT_MS) return writeInt8(target, at, ms * 1000)
  return target.writeBigInt64BE(BigInt(ms) * 1000n, target.writeInt32BE(8, at))
}

// Both halves by themselves: a BigInt costs more than all the rest of the row.
function writeInt8(target: Buffer, at: number, value: number): number {
  const low = target.writeInt32BE(8, at)
  const high = target.writeInt32BE(Math.floor(value / 0x1_0000_0000), low)
  return target.writeInt32BE(value | 0, high)
}

/** Status and problem are words of ours: ASCII. */
function writeText(target: Buffer, at: number, text: string | null): number {
  if (text === null) return target.writeInt32BE(-1, at)
  const start = target.writeInt32BE(text.length, at)
  return start + target.write(text, start, 'latin1')
}

function writeJsonb(target: Buffer, at: number, json: string | null): number {
  if (json === null) return target.writeInt32BE(-1, at)
  const start = target.writeInt8(JSONB_VERSION, at + 4)
  const length = target.write(json, start)
  target.writeInt32BE(length + 1, at)
  return start + length
}

// PostgreSQL keeps neither NUL nor half a surrogate pair, and devices do send them: the rest of the text is worth keeping.
function storable(text: string): string {
  if (!text.includes('\\u') && !text.includes('\0')) return text.toWellFormed()
  return text
    .replace(/(?<!\\)((?:\\\\)*)\\u(?:0000|d[89a-f][0-9a-f]{2})/gi, '$1\\ufffd')
    .replaceAll('\0', '\ufffd')
    .toWellFormed()
}
