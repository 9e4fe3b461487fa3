// What is simulated: the configuration of the units, from an object, a file or the environment.
import { readFile } from 'node:fs/promises'
import { Fault } from '@ridethrough/protocol/fault.ts'
import { z } from 'zod'

const Port = z.int().min(0).max(65535)
const Name = z
  .string()
  .trim()
  .min(1)
  .max(63)
  .refine((name) => !/[\p{Cc}/]/u.test(name), 'no slashes and no control characters')
// RFC 3414 section 11.2: a USM pass phrase has at least 8 characters.
const PassPhrase = z.string().min(8).max(256)

const Community = z.string().min(1).max(255)
const V3 = z.strictObject({
  version: z.literal('v3'),
  user: z.string().min(1).max(32),
  authProtocol: z.enum(['md5', 'sha', 'sha224', 'sha256', 'sha384', 'sha512']).default('sha256'),
  authKey: PassPhrase,
  privProtocol: z.enum(['aes', 'aes256b', 'aes256r']).default('aes'),
  privKey: PassPhrase,
})

/** How a unit is reached over SNMP. Version v2c answers v1 too, as real cards do; v3 answers authPriv only. */
export const SnmpAccess = z.discriminatedUnion('version', [
  z.strictObject({ version: z.literal('v1'), community: Community }),
  z.strictObject({ version: z.literal('v2c'), community: Community }),
  V3,
])
export type SnmpAccess = z.infer<typeof SnmpAccess>

const OutletGroup = z.strictObject({
  name: z.string().trim().min(1).max(16),
  main: z.boolean().default(false),
  /** Share of the load; groups without one split what is left evenly. */
  share: z.number().min(0).max(1).optional(),
})

export const UnitConfig = z.strictObject({
  name: Name,
  mib: z.enum(['ups-mib', 'powernet']),
  snmp: SnmpAccess,
  port: Port.default(0),
  manufacturer: z.string().max(31).optional(),
  model: z.string().max(63).optional(),
  serial: z.string().max(31).optional(),
  firmware: z.string().max(31).optional(),
  location: z.string().max(255).default(''),
  nominalWatts: z.number().int().min(50).max(1_000_000),
  nominalVolts: z.number().int().min(100).max(240).default(230),
  nominalHertz: z.union([z.literal(50), z.literal(60)]).default(50),
  /** Minutes on battery at the rated load. */
  batteryMinutes: z.number().positive().max(1440).default(8),
  batteryVolts: z.number().int().min(12).max(480).multipleOf(12).default(24),
  load: z.number().min(0).max(150).default(30),
  charge: z.number().min(0).max(100).default(100),
  speed: z.number().positive().max(3600).default(1),
  /** What the wander of its values follows from; left out, it follows from the name. */
  seed: z.int().min(0).max(0xffffffff).optional(),
  outletGroups: z
    .array(OutletGroup)
    .max(8)
    .default([])
    .refine((groups) => groups.filter((group) => group.main).length <= 1, 'at most one main outlet group')
    .refine(
      (groups) => groups.reduce((sum, group) => sum + (group.share ?? 0), 0) <= 1.000001,
      'the shares add up to more than 1',
    ),
})
export type UnitConfig = z.infer<typeof UnitConfig>

export const SimulatorConfig = z.strictObject({
  /** Port of the control API on 127.0.0.1; 0 takes a free one. */
  port: Port.default(0),
  /** Milliseconds of real time between two steps. */
  tickMs: z.int().min(10).max(10_000).default(250),
  units: z
    .array(UnitConfig)
    .max(2000)
    .refine((units) => new Set(units.map((unit) => unit.name)).size === units.length, 'two units have the same name'),
})
export type SimulatorConfig = z.infer<typeof SimulatorConfig>
export type SimulatorInput = z.input<typeof SimulatorConfig>

/** Checks a configuration given as a value. Throws a Fault `input-invalid` that names every field at fault. */
export function parseConfig(input: unknown, where = 'the simulator configuration'): SimulatorConfig {
  const parsed = SimulatorConfig.safeParse(input)
  if (parsed.success) return parsed.data
  const fields = parsed.error.issues.map((issue) => ({ path: issue.path.join('.'), message: issue.message }))
  const list = fields.map(({ path, message }) => `${path || '(top)'}: ${message}`).join('; ')
  throw new Fault('input-invalid', `${where} is not right: ${list}`, { fields })
}

