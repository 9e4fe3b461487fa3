// What the dashboard shows, row by row. dashboard.ts makes ridethrough.json of it.

export type Panel = {
  readonly title: string
  /** What it tells, and what to do when it looks bad. */
  readonly description: string
  readonly type: 'stat' | 'timeseries'
  /** Grafana's name of it. */
  readonly unit: string
  /** Expression and legend. */
  readonly queries: readonly (readonly [expr: string, legend: string])[]
  /** From these values on it is yellow, and red. Falling ones: below them. */
  readonly yellow?: number
  readonly red?: number
  readonly isBadWhenLow?: boolean
  readonly texts?: Readonly<Record<string, string>>
  /** Shown when there is none to show. */
  readonly noValue?: string
  /** Shows legends instead of values. */
  readonly showsNames?: boolean
}

export type Row = { readonly title: string; readonly panels: readonly Panel[] }

const BROKER = 'ridethrough_broker_'
/** Of the processes that are chosen above. */
const ours = (name: string, labels = '') => `${name}{instance=~"$instance"${labels}}`
const broker = (name: string, labels = '') => ours(BROKER + name, labels)
const rate = (series: string) => `rate(${series}[$__rate_interval])`
const perSecond = (series: string, by?: string) => `sum${by ? ` by (${by})` : ''} (${rate(series)})`
const quantile = (q: number, name: string) =>
  `histogram_quantile(${q}, sum by (le, instance) (${rate(ours(`${name}_bucket`))}))`
const both = (name: string) => `{__name__=~"ridethrough_(broker_)?${name}", instance=~"$instance"}`

const OVERVIEW: Row = {
  title: 'Overview',
  panels: [
    {
      title: 'Serving',
      description:
        'Whether rights are confirmed and people are served, by every broker and API. When not: the database does not answer a process in time, and it shows nobody anything until it does; agents go on. Look at PostgreSQL, and at the lease below.',
      type: 'stat',
      unit: 'none',
      queries: [
        [`min(${broker('serving')})`, 'brokers'],
        [`min(${ours('ridethrough_edge_serving')})`, 'API'],
      ],
      yellow: 1,
      red: 1,
      isBadWhenLow: true,
      texts: { 0: 'no', 1: 'yes' },
    },
    {
      title: 'Connected',
      description: 'Agents, people and programs by MQTT, and open live connections of the console.',
      type: 'stat',
      unit: 'short',
      queries: [
        [`sum by (kind) (${broker('connections')})`, '{{kind}}'],
        [`sum(${ours('ridethrough_live_viewers')})`, 'console'],
      ],
    },
    {
      title: 'Connections of the limit',
      description:
        'Share of LIMIT_CONNECTIONS that is in use. Beyond it new connections are closed without a word: raise the limit (and the number of open files), or add a broker.',
      type: 'stat',
      unit: 'percentunit',
      queries: [
        [
          `max((sum by (instance) (${broker('connections')}) + on (instance) ${broker('unsigned_connections')}) / on (instance) ${broker('limit', ', name="connections"')})`,
          '',
        ],
      ],
      yellow: 0.7,
      red: 0.9,
    },
    {
      title: 'Certificate ends in',
      description:
        'Time until the first TLS certificate ends. Renewed files are taken up within a second, without a restart.',
      type: 'stat',
      unit: 's',
      queries: [[`min((${both('tls_certificate_expiry_seconds')} > 0) - time())`, '']],
      yellow: 14 * 86_400,
      red: 3 * 86_400,
      isBadWhenLow: true,
      noValue: 'no TLS',
    },
    {
      title: 'Version',
      description: 'What runs here, and on how many processes. During an update two are shown.',
      type: 'stat',
      unit: 'none',
      queries: [[`count by (version, node) (${both('build_info')})`, '{{version}}, Node {{node}}']],
      showsNames: true,
    },
    {
      title: 'Published per second',
      description: 'Messages that clients publish: live ones, samples (state, backlog), and what was refused.',
      type: 'timeseries',
      unit: 'mps',
      queries: [
        [perSecond(broker('live_total')), 'live'],
        [perSecond(broker('publishes_total'), 'outcome'), '{{outcome}}'],
      ],
    },
    {
      title: 'Delivered per second',
      description: 'Messages written to subscribers by brokers, and frames to consoles by the API.',
      type: 'timeseries',
      unit: 'mps',
      queries: [
        [perSecond(broker('deliveries_total')), 'MQTT'],
        [perSecond(ours('ridethrough_live_frames_total')), 'console'],
      ],
    },
    {
      title: 'Bytes per second',
      description: 'What clients sent to the brokers, and what was handed to their sockets.',
      type: 'timeseries',
      unit: 'Bps',
      queries: [
        [perSecond(broker('received_bytes_total')), 'in'],
        [perSecond(broker('sent_bytes_total')), 'out'],
      ],
    },
    {
      title: 'Refused, dropped, cut',
      description:
        'Packets refused, deliveries dropped because a receiver did not read, connections ended by the broker. A step after a release of some client: that client. The reasons are below.',
      type: 'timeseries',
      unit: 'ops',
      queries: [
        [perSecond(broker('packets_refused_total')), 'refused'],
        [perSecond(broker('deliveries_dropped_total')), 'dropped'],
        [perSecond(broker('connections_cut_total')), 'cut'],
      ],
    },
    {
      title: 'HTTP requests per second',
      description: 'By status. Many 5xx: read the log of the API. Many 429: somebody is over the limit of requests.',
      type: 'timeseries',
      unit: 'reqps',
      queries: [[perSecond(ours('ridethrough_http_request_seconds_count'), 'status'), '{{status}}']],
    },
    {
      title: 'HTTP answers take',
      description: 'Median and 99th percentile from the request to the end of the answer, by process.',
      type: 'timeseries',
      unit: 's',
      queries: [
        [quantile(0.5, 'ridethrough_http_request_seconds'), 'p50 {{instance}}'],
        [quantile(0.99, 'ridethrough_http_request_seconds'), 'p99 {{instance}}'],
      ],
    },
  ],
}

