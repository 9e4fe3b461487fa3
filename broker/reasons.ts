// Every word by which the broker counts: known in advance, so that each is shown from the first scrape on, as 0. The texts
// are for those who operate it.
import type { AuthenticateOutcome } from './authenticate.ts'
import type { ForeignReason, PersonRefusal, PublishDecision, SubscribeRefusal } from './authorize.ts'
import type { ConnectFault } from './connect.ts'
import type { HOLD } from './connection.ts'
import type { FrameFault } from './frame.ts'
import type { PacketFault } from './guard.ts'
import type { IngestFailure } from './ingest.ts'
import type { ProxyFault } from './proxy.ts'
import type { WebSocketFault } from './websocket-bytes.ts'

type ConnectionFault =
  | FrameFault
  | PacketFault
  | ConnectFault
  | 'come-back-later'
  | 'connect-missing'
  | 'connect-too-late'
  | 'keepalive-missed'
  | 'puback-unexpected'
  | 'too-much-before-connack'

/** Why a connection is ended for what it published. */
export type PublishFault = ForeignReason | IngestFailure | 'claim-code-taken' | 'payload-malformed'

export type Refused =
  | ConnectionFault
  | PublishFault
  | PersonRefusal
  | ProxyFault
  | WebSocketFault
  | 'tls-handshake'
  | 'websocket-upgrade'

export const REFUSED = {
  'connect-missing': 'the first bytes are no CONNECT',
  'connect-too-late': 'no whole CONNECT in time',
  'connect-malformed': 'CONNECT that makes no sense',
  'protocol-version': 'another version than MQTT 3.1.1',
  'client-id-invalid': 'a client id that is too long, or has other signs than letters, digits, _ and -',
  'keepalive-out-of-range': 'keepalive below or above what is allowed',
  'will-invalid': 'a will that is no status of the agent itself',
  'too-much-before-connack': 'more bytes before CONNACK than are held',
  'come-back-later': 'too many CONNECTs from one address',
  'proxy-header-malformed': 'a PROXY header that makes no sense',
  'proxy-header-too-late': 'no whole PROXY header in time',
  'tls-handshake': 'a TLS handshake that failed',
  'websocket-upgrade': 'an HTTP request that is no upgrade to MQTT over WebSocket',
  'websocket-frame-text': 'a WebSocket frame with text',
  'websocket-frame-malformed': 'a WebSocket frame that makes no sense',
  'packet-too-large': 'a packet longer than allowed',
  'length-malformed': 'a length of more than four bytes',
  'flags-malformed': 'flags that the packet must not have',
  'type-unexpected': 'a packet that clients do not send, or not twice',
  'packet-malformed': 'a packet that does not hold what it says',
  'qos-2': 'a PUBLISH at QoS 2',
  'topic-malformed': 'a topic with a wildcard, an empty level or signs that topics here do not have',
  'payload-too-large': 'a payload longer than allowed',
  'payload-malformed': 'a payload that is not what its topic is for',
  'filter-malformed': 'a filter that is none',
  'too-many-filters': 'more filters in one packet than allowed',
  'puback-unexpected': 'a PUBACK for nothing that waits for one',
  'keepalive-missed': 'silence for longer than one and a half times its keepalive',
  'topic-unknown': 'an agent: a topic that there is not',
  'topic-of-another-agent': 'an agent: a topic of another agent',
  'topic-of-the-cloud': 'an agent: a topic that only the cloud writes',
  'topic-of-persons': 'an agent: a topic that only persons write',
  'retain-refused': 'an agent: retain where nothing is retained',
  'device-not-registered': 'an agent: a device that it has not',
  'claim-code-taken': 'an agent: a claim code that another device has',
  'store-unavailable': 'an agent: the database did not take it in time',
  'too-many-waiting': 'an agent: more waits for the database than is held',
  'sample-refused': 'an agent: the database refuses the sample',
  'not-found': 'a person: a device that it may not see, or a command that there is not',
  'right-missing': 'a person: a privilege is missing',
  'method-unknown': 'a person: a request that is not answered here',
  'too-many-tries': 'a person: more messages a second than allowed',
} as const satisfies Record<Refused, string>

export const CUT = {
  stopping: 'the broker stops',
  'taken-over': 'the client has connected anew',
  'slow-receiver': 'it does not read what it subscribed to',
  'credential-ended': 'its session, token or identity is over',
  'revoked-behind': 'what it lost a right to could not be taken back otherwise',
  'lease-lost': 'changes of access could not be confirmed',
} as const

/** The word that a reason begins with: what follows it is for the log only. */
export function publishFaultOf(reason: string): PublishFault {
  const [word = ''] = reason.split(':', 1)
  return Object.hasOwn(REFUSED, word) ? (word as PublishFault) : 'payload-malformed'
}

export type Cut = keyof typeof CUT

export const DROPPED = { 'slow-receiver': 'QoS 0 to a client that does not read' } as const

export type ConnectOutcome = 'signed-in' | 'gone' | 'come-back-later' | ConnectFault | AuthenticateOutcome

export const CONNECTS = {
  'signed-in': 'let in',
  gone: 'hung up before it had its answer',
  'come-back-later': 'too many connections of one credential or address, or too often',
  'connect-malformed': REFUSED['connect-malformed'],
  'protocol-version': REFUSED['protocol-version'],
  'client-id-invalid': REFUSED['client-id-invalid'],
  'keepalive-out-of-range': REFUSED['keepalive-out-of-range'],
  'will-invalid': REFUSED['will-invalid'],
  'credentials-missing': 'no password and no certificate',
  'credentials-wrong': 'nobody has this password or key, or not any more',
  'agent-revoked': 'an agent that its owner has cut off',
  'enrolment-limited': 'too many new agents',
  'not-serving': 'changes of access cannot be confirmed',
  'store-unavailable': 'the database does not answer',
  'too-many-at-once': 'too many wait for their sign-in, or it has waited too long',
  'too-late': 'the database took too long',
} as const satisfies Record<ConnectOutcome, string>

export type PublishOutcome = Exclude<PublishDecision['do'], 'foreign'> | 'ended'

export const PUBLISHES = {
  state: 'a sample',
  backlog: 'samples of earlier',
  live: 'a live message whose topic was new',
  status: 'an agent is there, or says that it leaves',
  inventory: 'what an agent has found',
  replies: 'what became of a command',
  forget: 'for a device that the agent had until lately: acknowledged and dropped',
  refuse: 'a person was told why not',
  ended: 'the connection was ended',
} as const satisfies Record<PublishOutcome, string>

export const SUBSCRIPTIONS = {
  granted: 'granted',
  'filter-malformed': 'no filter',
  'too-many-subscriptions': 'more filters than a connection may have',
  'foreign-topic': 'nothing that this client could read',
  'device-not-visible': 'a device that it may not see',
} as const satisfies Record<SubscribeRefusal | 'granted', string>

export const ENROLMENTS = {
  enrolled: 'a new agent',
  'address-limit': 'too many new agents from one address',
  'unclaimed-limit': 'too many agents without a claimed device',
} as const

/** Why a connection is not read from. */
export const HELD = {
  turn: 'others have their turn first',
  unanswered: 'its publishes wait for the database',
  rate: 'it sends faster than allowed',
  engine: 'its last packet is being worked on',
  store: 'the database is behind',
  stopping: 'the broker is about to hang up',
} as const satisfies Record<keyof typeof HOLD, string>

export const KINDS = { agent: 'agents', person: 'persons and programs' } as const
