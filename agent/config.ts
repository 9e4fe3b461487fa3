// agent.yaml: what it may say, and every mistake in it at once, each with its line and what to write instead.
import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { dirname, resolve } from 'node:path'
import { z } from 'zod'
import { findMistakes, type Mistake, mistakeAt, parseYaml } from './config-mistakes.ts'
import { DRIVERS } from './driver/index.ts'
import { SECRET_KINDS, type SecretKind } from './secret.ts'
import { AUTH_PROTOCOLS, PRIV_PROTOCOLS, SECURITY_LEVELS, type SnmpTarget } from './transport/snmp.ts'

export type DeviceConfig = {
  readonly name: string
  readonly target: SnmpTarget
  /** A driver's name, or `auto`. */
  readonly driver: string
  readonly intervalMs: number
}

export type ServerConfig = {
  readonly url: string
  /** Absolute; the certificates that the server's must lead to. `null`: those that Node brings. */
  readonly ca: string | null
  /** By what the server is to know this agent. */
  readonly identity: SecretKind
  /** How long a token or a certificate is good for; the next is made after two thirds. */
  readonly identityLifeMs: number
  readonly reconnectMinMs: number
  readonly reconnectMaxMs: number
}

export type AgentConfig = {
  readonly server: ServerConfig
  /** Absolute; holds the agent's identity and its journal. */
  readonly stateDir: string
  readonly devices: readonly DeviceConfig[]
}

export type LoadedConfig =
  | { readonly config: AgentConfig; readonly mistakes: null }
  | { readonly config: null; readonly mistakes: readonly Mistake[] }

const DRIVER_NAMES = ['auto', ...DRIVERS.map((driver) => driver.name)] as const

const DAY_MS = 86_400_000

const seconds = z.number().min(0.2).max(3600)
const secret = z.string().min(1).max(255)
const key = z.string().min(8).max(255)

const Snmp = z.strictObject({
  host: z.string().refine(isHost),
  port: z.int().min(1).max(65_535).default(161),
  version: z.union([z.literal(1), z.literal('1'), z.literal('2c'), z.literal(3), z.literal('3')]),
  community: secret.optional(),
  v3: z
    .strictObject({
      user: z.string().min(1).max(32),
      level: z.enum(SECURITY_LEVELS),
      authProtocol: z.enum(AUTH_PROTOCOLS).optional(),
      authKey: key.optional(),
      privProtocol: z.enum(PRIV_PROTOCOLS).optional(),
      privKey: key.optional(),
    })
    .optional(),
  timeoutMs: z.int().min(50).max(60_000).default(2000),
  retries: z.int().min(0).max(10).default(2),
})

const File = z.strictObject({
  server: z.strictObject({
    url: z.string().refine(isServerUrl),
    ca: z.string().min(1).optional(),
    identity: z.enum(SECRET_KINDS).optional(),
    identityDays: z.number().min(1).max(3650).default(90),
    reconnect: z.strictObject({ min: seconds.default(1), max: seconds.default(300) }).prefault({}),
  }),
  stateDir: z.string().min(1).default('./state'),
  interval: seconds.default(5),
  devices: z
    .array(
      z.strictObject({
        name: z.string().trim().min(1).max(64),
        snmp: Snmp,
        driver: z.enum(DRIVER_NAMES).default('auto'),
        interval: seconds.optional(),
      }),
    )
    .min(1)
    .max(512),
})
type File = z.infer<typeof File>

/** What to write at each place; `[]` stands for any item of a list. */
const HINTS: Readonly<Record<string, string>> = {
  '': 'write the sections "server" and "devices"',
  server: 'write "server:" and below it "url: mqtt://host:1883"',
  'server.url': 'write mqtt://host:port or mqtts://host:port, without user name and password (the agent has its own)',
  'server.ca':
    'write the file (PEM) of the certificate that the server shows or of the authority that signed it, or leave it out for the usual authorities',
  'server.identity': `write one of ${SECRET_KINDS.join(', ')}, or leave it out`,
  'server.identityDays':
    'write the days after which a key or token is replaced at the latest, 1 to 3650, or leave it out for 90',
  'server.reconnect': 'write "min" and "max" in seconds',
  'server.reconnect.min': 'write the shortest pause in seconds, 0.2 to 3600',
  'server.reconnect.max': 'write the longest pause in seconds, 0.2 to 3600',
  stateDir: 'write a folder that the agent may write to, for example ./state',
  interval: 'write the seconds between two readings, 0.2 to 3600, for example 5',
  devices: 'write a list of 1 to 512 devices, each beginning with "- name:"',
  'devices[]': 'write "name" and "snmp" of one device',
  'devices[].name': 'write a name of 1 to 64 characters, for example Rack 4',
  'devices[].driver': `write one of ${DRIVER_NAMES.join(', ')}`,
  'devices[].interval': 'write the seconds between two readings, 0.2 to 3600, or leave it out',
  'devices[].snmp': 'write "snmp:" and below it "host" and "version"',
  'devices[].snmp.host':
    'write the address or host name of the SNMP card alone, for example 192.0.2.10; the port goes to "port"',
  'devices[].snmp.port': 'write the UDP port, 1 to 65535, or leave it out for 161',
  'devices[].snmp.version': 'write 1, 2c or 3',
  'devices[].snmp.community': 'write the read community of the card, in quotes when it looks like a number',
  'devices[].snmp.v3': 'write "user" and "level", and the protocols and keys that the level needs',
  'devices[].snmp.v3.user': 'write the user name of 1 to 32 characters that the card knows',
  'devices[].snmp.v3.level': `write one of ${SECURITY_LEVELS.join(', ')}`,
  'devices[].snmp.v3.authProtocol': `write one of ${AUTH_PROTOCOLS.join(', ')}`,
  'devices[].snmp.v3.authKey': 'write the passphrase of at least 8 characters, in quotes when it looks like a number',
  'devices[].snmp.v3.privProtocol': `write one of ${PRIV_PROTOCOLS.join(', ')}; des is not supported, switch the card to AES`,
  'devices[].snmp.v3.privKey': 'write the passphrase of at least 8 characters, in quotes when it looks like a number',
  'devices[].snmp.timeoutMs': 'write the milliseconds to wait for an answer, 50 to 60000',
  'devices[].snmp.retries': 'write how often to ask again, 0 to 10',
}

