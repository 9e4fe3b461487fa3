// Is this packet fit to be parsed by anybody? Looks at each packet's bytes before the broker's engine sees them.
import { MAX_TOPIC_BYTES, MAX_TOPIC_LEVELS } from '@ridethrough/protocol/topic.ts'
import { type Frame, PACKET, refusingSuback, type TextAt, textAt } from './frame.ts'
import { DEFAULT_LIMITS, type Limits } from './limits.ts'

const MAX_FILTERS_PER_UNSUBSCRIBE = 50

export type PacketFault =
  | 'flags-malformed'
  | 'type-unexpected'
  | 'packet-malformed'
  | 'qos-2'
  | 'topic-malformed'
  | 'filter-malformed'
  | 'payload-too-large'
  | 'too-many-filters'

/** `pass` on to the engine (bytes may have been corrected in place), `answer` here and go on, or `close`. */
export type Verdict =
  | { readonly do: 'pass' }
  | { readonly do: 'answer'; readonly bytes: Buffer; readonly reason: PacketFault }
  | { readonly do: 'close'; readonly reason: PacketFault }

const PASS: Verdict = { do: 'pass' }

/** Judges a packet of a client that is connected. `known`: the topic of a PUBLISH, where it was looked at before. */
export function inspect(frame: Frame, limits: Limits = DEFAULT_LIMITS, known?: TextAt): Verdict {
  switch (frame.type) {
    case PACKET.publish:
      return inspectPublish(frame, limits, known)
    case PACKET.subscribe:
      return frame.flags === 2 ? inspectSubscribe(frame, limits) : close('flags-malformed')
    case PACKET.unsubscribe:
      return frame.flags === 2 ? inspectUnsubscribe(frame) : close('flags-malformed')
    case PACKET.puback:
      return frame.flags === 0 ? inspectPuback(frame) : close('flags-malformed')
    case PACKET.pingreq:
    case PACKET.disconnect:
      return frame.flags === 0 ? exactly(frame, 0) : close('flags-malformed')
    default:
      // A second CONNECT, what only servers send, and QoS 2's packets, which nobody here ever has to answer.
      return close('type-unexpected')
  }
}

function inspectPublish(frame: Frame, limits: Limits, known: TextAt | undefined): Verdict {
  const qos = (frame.flags >> 1) & 3
  const isRepeat = (frame.flags & 8) !== 0
  if (qos === 3 || (qos === 0 && isRepeat)) return close('flags-malformed')
  if (qos === 2) return close('qos-2')
  const topic = known ?? textAt(frame.bytes, frame.body)
  if (!topic) return close('packet-malformed')
  if (!known && !isTopicName(topic.text)) return close('topic-malformed')
  if (qos > 0 && packetIdAt(frame, topic.end) === 0) return close('packet-malformed')
  const payloadAt = topic.end + (qos > 0 ? 2 : 0)
  return frame.bytes.length - payloadAt > limits.payloadBytes ? close('payload-too-large') : PASS
}

function inspectPuback(frame: Frame): Verdict {
  const verdict = exactly(frame, 2)
  return verdict.do === 'pass' && packetIdAt(frame, frame.body) === 0 ? close('packet-malformed') : verdict
}

function inspectSubscribe(frame: Frame, limits: Limits): Verdict {
  const { bytes, body } = frame
  const id = packetIdAt(frame, body)
  if (id === 0) return close('packet-malformed')
  let count = 0
  let at = body + 2
  while (at < bytes.length) {
    const filter = textAt(bytes, at)
    const qos = filter && bytes[filter.end]
    if (!filter || qos === undefined || qos > 2) return close('packet-malformed')
    if (!hasWildcardsInPlace(filter.text)) return close('filter-malformed')
    // Granted is what the engine reads here, so the lowering must happen before it reads.
    if (qos === 2) bytes[filter.end] = 1
    count += 1
    at = filter.end + 1
  }
  if (count === 0) return close('packet-malformed')
  if (count > MAX_FILTERS_PER_UNSUBSCRIBE) return close('too-many-filters')
  if (count > limits.filtersPerSubscribe) {
    return { do: 'answer', bytes: refusingSuback(id, count), reason: 'too-many-filters' }
  }
  return PASS
}

function inspectUnsubscribe(frame: Frame): Verdict {
  const { bytes, body } = frame
  if (packetIdAt(frame, body) === 0) return close('packet-malformed')
  let count = 0
  let at = body + 2
  while (at < bytes.length) {
    const filter = textAt(bytes, at)
    if (!filter) return close('packet-malformed')
    if (!hasWildcardsInPlace(filter.text)) return close('filter-malformed')
    count += 1
    at = filter.end
  }
  if (count === 0) return close('packet-malformed')
  return count > MAX_FILTERS_PER_UNSUBSCRIBE ? close('too-many-filters') : PASS
}

/** Levels of letters, digits and `_.-` only: no wildcard, no `$`, none empty. */
const TOPIC_NAME = /^[A-Za-z0-9_.-]+(?:\/[A-Za-z0-9_.-]+)*$/

export function isTopicName(text: string): boolean {
  if (text.length > MAX_TOPIC_BYTES || !TOPIC_NAME.test(text)) return false
  return text.split('/').length <= MAX_TOPIC_LEVELS
}

/** `+` and `#` are levels of their own, and `#` is the last [MQTT-4.7.1-2, -3]: what else is no filter of ours gets 0x80. */
const FILTER = /^(?:#|(?:\+|[^+#/]*)(?:\/(?:\+|[^+#/]*))*(?:\/#)?)$/

function hasWildcardsInPlace(text: string): boolean {
  return text.length > 0 && FILTER.test(text)
}

/** 0, which is no packet identifier [MQTT-2.3.1-1], when there is none. */
function packetIdAt(frame: Frame, at: number): number {
  return at + 2 <= frame.bytes.length ? frame.bytes.readUInt16BE(at) : 0
}

function exactly(frame: Frame, length: number): Verdict {
  return frame.bytes.length - frame.body === length ? PASS : close('packet-malformed')
}

function close(reason: PacketFault): Verdict {
  return { do: 'close', reason }
}
