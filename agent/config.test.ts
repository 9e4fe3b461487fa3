import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { formatMistakes, loadConfig, parseConfig, readEnvironment } from './config.ts'

const GOOD = `server:
  url: mqtt://127.0.0.1:1883
devices:
  - name: Rack 4
    snmp:
      host: 192.0.2.10
      version: 2c
      community: public
`

test('a short file is enough, and folders count from where it lies', () => {
  const { config } = parseConfig(GOOD, '/etc/ridethrough')
  expect(config).toEqual({
    server: {
      url: 'mqtt://127.0.0.1:1883',
      ca: null,
      identity: 'token',
      identityLifeMs: 90 * 86_400_000,
      reconnectMinMs: 1000,
      reconnectMaxMs: 300_000,
    },
    stateDir: '/etc/ridethrough/state',
    devices: [
      {
        name: 'Rack 4',
        target: {
          host: '192.0.2.10',
          port: 161,
          timeoutMs: 2000,
          retries: 2,
          access: { version: '2c', community: 'public' },
        },
        driver: 'auto',
        intervalMs: 5000,
      },
    ],
  })
})

test('over TLS an agent is known by a certificate unless it is told otherwise, and trusts the file that it is given', () => {
  const folder = mkdtempSync(join(tmpdir(), 'agent-config-'))
  const secure = (more: string) =>
    parseConfig(GOOD.replace('mqtt://127.0.0.1:1883', `mqtts://cloud.example${more}`), folder)
  expect(secure('').config?.server).toMatchObject({
    ca: null,
    identity: 'certificate',
    identityLifeMs: 90 * 86_400_000,
  })
  expect(secure('\n  identity: token\n  identityDays: 30').config?.server).toMatchObject({
    identity: 'token',
    identityLifeMs: 30 * 86_400_000,
  })
  writeFileSync(join(folder, 'ca.pem'), 'hello')
  expect(secure('\n  ca: ca.pem').mistakes?.[0]?.message).toContain('ca.pem holds no certificate in PEM')
  writeFileSync(join(folder, 'ca.pem'), '-----BEGIN CERTIFICATE-----')
  expect(secure('\n  ca: ca.pem').config?.server.ca).toBe(join(folder, 'ca.pem'))
  rmSync(folder, { recursive: true })
})

test('an SNMPv3 user and a pace of its own are taken over', () => {
  const text = GOOD.replace('version: 2c', 'version: 3')
    .replace(
      'community: public',
      'v3: { user: monitor, level: authPriv, authProtocol: sha256, authKey: long-enough, privProtocol: aes, privKey: long-enough }',
    )
    .replace('    snmp:', '    interval: 30\n    driver: powernet\n    snmp:')
  const device = parseConfig(text, '/').config?.devices[0]
  expect(device).toMatchObject({ driver: 'powernet', intervalMs: 30_000 })
  expect(device?.target.access).toMatchObject({ version: '3', user: { user: 'monitor', privProtocol: 'aes' } })
})

const edit = (from: string, to: string) => GOOD.replace(from, to)