/** Reads a configuration from a JSON file. */
export async function readConfig(path: string): Promise<SimulatorConfig> {
  const text = await readFile(path, 'utf8')
  try {
    return parseConfig(JSON.parse(text), path)
  } catch (error) {
    if (error instanceof SyntaxError)
      throw new Fault('body-malformed', `${path} is not JSON: ${error.message}`, { cause: error })
    throw error
  }
}

const Environment = z.object({
  SIMULATOR_CONFIG: z.string().min(1).optional(),
  SIMULATOR_PORT: z.coerce.number().pipe(Port).optional(),
  SIMULATOR_SNMP_PORTS: z
    .string()
    .transform((text) => text.split(',').map(Number))
    .pipe(z.array(Port))
    .optional(),
})

/**
 * From `SIMULATOR_CONFIG` (a JSON file; without it the demonstration's units), `SIMULATOR_PORT`, and
 * `SIMULATOR_SNMP_PORTS` (ports of the units in their order, with commas): what a restart needs to be found again.
 */
export async function configFromEnvironment(env: NodeJS.ProcessEnv = process.env): Promise<SimulatorConfig> {
  const parsed = Environment.safeParse(env)
  if (!parsed.success) {
    const fields = parsed.error.issues.map((issue) => ({ path: issue.path.join('.'), message: issue.message }))
    throw new Fault('input-invalid', fields.map(({ path, message }) => `${path}: ${message}`).join('; '), { fields })
  }
  const { SIMULATOR_CONFIG: path, SIMULATOR_PORT: port, SIMULATOR_SNMP_PORTS: ports = [] } = parsed.data
  const config = path === undefined ? parseConfig({ units: demoUnits }) : await readConfig(path)
  const units = config.units.map((unit, index) => ({ ...unit, port: ports[index] ?? unit.port }))
  return { ...config, units, port: port ?? config.port }
}

/** The demonstration: four UPSs of two kinds, on all three versions of SNMP. Loopback only, so the keys are no secrets. */
export const demoUnits: readonly z.input<typeof UnitConfig>[] = [
  {
    name: 'Rack 4',
    mib: 'powernet',
    snmp: {
      version: 'v3',
      user: 'ridethrough',
      authProtocol: 'sha256',
      authKey: 'demonstration-auth',
      privProtocol: 'aes',
      privKey: 'demonstration-priv',
    },
    manufacturer: 'APC',
    model: 'Smart-UPS X 1500',
    serial: 'SIM2031A4117',
    firmware: 'UPS 09.3',
    location: 'Server room, rack 4',
    nominalWatts: 1200,
    batteryMinutes: 7,
    batteryVolts: 48,
    load: 46,
    seed: 4104,
    outletGroups: [
      { name: 'UPS Outlets', main: true, share: 0.5 },
      { name: 'Storage', share: 0.3 },
      { name: 'Test servers', share: 0.2 },
    ],
  },
  {
    name: 'Rack 7',
    mib: 'powernet',
    snmp: { version: 'v2c', community: 'demo-rack7' },
    manufacturer: 'APC',
    model: 'Smart-UPS 2200',
    serial: 'SIM1947B0826',
    firmware: 'UPS 15.0',
    location: 'Server room, rack 7',
    nominalWatts: 1980,
    batteryMinutes: 9,
    batteryVolts: 48,
    load: 62,
    seed: 7207,
    outletGroups: [
      { name: 'UPS Outlets', main: true, share: 0.6 },
      { name: 'Network', share: 0.4 },
    ],
  },
  {
    name: 'Reception',
    mib: 'ups-mib',
    snmp: { version: 'v1', community: 'demo-reception' },
    manufacturer: 'Ridethrough Simulator',
    model: 'Tower 750',
    serial: 'SIM2203C1190',
    location: 'Reception, under the desk',
    nominalWatts: 450,
    batteryMinutes: 5,
    batteryVolts: 12,
    load: 22,
    seed: 1309,
  },
  {
    name: 'Workshop',
    mib: 'ups-mib',
    snmp: { version: 'v2c', community: 'demo-workshop' },
    manufacturer: 'Ridethrough Simulator',
    model: 'Online 3000',
    serial: 'SIM2118D5542',
    location: 'Workshop, east wall',
    nominalWatts: 2700,
    batteryMinutes: 11,
    batteryVolts: 72,
    load: 55,
    charge: 88,
    seed: 5521,
  },
]