/** Reads agent.yaml; relative folders in it count from where it lies. Never throws: a file that cannot be read is a mistake too. */
export function loadConfig(path: string): LoadedConfig {
  const read = readText(path)
  if (read.text === null) return { config: null, mistakes: [{ line: 0, message: read.message }] }
  return parseConfig(read.text, dirname(resolve(path)))
}

export function parseConfig(text: string, folder: string): LoadedConfig {
  const yaml = parseYaml(text)
  const parsed = File.safeParse(yaml.value)
  const mistakes = findMistakes(yaml, parsed.success ? [] : parsed.error.issues, HINTS)
  if (!parsed.success || mistakes.length > 0) return { config: null, mistakes }
  const config = toConfig(parsed.data, folder)
  const ca = config.server.ca === null ? undefined : checkFile(config.server.ca)
  if (ca !== undefined) return { config: null, mistakes: [mistakeAt(yaml, ['server', 'ca'], ca)] }
  return { config, mistakes: null }
}

/** One line for each mistake, as compilers print them. */
export function formatMistakes(path: string, mistakes: readonly Mistake[]): string {
  return mistakes
    .map(({ line, message }) => (line > 0 ? `${path}:${line}: ${message}` : `${path}: ${message}`))
    .join('\n')
}

/** What the agent takes from the environment. */
export function readEnvironment(env: NodeJS.ProcessEnv = process.env): { configPath: string; logLevel: string } {
  const level = env.LOG_LEVEL ?? 'info'
  const isKnown = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'].includes(level)
  return { configPath: env.AGENT_CONFIG || 'agent.yaml', logLevel: isKnown ? level : 'info' }
}

function readText(path: string): { text: string } | { text: null; message: string } {
  try {
    return { text: readFileSync(path, 'utf8') }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'ENOENT') return { text: null, message: 'the file is not there: name it with --config' }
    if (code === 'EACCES')
      return { text: null, message: 'the file may not be read: give this user the right to read it' }
    if (code === 'EISDIR') return { text: null, message: 'this is a folder: name the file in it' }
    throw error
  }
}

/** What is wrong with a file that is only named here. */
function checkFile(path: string): string | undefined {
  const read = readText(path)
  if (read.text === null) return `${path}: ${read.message.replace(': name it with --config', '')}`
  return read.text.includes('-----BEGIN CERTIFICATE-----') ? undefined : `${path} holds no certificate in PEM`
}

function toConfig(file: File, folder: string): AgentConfig {
  const { url, ca, identity, identityDays, reconnect } = file.server
  return {
    server: {
      url,
      ca: ca === undefined ? null : resolve(folder, ca),
      identity: identity ?? (url.startsWith('mqtts:') ? 'certificate' : 'token'),
      identityLifeMs: identityDays * DAY_MS,
      reconnectMinMs: reconnect.min * 1000,
      reconnectMaxMs: reconnect.max * 1000,
    },
    stateDir: resolve(folder, file.stateDir),
    devices: file.devices.map(({ name, snmp, driver, interval }) => ({
      name,
      target: toTarget(snmp),
      driver,
      intervalMs: (interval ?? file.interval) * 1000,
    })),
  }
}

function toTarget({
  host,
  port,
  version,
  community,
  v3,
  timeoutMs,
  retries,
}: File['devices'][number]['snmp']): SnmpTarget {
  const base = { host, port, timeoutMs, retries }
  // findMistakes has made sure that version 3 has its user, and the others their community.
  if (v3) return { ...base, access: { version: '3', user: v3 } }
  return { ...base, access: { version: String(version) === '1' ? '1' : '2c', community: community ?? '' } }
}

function isHost(text: string): boolean {
  if (isIP(text) !== 0) return true
  // What consists of digits and dots only was meant as an address, and is a wrong one.
  if (/^[\d.]+$/.test(text) || text.length > 253) return false
  return text.split('.').every((label) => /^[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/.test(label))
}

function isServerUrl(text: string): boolean {
  const url = URL.parse(text)
  if (!url || !['mqtt:', 'mqtts:'].includes(url.protocol) || url.hostname === '') return false
  return url.username === '' && url.password === '' && (url.pathname === '' || url.pathname === '/')
}
