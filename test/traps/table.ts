// The traps of broker/TRAPS.md as a table: what closes each, how that is taken out, and the test that then fails.
import type { Patch } from '../support/copy.ts'

export type Row = {
  readonly trap: `T${number}`
  /** What is taken out. */
  readonly fix: string
  readonly patches: readonly Patch[]
  readonly test: { readonly file: string; readonly name: string }
}

const FLOW = 'broker/trap-flow.test.ts'
const BYTES = 'broker/trap-bytes.test.ts'
const SESSION = 'broker/trap-session.test.ts'
const STORE = 'broker/trap-store.test.ts'
const BROKERS = 'broker/trap-brokers.test.ts'

/** Of each file, tests that go on passing (the first that is not the one in question): a fix was taken out, and not the broker. */
export const BESIDES: Readonly<Record<string, readonly string[]>> = {
  [FLOW]: [
    'T14: an older sequence never replaces a newer state, nor is it shown',
    'T8: a reader that stops reading is cut, and holds nobody up',
  ],
  [BYTES]: [
    'T9: a packet that is too long is refused by its first bytes, before and after CONNACK',
    'T7: no filter shows who else is there',
  ],
  [SESSION]: [
    'T19: a client id belongs to its credential: nobody else gets what comes to it, or throws it out',
    'T21: an agent that was taken over is there, one that is gone is not, whatever became of its will',
  ],
  [STORE]: [
    'T10: a sign-in that hangs is answered in time, and so many hang at once',
    'T2: 500 messages at QoS 1 through a slow store: all acknowledged, all stored, all delivered',
  ],
  [BROKERS]: ['clients at several brokers leave those of other credentials alone, whatever they call themselves'],
  'broker/broker.test.ts': ['an agent subscribes to its own commands and to nothing else'],
  'broker/ingest.test.ts': ['an agent’s status is stored before it is acknowledged'],
  'broker/tls.test.ts': ['networks are told from what is none'],
}

const patch = (file: string, find: string, replace: string): Patch => ({ file, find, replace })

const row = (trap: Row['trap'], fix: string, [file, name]: readonly [string, string], ...patches: Patch[]): Row => ({
  ...{ trap, fix, patches },
  test: { file, name },
})

/** Sessions that are kept: the client's wish is left as it is, and there is somewhere to keep them. */
const KEPT_SESSIONS = [
  patch('broker/connect.ts', 'bytes[flagsAt] = flags | CLEAN_SESSION', 'bytes[flagsAt] = flags'),
  patch('broker/broker.ts', '      persistence: noPersistence,\n', ''),
]

const LETTERS_ONLY = '/^[A-Za-z0-9_.-]+(?:\\/[A-Za-z0-9_.-]+)*$/'
const LEVEL = 'const LEVEL = /^[A-Za-z0-9_.-]+$/'

