// What an SNMP agent answered, as a number or a text: read by what it holds, because agents mix the types up freely.
import snmp, { type Varbind } from 'net-snmp'

/** A number (INTEGER, Counter, Gauge, TimeTicks, Opaque float) or a text (OCTET STRING, OID, IpAddress). */
export type SnmpValue = number | string

/** The value, or `undefined` when the agent has none there: noSuchObject, noSuchInstance, endOfMibView, or NULL. */
export function decodeVarbind(varbind: Varbind): SnmpValue | undefined {
  if (snmp.isVarbindError(varbind)) return undefined
  const { type, value } = varbind
  if (value === null || value === undefined) return undefined
  if (typeof value === 'number') return value
  if (typeof value === 'bigint') return Number(value)
  if (typeof value === 'boolean') return value ? 1 : 0
  if (typeof value === 'string') return value.replace(/^\./, '')
  if (type === snmp.ObjectType.Counter64) return decodeUnsigned(value)
  if (type === snmp.ObjectType.Opaque) return decodeOpaque(value)
  return decodeText(value)
}

function decodeUnsigned(bytes: Buffer): number {
  return bytes.reduce((sum, byte) => sum * 256 + byte, 0)
}

/** Net-SNMP wraps a float as context tag 0x9f78 inside Opaque; anything else in there is of no use to us. */
function decodeOpaque(bytes: Buffer): number | undefined {
  const isFloat = bytes.length === 7 && bytes[0] === 0x9f && bytes[1] === 0x78 && bytes[2] === 4
  return isFloat ? bytes.readFloatBE(3) : undefined
}

/** DisplayStrings are ASCII by RFC 2579, UTF-8 in fact, and Latin-1 from old cards; NULs and padding are dropped. */
function decodeText(bytes: Buffer): string {
  const utf8 = bytes.toString('utf8')
  const text = utf8.includes('\ufffd') ? bytes.toString('latin1') : utf8
  return text.replace(/[\u0000-\u001f\u007f]+/g, ' ').trim()
}
