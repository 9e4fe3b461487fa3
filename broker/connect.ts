// The first packet: may this CONNECT be let in at all, before anybody is asked who it is [MQTT-3.1]?
import { parseTopic } from '@ridethrough/protocol/topic.ts'
import { bytesAt, type Frame, textAt } from './frame.ts'
import { DEFAULT_LIMITS, type Limits } from './limits.ts'

/** Return codes of CONNACK [MQTT-3.2.2.3]. */
export const CONNACK = {
  protocolVersion: 1,
  identifier: 2,
  unavailable: 3,
  credentials: 4,
  notAuthorized: 5,
} as const

export type Will = { readonly topic: string; readonly payload: Buffer }

export type Connect = {
  readonly clientId: string
  readonly keepalive: number
  readonly username: string | undefined
  readonly will: Will | undefined
}

/** `code` is answered as CONNACK; without one the bytes are no CONNECT, and there is nobody to answer. */
export type ConnectRefusal = { readonly reason: ConnectFault; readonly code?: number }

export type ConnectFault =
  | 'connect-malformed'
  | 'protocol-version'
  | 'client-id-invalid'
  | 'keepalive-out-of-range'
  | 'will-invalid'

const CLIENT_ID = /^[A-Za-z0-9_-]{1,64}$/
const MAX_WILL_BYTES = 4096
const LEVEL_3_1_1 = 4
const CLEAN_SESSION = 0x02

const MALFORMED: ConnectRefusal = { reason: 'connect-malformed' }

/**
 * Checks the packet, and changes what the engine is to read: the session is clean, for nothing of a client is kept when it
 * leaves, and keepalive is 0, for it is watched by us.
 */
export function readConnect(frame: Frame, limits: Limits = DEFAULT_LIMITS): Connect | ConnectRefusal {
  const { bytes } = frame
  const protocol = textAt(bytes, frame.body)
  const level = protocol && bytes[protocol.end]
  if (!protocol || level === undefined || frame.flags !== 0) return MALFORMED
  if (protocol.text !== 'MQTT' && protocol.text !== 'MQIsdp') return MALFORMED
  if (protocol.text !== 'MQTT' || level !== LEVEL_3_1_1) {
    return { reason: 'protocol-version', code: CONNACK.protocolVersion }
  }
  const flagsAt = protocol.end + 1
  const flags = bytes[flagsAt]
  if (flags === undefined || flagsAt + 3 > bytes.length || !areFlagsFine(flags)) return MALFORMED
  const fields = readFields(bytes, flagsAt + 3, flags)
  if (!fields) return MALFORMED
  const keepalive = bytes.readUInt16BE(flagsAt + 1)
  const refusal = judge(fields, keepalive, flags, limits)
  if (refusal) return refusal
  bytes[flagsAt] = flags | CLEAN_SESSION
  bytes.writeUInt16BE(0, flagsAt + 1)
  return { clientId: fields.clientId, keepalive, username: fields.username, will: fields.will }
}

type Fields = { readonly clientId: string; readonly will: Will | undefined; readonly username: string | undefined }

function judge(fields: Fields, keepalive: number, flags: number, limits: Limits): ConnectRefusal | undefined {
  if (!CLIENT_ID.test(fields.clientId)) return { reason: 'client-id-invalid', code: CONNACK.identifier }
  // 3.1.1 has no code for it; a client that never speaks would never be noticed to be gone.
  if (keepalive < limits.keepaliveMinS || keepalive > limits.keepaliveMaxS) {
    return { reason: 'keepalive-out-of-range', code: CONNACK.notAuthorized }
  }
  if (fields.will && !isWillFine(fields.will, flags)) return { reason: 'will-invalid', code: CONNACK.notAuthorized }
  return undefined
}

// [MQTT-3.1.2-3, -13, -15, -22]: reserved bit, will QoS and retain without a will, a password without a user name.
function areFlagsFine(flags: number): boolean {
  const hasWill = (flags & 0x04) !== 0
  const willBits = flags & 0x38
  const [hasUser, hasPassword] = [(flags & 0x80) !== 0, (flags & 0x40) !== 0]
  return (flags & 0x01) === 0 && (hasWill || willBits === 0) && (hasUser || !hasPassword)
}

// A will with QoS 3 or a wildcard in its topic would be handed to subscribers and break them.
function isWillFine(will: Will, flags: number): boolean {
  const topic = parseTopic(will.topic)
  const qos = (flags >> 3) & 3
  return qos < 2 && topic?.kind === 'agent' && topic.suffix === 'status' && will.payload.length <= MAX_WILL_BYTES
}

function readFields(bytes: Buffer, at: number, flags: number): Fields | undefined {
  const clientId = textAt(bytes, at)
  if (!clientId) return undefined
  let end = clientId.end
  let will: Will | undefined
  if ((flags & 0x04) !== 0) {
    const topic = textAt(bytes, end)
    const payload = topic && bytesAt(bytes, topic.end)
    if (!payload) return undefined
    will = { topic: topic.text, payload: payload.bytes }
    end = payload.end
  }
  let username: string | undefined
  if ((flags & 0x80) !== 0) {
    const field = textAt(bytes, end)
    if (!field) return undefined
    username = field.text
    end = field.end
  }
  if ((flags & 0x40) !== 0) {
    const password = bytesAt(bytes, end)
    if (!password) return undefined
    end = password.end
  }
  return end === bytes.length ? { clientId: clientId.text, will, username } : undefined
}