export const TRAPS: readonly Row[] = [
  row(
    'T1',
    'sessions are clean',
    [SESSION, 'T1: a filter that was refused brings nothing at the next connection, whatever session is asked for'],
    ...KEPT_SESSIONS,
  ),
  row(
    'T2',
    'one ordered queue: a group is committed when the one before it is stored',
    [STORE, 'T2: 500 messages at QoS 1 through a slow store: all acknowledged, all stored, all delivered'],
    patch('broker/ingest.ts', 'await this.#writer.sent(next)', 'void this.#writer.sent(next)'),
    patch('broker/ingest.ts', 'former = this.#finish(next)', 'void this.#finish(next)'),
  ),
  row(
    'T3',
    'PUBACK waits for the commit',
    ['broker/ingest.test.ts', 'an acknowledgement waits for the commit'],
    patch(
      'broker/inbound.ts',
      'else this.#options.ingest.add({ deviceId, samples: [sample], payload }, settle)',
      'else this.#options.ingest.add({ deviceId, samples: [sample], payload }, () => {}), settle()',
    ),
  ),
  row(
    'T4',
    'sessions are clean',
    [
      SESSION,
      'T4: a message that is refused takes no other with it, and no reader, whatever session that one asked for',
    ],
    ...KEPT_SESSIONS,
  ),
  row(
    'T5',
    'QoS 2 is refused inbound',
    [BYTES, 'T5: a publish at QoS 2 ends the connection, is neither stored nor acknowledged, and leaves no trace'],
    patch('broker/guard.ts', "  if (qos === 2) return close('qos-2')\n", ''),
  ),
  row(
    'T5',
    'a subscription at QoS 2 is granted 1',
    [BYTES, 'T5: a publish at QoS 2 ends the connection, is neither stored nor acknowledged, and leaves no trace'],
    patch('broker/guard.ts', 'if (qos === 2) bytes[filter.end] = 1', ''),
  ),
  row(
    'T6',
    '`$` is refused in what is published',
    [BYTES, 'T6: who publishes to $SYS is shown the door, and nobody else'],
    patch('broker/guard.ts', LETTERS_ONLY, '/^[$A-Za-z0-9_.-]+(?:\\/[A-Za-z0-9_.-]+)*$/'),
  ),
  row(
    'T6',
    'a will is one for the own status, or none',
    [BYTES, 'T6, T16: a will to $SYS, to a wildcard, at QoS 2 or 3, or with nonsense in it lets nobody in'],
    patch('broker/connect.ts', "topic?.kind === 'agent' && topic.suffix === 'status' && ", 'topic !== null && '),
    patch(
      'broker/broker.ts',
      "will.topic !== agentTopic(principal.id, 'status')",
      "agentTopic(principal.id, 'status') === ''",
    ),
  ),
  row(
    'T7',
    'filters that begin with `$` are refused',
    [BYTES, 'T7: no filter shows who else is there'],
    patch('protocol/topic.ts', '|| isLevel(level))', "|| level === '$SYS' || isLevel(level))"),
    patch('broker/authorize.ts', 'if (!READABLE.some(', "if (!filter.startsWith('$') && !READABLE.some("),
  ),
  row(
    'T8',
    'who does not read is cut at a bound',
    [FLOW, 'T8: a reader that stops reading is cut, and holds nobody up'],
    patch(
      'broker/connection.ts',
      'if (backlog > limits.backlogBytes || this.#unacknowledged >= limits.unacknowledgedDeliveries) {',
      'if (this.destroyed) {',
    ),
  ),
  row(
    'T9',
    'a length is refused when it is announced',
    [BYTES, 'T9: a packet that is too long is refused by its first bytes, before and after CONNACK'],
    patch('broker/frame.ts', "        if (length > this.limit) return 'packet-too-large'\n", ''),
  ),
  row(
    'T10',
    'a sign-in has a deadline',
    [STORE, 'T10: a sign-in that hangs is answered in time, and so many hang at once'],
    patch('broker/authenticate.ts', 'await Promise.race([asked, late])', 'await Promise.race([asked])'),
  ),
  row(
    'T10',
    'so many sign-ins at once',
    [STORE, 'T10: a sign-in that hangs is answered in time, and so many hang at once'],
    patch('broker/sign-ins.ts', 'if (this.#taken < limits.signIns) return', 'if (limits.signIns > 0) return'),
  ),
  row(
    'T10',
    'connections of their own for sign-ins',
    [STORE, 'T10: sign-ins that hang hold up no sample'],
    patch('broker/main.ts', 'new Authenticator({ db: signInDb, edge', 'new Authenticator({ db, edge'),
  ),
  row(
    'T11',
    'sockets are known by principal until each is closed',
    [SESSION, 'T11: a client that comes again under its id while it is there is the one that a revoke reaches'],
    patch('broker/sessions.ts', 'if (ofPrincipal?.size === 0) this.', 'if (ofPrincipal) this.'),
  ),
  row(
    'T12',
    'a subscription is judged and entered in one turn',
    [SESSION, 'T12: a subscription that is on its way while its right is revoked is not there afterwards'],
    patch(
      'broker/broker.ts',
      'done(null, this.#maySubscribe(client, subscription) ? subscription : null)',
      `const { sessions, router } = this.#parts
        const [session, { topic }] = [sessions.of(client), subscription]
        const may = this.#maySubscribe(client, subscription)
        if (!may || !session) return done(null, null)
        const qos = session.subscriptions.get(topic) ?? 0
        this.unsubscribe(session, topic)
        setTimeout(() => {
          session.subscriptions.set(topic, qos)
          router.subscribe(session, topic, qos)
          done(null, subscription)
        }, 1000)`,
    ),
  ),
  row(
    'T12',
    'a revoke ends the subscriptions to what is gone',
    [SESSION, 'T12: a subscription that is on its way while its right is revoked is not there afterwards'],
    patch('broker/revoke.ts', 'if (isGone) unsubscribe(session, filter)', ''),
  ),
  row(
    'T13',
    'the engine has a new name at each start',
    [SESSION, 'T13: each start of the broker is somebody new, to whom nothing of an earlier one belongs'],
    patch('broker/broker.ts', 'randomUUID()}`', "'same'}`"),
  ),
  row(
    'T13',
    'so has its place among the edges',
    [SESSION, 'T13: each start of the broker is somebody new, to whom nothing of an earlier one belongs'],
    patch('db/edge.ts', 'readonly id = randomUUID()', "readonly id = '00000000-0000-4000-8000-000000000000'"),
  ),
  row(
    'T14',
    'what came first is handed out first',
    [FLOW, 'T14: messages of one chunk arrive and are acknowledged in their order, whatever their QoS'],
    patch('broker/lane.ts', 'this.#handOutRun()\n    this.#handOut(route, { qos: 1', 'this.#handOut(route, { qos: 1'),
  ),
  row(
    'T14',
    'PUBACKs leave in the order of the publishes',
    [FLOW, 'T14: messages of one chunk arrive and are acknowledged in their order, whatever their QoS'],
    patch('broker/lane.ts', 'if (one.isSettled && this.#unanswered.length === 0) {', 'if (one.isSettled) {'),
  ),
  row(
    'T14',
    'an older sequence is not handed on',
    [FLOW, 'T14: an older sequence never replaces a newer state, nor is it shown'],
    patch('broker/retained.ts', '    if (kept && seq <= kept.handedOn) return false\n', ''),
  ),
  row(
    'T15',
    'letters, digits and _.- in what is published',
    [BYTES, 'T15: a topic or filter with anything but letters, digits and _.- in a level is refused'],
    patch('broker/guard.ts', LETTERS_ONLY, '/^[^$+#/]+(?:\\/[^+#/]+)*$/'),
  ),
  row(
    'T15',
    'and in what is subscribed to',
    [BYTES, 'T15: a topic or filter with anything but letters, digits and _.- in a level is refused'],
    patch('protocol/topic.ts', LEVEL, 'const LEVEL = /^[^$+#/]+$/'),
  ),
  row(
    'T16',
    'the QoS of a will is looked at',
    [BYTES, 'T6, T16: a will to $SYS, to a wildcard, at QoS 2 or 3, or with nonsense in it lets nobody in'],
    patch('broker/connect.ts', 'return qos < 2 && topic?.kind', 'return qos < 4 && topic?.kind'),
  ),
  row(
    'T16',
    'what a will says is looked at',
    [BYTES, 'T6, T16: a will to $SYS, to a wildcard, at QoS 2 or 3, or with nonsense in it lets nobody in'],
    patch('broker/broker.ts', 'return status.success && !status.data.online', 'return status.success'),
  ),
  row(
    'T17',
    'whose client has come to another broker gives its own up',
    [BROKERS, 'T17: an agent that comes to another broker leaves the first, stays online, and may come back'],
    patch('broker/elsewhere.ts', 'else if (told.isHeard) {', 'else if (told.serial < 0) {'),
  ),
  row(
    'T17',
    'and says nobody gone by it',
    [BROKERS, 'T17: an agent that comes to another broker leaves the first, stays online, and may come back'],
    patch('broker/elsewhere.ts', '        sessions.remove(session)\n', ''),
  ),
  row(
    'T17',
    'but only after its own was told: one stays',
    [BROKERS, 'T17: of those that come to several brokers at once under one id, one stays, and only that one'],
    patch('broker/elsewhere.ts', 'else if (told.isHeard) {', 'else {'),
  ),
  row(
    'T17',
    'a broker that is cut off stops serving',
    [
      'broker/broker.test.ts',
      'without a lease no person is served, from the first delivery on; agents go on; with it, all is as before',
    ],
    patch('broker/deliver.ts', 'const isServing = this.#options.isServing()', 'const isServing = true'),
  ),
  row(
    'T18',
    'an error is a refusal of this one filter',
    [SESSION, 'T18: an error while a subscription is judged refuses that one, and locks nobody out'],
    patch(
      'broker/broker.ts',
      "'a subscription could not be judged')\n      return false",
      "'a subscription could not be judged')\n      throw error",
    ),
    patch(
      'broker/broker.ts',
      'done(null, this.#maySubscribe(client, subscription) ? subscription : null)',
      `try {
          done(null, this.#maySubscribe(client, subscription) ? subscription : null)
        } catch (error) {
          done(error as Error, null)
        }`,
    ),
  ),
  row(
    'T19',
    'client ids have a length and an alphabet',
    [SESSION, 'T19: a client id that is empty, too long, or more than letters, digits, _ and - is refused'],
    patch('broker/connect.ts', '/^[A-Za-z0-9_-]{1,64}$/', '/^/'),
  ),
  row(
    'T19',
    'a client id counts within its credential',
    [SESSION, 'T19: a client id belongs to its credential: nobody else gets what comes to it, or throws it out'],
    patch('broker/sessions.ts', 'principal.credentialId}:', "'any'}:"),
  ),
  row(
    'T20',
    'filters of a connection',
    [BYTES, 'T20: subscriptions are bounded, of a connection and in one packet'],
    patch('broker/authorize.ts', 'session.subscriptions.size >= limits.subscriptionsPerConnection', 'limits === null'),
  ),
  row(
    'T20',
    'filters in one packet',
    [BYTES, 'T20: subscriptions are bounded, of a connection and in one packet'],
    patch('broker/guard.ts', 'if (count > limits.filtersPerSubscribe) {', 'if (count > 50) {'),
  ),
  row(
    'T20',
    'connections of a credential',
    [BYTES, 'T20: connections of a credential are bounded, and how often a client may come'],
    patch('broker/admission.ts', 'clients.size >= limits.connectionsPerCredential', 'limits === null'),
  ),
  row(
    'T20',
    'how often a client may come',
    [BYTES, 'T20: connections of a credential are bounded, and how often a client may come'],
    patch('broker/admission.ts', "if (bucket.take(1, now) > 0) return this.#deny('connectsPerSecondPerClient')", ''),
  ),
  row(
    'T20',
    'messages of a person',
    [BYTES, 'T20: messages of a person, payloads and topics are bounded'],
    patch('broker/lane.ts', 'this.#rates.publishes.take(1, this.#options.clock.monotonic()) > 0', 'false'),
  ),
  row(
    'T20',
    'payloads',
    [BYTES, 'T20: messages of a person, payloads and topics are bounded'],
    patch(
      'broker/guard.ts',
      "frame.bytes.length - payloadAt > limits.payloadBytes ? close('payload-too-large') : PASS",
      'payloadAt > 0 ? PASS : PASS',
    ),
  ),
  row(
    'T20',
    'topics',
    [BYTES, 'T20: messages of a person, payloads and topics are bounded'],
    patch('broker/guard.ts', "return text.split('/').length <= MAX_TOPIC_LEVELS", 'return MAX_TOPIC_LEVELS > 0'),
  ),
  row(
    'T20',
    'what is retained',
    [BYTES, 'T20: what a person retains is kept nowhere, and an agent retains states of its own devices only'],
    patch(
      'broker/authorize.ts',
      "return retain && topic.suffix !== 'status' ? foreign('retain-refused') : {",
      'return {',
    ),
  ),
  row(
    'T21',
    'who was taken over is not gone',
    [SESSION, 'T21: an agent that was taken over is there, one that is gone is not, whatever became of its will'],
    patch(
      'broker/broker.ts',
      "if (principal.kind === 'agent' && wasCurrent) agents",
      "if (principal.kind === 'agent') agents",
    ),
  ),
  row(
    'T21',
    'that an agent is gone is said when its socket is',
    [SESSION, 'T21: an agent that was taken over is there, one that is gone is not, whatever became of its will'],
    patch('broker/broker.ts', 'wasCurrent) agents.reportGone(principal.id)', 'wasCurrent) void agents'),
  ),
  row(
    'T22',
    'a message is lowered to the QoS of its reader',
    [
      'broker/broker.test.ts',
      'a subscription at QoS 2 is granted 1, one at QoS 0 is delivered at 0, wildcards included',
    ],
    patch('broker/deliver.ts', 'qos < frame.qos && low ? low : frame', 'frame'),
  ),
  row(
    'T23',
    'idle connections are listened to',
    [STORE, 'T23: connections to the database that end, idle, in use or listening, do not end the process'],
    patch('db/pool.ts', "pool.on('error', (error) =>", "pool.on('acquire', (error: unknown) =>"),
  ),
  row(
    'T23',
    'connections in use are listened to',
    [STORE, 'T23: connections to the database that end, idle, in use or listening, do not end the process'],
    patch('db/pool.ts', "client.on('error', (error) =>", "client.on('drain', (error: unknown) =>"),
  ),
  row(
    'T23',
    'the listening connection is listened to',
    [STORE, 'T23: connections to the database that end, idle, in use or listening, do not end the process'],
    patch('db/listen.ts', "client.on('error', (error) =>", "client.on('drain', (error: unknown) =>"),
  ),
  row(
    'T24',
    'the interval is looked at',
    [BYTES, 'T24: keepalive 0, and what is shorter than 5 s or longer than 300 s, is refused'],
    patch('broker/connect.ts', 'keepalive < limits.keepaliveMinS || keepalive > limits.keepaliveMaxS', 'keepalive < 0'),
  ),
  row(
    'T24',
    'who is silent for too long is gone',
    [
      'broker/keepalive.test.ts',
      'a client is given up after one and a half times its interval without a word, and not before',
    ],
    patch('broker/keepalive.ts', 'one.silentFor * LOOK_S > one.keepaliveS * 1.5', 'one.silentFor < 0'),
  ),
  row(
    'T25',
    'who is not listed is not believed',
    ['broker/tls.test.ts', 'nobody else is believed: a line from a peer that is not listed ends its connection'],
    patch(
      'broker/doors.ts',
      'const isProxy = proxies.trusts(socket.remoteAddress)',
      'const isProxy = proxies !== undefined',
    ),
  ),
  row(
    'T26',
    'no level of a topic is empty',
    [BYTES, 'T26: a topic or filter with an empty level is refused'],
    patch('broker/guard.ts', LETTERS_ONLY, '/^[A-Za-z0-9_.-]*(?:\\/[A-Za-z0-9_.-]*)*$/'),
  ),
  row(
    'T26',
    'nor of a filter',
    [BYTES, 'T26: a topic or filter with an empty level is refused'],
    patch('protocol/topic.ts', LEVEL, 'const LEVEL = /^[A-Za-z0-9_.-]*$/'),
  ),
]
