// agent.yaml for simulated units: what a person would write for real ones.
import { stringify } from 'yaml'
import { z } from 'zod'

/** A unit as the simulator describes it once it is bound. */
export const SimulatedUnit = z.object({
  name: z.string(),
  /** Host and port. */
  address: z.string(),
  snmp: z.discriminatedUnion('version', [
    z.object({ version: z.enum(['v1', 'v2c']), community: z.string() }),
    z.object({
      version: z.literal('v3'),
      user: z.string(),
      authProtocol: z.string(),
      authKey: z.string(),
      privProtocol: z.string(),
      privKey: z.string(),
    }),
  ]),
})
export type SimulatedUnit = z.infer<typeof SimulatedUnit>

export type AgentYaml = {
  readonly mqttUrl: string
  readonly stateDir: string
  /** Seconds between two readings. */
  readonly interval: number
  readonly units: readonly SimulatedUnit[]
  /** Seconds between tries to connect. */
  readonly reconnect?: { readonly min: number; readonly max: number }
}

export function agentYaml({ mqttUrl, stateDir, interval, units, reconnect }: AgentYaml): string {
  return stringify({
    server: { url: mqttUrl, ...(reconnect ? { reconnect } : {}) },
    stateDir,
    interval,
    devices: units.map((unit) => ({ name: unit.name, snmp: snmpOf(unit) })),
  })
}

function snmpOf({ address, snmp }: SimulatedUnit): Record<string, unknown> {
  const colon = address.lastIndexOf(':')
  const place = { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) }
  if (snmp.version !== 'v3') return { ...place, version: snmp.version === 'v1' ? 1 : '2c', community: snmp.community }
  const { version: _version, ...v3 } = snmp
  return { ...place, version: 3, v3: { level: 'authPriv', ...v3 } }
}