const ACCESS: Row = {
  title: 'Access',
  panels: [
    {
      title: 'Changes of access behind',
      description:
        'Age of the oldest change of access that a broker has not applied. Above a second or two: the database is slow for it, or its event loop is stuck. No delivery is made under old rights beyond the lease.',
      type: 'timeseries',
      unit: 's',
      queries: [[broker('access_lag_seconds'), '{{instance}}']],
      yellow: 1,
      red: 5,
    },
    {
      title: 'Versions of access',
      description:
        'Changes that wait to be applied (left near 0), and the version that each broker has applied: they move together.',
      type: 'timeseries',
      unit: 'none',
      queries: [
        [broker('access_changes_behind'), 'waiting {{instance}}'],
        [broker('access_version'), 'version {{instance}}'],
      ],
    },
    {
      title: 'Lease',
      description:
        'Time for which a broker may go on serving people if nothing renews it. It moves between 1.5 and 2 s; near 0 the database answers too late, at 0 nobody is served.',
      type: 'timeseries',
      unit: 's',
      queries: [[broker('lease_seconds'), '{{instance}}']],
      yellow: 1,
      red: 0.5,
      isBadWhenLow: true,
    },
    {
      title: 'A change of access takes',
      description:
        'From its commit until every broker and every API has applied it: so long a revoke takes to be answered. The aim is 50 ms at the 99th percentile.',
      type: 'timeseries',
      unit: 's',
      queries: [
        [quantile(0.5, 'ridethrough_access_change_seconds'), 'p50 {{instance}}'],
        [quantile(0.99, 'ridethrough_access_change_seconds'), 'p99 {{instance}}'],
      ],
    },
    {
      title: 'Changes and what they cut',
      description:
        'Changes of access per second, those that wait for an answer, and subscriptions and connections that they ended.',
      type: 'timeseries',
      unit: 'short',
      queries: [
        [perSecond(ours('ridethrough_access_change_seconds_count')), 'changes/s'],
        [`sum(${ours('ridethrough_access_changes_waiting')})`, 'waiting'],
        [perSecond(broker('access_cuts_total'), 'what'), 'cut {{what}}/s'],
      ],
    },
    {
      title: 'Waiting for the lease',
      description:
        'Messages and bytes held until it is known whether people may be served. At 10,000 messages or 16 MiB their readers are cut.',
      type: 'timeseries',
      unit: 'short',
      queries: [
        [`sum(${broker('lease_held_messages')})`, 'messages'],
        [`sum(${broker('lease_held_bytes')})`, 'bytes'],
      ],
    },
    {
      title: 'Refused by reason',
      description:
        'The ten most frequent. docs/running.md says what each means. One address or agent with a fault stands in the log with its reason.',
      type: 'timeseries',
      unit: 'ops',
      queries: [[`topk(10, ${perSecond(broker('packets_refused_total'), 'reason')})`, '{{reason}}']],
    },
    {
      title: 'Cut by reason',
      description:
        'Connections that the broker ended. slow-receiver: a reader that does not keep up; lease-lost: the database did not answer in time; taken-over in numbers: two clients with one id.',
      type: 'timeseries',
      unit: 'ops',
      queries: [[perSecond(broker('connections_cut_total'), 'reason'), '{{reason}}']],
    },
    {
      title: 'Subscriptions asked for',
      description: 'Filters by the answer that they got.',
      type: 'timeseries',
      unit: 'ops',
      queries: [[perSecond(broker('subscriptions_total'), 'answer'), '{{answer}}']],
    },
  ],
}

