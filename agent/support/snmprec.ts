// Recordings of real devices (`OID|TAG|VALUE` a line): read for tests from beside the project, never copied into it.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { SnmpReader } from '../transport/snmp.ts'
import type { SnmpValue } from '../transport/varbind.ts'

const FOLDER = join(import.meta.dirname, '../../../shared/recordings/snmp')

export const hasRecordings = existsSync(FOLDER)

/** What the device said, by OID. Tags: 2 INTEGER, 4 text, 6 OID, 65 to 67 and 70 numbers; `x` after it: in hexadecimal. */
export function loadRecording(name: string): Map<string, SnmpValue> {
  const values = new Map<string, SnmpValue>()
  for (const line of readFileSync(join(FOLDER, `${name}.snmprec`), 'latin1').split(/\r?\n/)) {
    const [oid, tag, ...rest] = line.split('|')
    if (!oid || !tag || line.startsWith('#')) continue
    const value = decode(tag, rest.join('|'))
    if (value !== undefined) values.set(oid.replace(/^\./, ''), value)
  }
  return values
}

export function loadExpected(name: string): unknown {
  return JSON.parse(readFileSync(join(FOLDER, `${name}.expected.json`), 'utf8'))
}

/** Answers as the recorded device did. */
export function readerOf(values: ReadonlyMap<string, SnmpValue>): SnmpReader {
  return {
    async get(oids) {
      return new Map(oids.flatMap((oid) => (values.has(oid) ? [[oid, values.get(oid) ?? ''] as const] : [])))
    },
    async column(oid) {
      const rows = [...values].filter(([found]) => found.startsWith(`${oid}.`))
      return new Map(rows.map(([found, value]) => [found.slice(oid.length + 1), value]))
    },
  }
}

function decode(tag: string, value: string): SnmpValue | undefined {
  const kind = Number.parseInt(tag, 10)
  if (kind === 5) return undefined
  if (kind === 4) return tag.includes('x') ? Buffer.from(value, 'hex').toString('latin1') : value.trim()
  if (kind === 6) return value.replace(/^\./, '')
  const number = Number(value)
  return Number.isFinite(number) ? number : undefined
}