test.each<[what: string, text: string, expected: readonly [line: number, words: string][]]>([
  [
    'an unknown key',
    edit('community:', 'comunity:'),
    [
      [5, 'community is missing'],
      [8, 'did you mean "community"'],
    ],
  ],
  ['an unknown section', `${GOOD}http:\n  port: 1\n`, [[9, '"http" is not known: remove it, or use one of server']]],
  [
    'a wrong type',
    edit('host: 192.0.2.10', 'host: 192.0.2.10\n      port: many'),
    [[7, 'devices[1].snmp.port is "many": write the UDP port']],
  ],
  ['a number out of range', `interval: 0\n${GOOD}`, [[1, 'interval is 0: write the seconds']]],
  [
    'a missing section',
    'devices: []\n',
    [
      [1, 'server is missing: write "server:"'],
      [1, 'devices is an empty list: write a list of 1 to 512'],
    ],
  ],
  ['a missing field', edit('      host: 192.0.2.10\n', ''), [[5, 'devices[1].snmp.host is missing']]],
  ['a field without a value', edit('host: 192.0.2.10', 'host:'), [[6, 'devices[1].snmp.host is missing']]],
  [
    'an address that is none',
    edit('192.0.2.10', '192.0.2.300'),
    [[6, 'devices[1].snmp.host is "192.0.2.300": write the address']],
  ],
  ['a URL for a host', edit('192.0.2.10', 'http://ups/'), [[6, 'the address or host name']]],
  ['a port in the host', edit('192.0.2.10', '192.0.2.10:161'), [[6, 'the port goes to "port"']]],
  ['a web address for a server', edit('mqtt://127.0.0.1:1883', 'https://example.org'), [[2, 'write mqtt://host:port']]],
  ['an authority without TLS', edit('1883', '1883\n  ca: ca.pem'), [[3, 'server.ca does not go with mqtt://']]],
  [
    'a certificate without TLS',
    edit('1883', '1883\n  identity: certificate'),
    [[3, 'server.identity certificate does not go with mqtt://']],
  ],
  ['an identity that is none', edit('1883', '1883\n  identity: password'), [[3, 'write one of token, certificate']]],
  ['an identity for ever', edit('1883', '1883\n  identityDays: 0'), [[3, 'write the days']]],
  [
    'an authority that is not there',
    edit('mqtt://127.0.0.1:1883', 'mqtts://127.0.0.1\n  ca: none.pem'),
    [[3, 'server.ca: /none.pem: the file is not there']],
  ],
  ['credentials in the URL', edit('mqtt://127.0.0.1:1883', 'mqtt://me:hunter2@host'), [[2, '//…@host']]],
  ['a version that is none', edit('2c', '2d'), [[7, 'write 1, 2c or 3']]],
  [
    'a community for version 3',
    edit('2c', '3'),
    [
      [5, 'v3 is missing'],
      [8, 'community does not go with version 3'],
    ],
  ],
  [
    'keys that the level needs',
    edit('2c', '3').replace('community: public', 'v3: { user: a, level: authNoPriv }'),
    [
      [8, 'authProtocol is missing, and level authNoPriv needs it'],
      [8, 'authKey is missing'],
    ],
  ],
  [
    'DES',
    edit('2c', '3').replace('community: public', 'v3: { user: a, level: noAuthNoPriv, privProtocol: des }'),
    [[8, 'switch the card to AES']],
  ],
  ['a name used twice', GOOD + GOOD.slice(GOOD.indexOf('  - name')), [[9, 'stands on line 4 already']]],
  ['an unknown driver', edit('    snmp:', '    driver: apc\n    snmp:'), [[5, 'write one of auto, powernet, ups-mib']]],
  ['a key twice', edit('version: 2c', 'host: 192.0.2.11\n      version: 2c'), [[7, 'stands twice']]],
  [
    'a tab',
    edit('      host', '\thost'),
    [
      [6, 'use spaces'],
      [7, 'YAML'],
    ],
  ],
  ['an empty file', '', [[1, 'the file is missing: write the sections']]],
  ['a text', 'hello', [[1, 'the file is "hello"']]],
  [
    'a bracket left open',
    edit('public', '[public'),
    [
      [8, 'community is not usable'],
      [9, 'the indentation'],
    ],
  ],
])('%s is named with its line and its fix', (_, text, expected) => {
  const { mistakes } = parseConfig(text, '/')
  for (const [index, [line, words]] of expected.entries()) {
    expect(mistakes?.[index]?.line).toBe(line)
    expect(mistakes?.[index]?.message).toContain(words)
  }
  expect(mistakes).toHaveLength(expected.length)
})

test('many mistakes are told at once, in the order of the file', () => {
  const text = `server: { url: tcp://x }
inteval: 5
devices:
  - name: A
    snmp: { host: "bad host", version: 2c, community: "" }
  - snmp: { host: h, version: 1, community: c, retries: 99 }
  - name: A
    snmp: 5
`
  const { mistakes } = parseConfig(text, '/')
  expect(mistakes?.map(({ line }) => line)).toEqual([1, 2, 5, 5, 6, 6, 7, 8])
  expect(formatMistakes('agent.yaml', mistakes ?? []).split('\n')[1]).toBe(
    'agent.yaml:2: "inteval" is not known: did you mean "interval"?',
  )
})

test('a community or a key is never repeated in a message', () => {
  const text = edit('2c', '3').replace(
    'community: public',
    'v3: { user: a, level: authNoPriv, authProtocol: sha, authKey: hunter2 }',
  )
  const { mistakes } = parseConfig(text, '/')
  expect(mistakes).toHaveLength(1)
  expect(JSON.stringify(mistakes)).not.toContain('hunter2')
})

test('a file that is not there is a mistake, not a crash', () => {
  const folder = mkdtempSync(join(tmpdir(), 'agent-config-'))
  expect(loadConfig(join(folder, 'none.yaml')).mistakes?.[0]?.message).toContain('not there')
  expect(loadConfig(folder).mistakes?.[0]?.message).toContain('folder')
  writeFileSync(join(folder, 'agent.yaml'), GOOD)
  expect(loadConfig(join(folder, 'agent.yaml')).config?.stateDir).toBe(join(folder, 'state'))
  rmSync(folder, { recursive: true })
})

test('the environment gives a log level and where the file lies', () => {
  expect(readEnvironment({})).toEqual({ configPath: 'agent.yaml', logLevel: 'info' })
  expect(readEnvironment({ AGENT_CONFIG: '/a.yaml', LOG_LEVEL: 'debug' })).toEqual({
    configPath: '/a.yaml',
    logLevel: 'debug',
  })
  expect(readEnvironment({ LOG_LEVEL: 'loud' }).logLevel).toBe('info')
})