const INGEST: Row = {
  title: 'Ingest',
  panels: [
    {
      title: 'Samples stored per second',
      description: 'Committed samples. A drop while agents are connected: look at the commits and the queue beside.',
      type: 'timeseries',
      unit: 'ops',
      queries: [
        [perSecond(broker('samples_stored_total'), 'instance'), '{{instance}}'],
        [perSecond(broker('samples_copied_total'), 'instance'), 'by COPY {{instance}}'],
      ],
    },
    {
      title: 'Ingest lag',
      description:
        'Age of the oldest sample that waits for its commit. Agents wait for their PUBACK as long, and keep what they have: nothing is lost, but it comes late. Look at the disk and the locks of PostgreSQL.',
      type: 'timeseries',
      unit: 's',
      queries: [[broker('ingest_lag_seconds'), '{{instance}}']],
      yellow: 5,
      red: 30,
    },
    {
      title: 'Commits take',
      description: 'Median and 99th percentile of a group commit.',
      type: 'timeseries',
      unit: 's',
      queries: [
        [quantile(0.5, `${BROKER}commit_seconds`), 'p50 {{instance}}'],
        [quantile(0.99, `${BROKER}commit_seconds`), 'p99 {{instance}}'],
      ],
    },
    {
      title: 'Samples waiting',
      description:
        'From 8,000 on agents are read from more slowly; from 50,000 on publishes are refused, and repeated later.',
      type: 'timeseries',
      unit: 'short',
      queries: [[broker('samples_waiting'), '{{instance}}']],
      yellow: 8000,
      red: 40_000,
    },
    {
      title: 'Bytes waiting',
      description: 'Of samples that wait for their commit. In memory they take about four times as much.',
      type: 'timeseries',
      unit: 'bytes',
      queries: [[broker('ingest_waiting_bytes'), '{{instance}}']],
      yellow: 8 * 1024 * 1024,
      red: 28 * 1024 * 1024,
    },
    {
      title: 'Written again',
      description:
        'Groups per second in which COPY met a sample that was there already, so that they were written the slow way. Agents repeat what they had no PUBACK for: some after each break, none in between.',
      type: 'timeseries',
      unit: 'ops',
      queries: [[perSecond(broker('ingest_groups_again_total'), 'instance'), '{{instance}}']],
    },
    {
      title: 'The database did not answer',
      description:
        'Failed writes per second, each tried again. Not 0: PostgreSQL is down, restarting, or out of reach.',
      type: 'timeseries',
      unit: 'ops',
      queries: [[perSecond(broker('store_failures_total'), 'instance'), '{{instance}}']],
    },
  ],
}

