// The PROXY protocol's header in both of its versions, as bytes: haproxy.org/download/3.0/doc/proxy-protocol.txt.
import { isIP } from 'node:net'

/** `address` is `undefined` where the proxy speaks for itself or does not know; the header is `length` bytes long. */
export type ProxyHeader = { readonly address: string | undefined; readonly length: number }

/** `none`: these bytes begin with something else. */
export type Reading = ProxyHeader | 'none' | 'incomplete' | 'malformed'

/** Section 2.1: the longest line there is, with its CRLF. */
const MAX_LINE_BYTES = 107
const LINE = /^PROXY (?:UNKNOWN(?: [\x20-\x7e]*)?|(TCP4|TCP6) (\S+) (\S+) \d{1,5} \d{1,5})\r\n$/
const LINE_BEGINS = Buffer.from('PROXY ')

/** Section 2.2. */
const SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex')
const FIXED_BYTES = 16
/** Addresses and what a proxy likes to add about its own TLS. */
const MAX_BINARY_BYTES = 2048
const COMMAND = { local: 0x20, proxy: 0x21 } as const
const FAMILY = { unspecified: 0x00, tcp4: 0x11, tcp6: 0x21 } as const

export const MOST_HEADER_BYTES = MAX_BINARY_BYTES

export function readProxyHeader(bytes: Buffer): Reading {
  if (beginsLike(bytes, LINE_BEGINS)) return readLine(bytes)
  return beginsLike(bytes, SIGNATURE) ? readBinary(bytes) : 'none'
}

/** As far as there are any bytes. */
function beginsLike(bytes: Buffer, what: Buffer): boolean {
  const length = Math.min(bytes.length, what.length)
  return bytes.subarray(0, length).equals(what.subarray(0, length))
}

function readLine(bytes: Buffer): Reading {
  const end = bytes.subarray(0, MAX_LINE_BYTES).indexOf('\r\n')
  if (end < 0) return bytes.length < MAX_LINE_BYTES ? 'incomplete' : 'malformed'
  const match = LINE.exec(bytes.toString('latin1', 0, end + 2))
  if (!match) return 'malformed'
  const [, family, address] = match
  if (family === undefined || address === undefined) return { address: undefined, length: end + 2 }
  return isIP(address) === (family === 'TCP4' ? 4 : 6) ? { address, length: end + 2 } : 'malformed'
}

function readBinary(bytes: Buffer): Reading {
  if (bytes.length < FIXED_BYTES) return 'incomplete'
  const [command, family] = [bytes[12], bytes[13]]
  const length = FIXED_BYTES + bytes.readUInt16BE(14)
  if (length > MAX_BINARY_BYTES || (command !== COMMAND.local && command !== COMMAND.proxy)) return 'malformed'
  if (bytes.length < length) return 'incomplete'
  if (command === COMMAND.local || family === FAMILY.unspecified) return { address: undefined, length }
  const room = length - FIXED_BYTES
  if (family === FAMILY.tcp4 && room >= 12) return { address: bytes.subarray(16, 20).join('.'), length }
  if (family === FAMILY.tcp6 && room >= 36) return { address: groups(bytes.subarray(16, 32)), length }
  return 'malformed'
}

function groups(bytes: Buffer): string {
  return Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(2 * index).toString(16)).join(':')
}