const HEALTH: Row = {
  title: 'Health',
  panels: [
    {
      title: 'Event loop, 99th percentile',
      description:
        'How much later than wanted the event loop comes round: everybody waits at least so long. Above 200 ms: too much work for one core. Look at CPU and garbage collection beside; spread clients over more brokers.',
      type: 'timeseries',
      unit: 's',
      queries: [
        [quantile(0.99, `${BROKER}event_loop_delay_seconds`), 'broker {{instance}}'],
        [quantile(0.99, 'ridethrough_event_loop_delay_seconds'), 'API {{instance}}'],
      ],
      yellow: 0.05,
      red: 0.2,
    },
    {
      title: 'Event loop, median',
      description: 'The same for the median: 1 to 2 ms at rest.',
      type: 'timeseries',
      unit: 's',
      queries: [
        [quantile(0.5, `${BROKER}event_loop_delay_seconds`), 'broker {{instance}}'],
        [quantile(0.5, 'ridethrough_event_loop_delay_seconds'), 'API {{instance}}'],
      ],
    },
    {
      title: 'CPU',
      description: 'Of one core. The work of a process is done by one: at 100 % it is full.',
      type: 'timeseries',
      unit: 'percentunit',
      queries: [[rate(ours('process_cpu_seconds_total')), '{{instance}}']],
      yellow: 0.8,
      red: 1,
    },
    {
      title: 'Memory',
      description: 'Resident memory, and the heap in use. A heap that only grows is a leak: tell us.',
      type: 'timeseries',
      unit: 'bytes',
      queries: [
        [ours('process_resident_memory_bytes'), 'resident {{instance}}'],
        [ours('nodejs_heap_size_used_bytes'), 'heap {{instance}}'],
      ],
    },
    {
      title: 'Garbage collection',
      description: 'Share of the time spent in it, by kind.',
      type: 'timeseries',
      unit: 'percentunit',
      queries: [[perSecond(ours('nodejs_gc_duration_seconds_sum'), 'instance, kind'), '{{kind}} {{instance}}']],
      yellow: 0.1,
      red: 0.3,
    },
    {
      title: 'Open files',
      description: 'Share of what the process may open; every connection is one. Raise LimitNOFILE of the service.',
      type: 'timeseries',
      unit: 'percentunit',
      queries: [[`${ours('process_open_fds')} / ${ours('process_max_fds')}`, '{{instance}}']],
      yellow: 0.7,
      red: 0.9,
    },
    {
      title: 'Backlog of receivers',
      description:
        'Bytes that receivers have not taken: of all, and of the slowest. One that comes near LIMIT_BACKLOG_BYTES loses messages at QoS 0, then its connection; the others do not wait for it.',
      type: 'timeseries',
      unit: 'bytes',
      queries: [
        [broker('backlog_bytes'), 'all {{instance}}'],
        [broker('backlog_most_bytes'), 'slowest {{instance}}'],
      ],
    },
    {
      title: 'Dropped',
      description:
        'Messages at QoS 0 not written to a receiver that does not read, and frames not sent to a console that does not (it gets the newest state later), and such consoles cut.',
      type: 'timeseries',
      unit: 'ops',
      queries: [
        [perSecond(broker('deliveries_dropped_total'), 'reason'), 'MQTT, {{reason}}'],
        [perSecond(ours('ridethrough_live_frames_dropped_total')), 'console'],
        [perSecond(ours('ridethrough_live_viewers_cut_total')), 'consoles cut'],
      ],
    },
    {
      title: 'Not read from',
      description:
        'Connections that are held back at the moment. store and unanswered: the database is behind; rate: clients send faster than allowed; turn: one client fills the loop, and the others come first.',
      type: 'timeseries',
      unit: 'short',
      queries: [[`sum by (reason) (${broker('connections_held')})`, '{{reason}}']],
    },
    {
      title: 'Limits hit per second',
      description: 'The ten most frequent. docs/running.md says what each bounds, and by which variable it is set.',
      type: 'timeseries',
      unit: 'ops',
      queries: [[`topk(10, ${perSecond(broker('limit_hits_total'), 'name')})`, '{{name}}']],
    },
    {
      title: 'Kept in memory',
      description:
        'Devices whose newest state is kept, topics whose receivers are remembered (131,072 at most), filters of all clients.',
      type: 'timeseries',
      unit: 'short',
      queries: [
        [`sum(${broker('retained_states')})`, 'states'],
        [`sum(${broker('routes')})`, 'topics'],
        [`sum(${broker('subscriptions_held')})`, 'filters'],
      ],
    },
    {
      title: 'Mails',
      description: 'By outcome. failed or retried: look at SMTP_URL and the log of the API.',
      type: 'timeseries',
      unit: 'ops',
      queries: [[perSecond(ours('ridethrough_mails_total'), 'outcome'), '{{outcome}}']],
    },
  ],
}

const SIGN_INS: Row = {
  title: 'Agents and sign-ins',
  panels: [
    {
      title: 'Connected',
      description: 'By kind and broker. Many agents gone at once: a network, or this broker.',
      type: 'timeseries',
      unit: 'short',
      queries: [[broker('connections'), '{{kind}} {{instance}}']],
    },
    {
      title: 'CONNECTs by outcome',
      description:
        'credentials-wrong in numbers: somebody tries, or a token has ended. come-back-later, too-many-at-once: a rush, served in order; clients come back by themselves.',
      type: 'timeseries',
      unit: 'ops',
      queries: [[perSecond(broker('connects_total'), 'outcome'), '{{outcome}}']],
    },
    {
      title: 'Sign-ins',
      description: 'Looked at, and waiting for their turn. A long queue that does not get shorter: the database.',
      type: 'timeseries',
      unit: 'short',
      queries: [
        [`sum by (kind) (${broker('sign_ins')})`, 'looked at, {{kind}}'],
        [`sum by (kind) (${broker('sign_ins_waiting')})`, 'waiting, {{kind}}'],
      ],
    },
    {
      title: 'Not signed in yet',
      description:
        'Connections before CONNACK, and those about a PROXY line, a TLS handshake or an upgrade. Thousands that stay: somebody holds them open.',
      type: 'timeseries',
      unit: 'short',
      queries: [
        [`sum(${broker('unsigned_connections')})`, 'before CONNACK'],
        [`sum(${broker('handshakes')})`, 'handshakes'],
      ],
    },
    {
      title: 'Held before CONNACK',
      description: 'Bytes of those who have not signed in, at most LIMIT_UNSIGNED_BYTES.',
      type: 'timeseries',
      unit: 'bytes',
      queries: [[broker('unsigned_bytes'), '{{instance}}']],
    },
    {
      title: 'MQTT over WebSocket by the API',
      description:
        'Clients at /mqtt of the web port, and those that were not let in, by whose limit: MQTT_SOCKETS (all) or MQTT_SOCKETS_PER_ADDRESS (address).',
      type: 'timeseries',
      unit: 'short',
      queries: [
        [`sum(${ours('ridethrough_mqtt_sockets')})`, 'connected'],
        [perSecond(ours('ridethrough_mqtt_sockets_refused_total'), 'reason'), 'refused/s, {{reason}}'],
      ],
    },
    {
      title: 'New agents',
      description:
        'Agents seen for the first time per second. address-limit or unclaimed-limit: somebody makes them up, or a roll-out is larger than the limits.',
      type: 'timeseries',
      unit: 'ops',
      queries: [[perSecond(broker('enrolments_total'), 'outcome'), '{{outcome}}']],
    },
  ],
}

export const ROWS: readonly Row[] = [OVERVIEW, ACCESS, INGEST, HEALTH, SIGN_INS]
