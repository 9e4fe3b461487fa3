// Our broker as it runs in production: a process of its own, defaults but for the limits that a single address would meet.
import { type LimitName, type Limits, variableOf } from '@ridethrough/broker/limits.ts'
import { startPart } from '../../support/part.ts'

/** All of the load comes from one address, and each agent says in a second what others say in an hour. Bounds on memory stay. */
const RAISED: Partial<Limits> = {
  connectionsPerAddress: 100_000,
  unsignedConnectionsPerAddress: 10_000,
  connectsPerSecondPerAddress: 1_000_000,
  connectBurstPerAddress: 1_000_000,
  connectsPerSecondPerClient: 1000,
  connectBurstPerClient: 1000,
  publishesPerSecondPerAgent: 1_000_000_000,
  bytesPerSecondPerAgent: 1_000_000_000,
  livePerSecondPerDevice: 1_000_000_000,
}
export const OUR_SETTINGS = Object.keys(RAISED)

export type Ours = {
  readonly pid: number
  readonly port: number
  /** Counters that tell of what was not delivered, refused or ended, where they are not 0. */
  losses(): Promise<Readonly<Record<string, number>>>
  stop(): Promise<void>
}

/** `profileFolder`: writes a CPU profile there when it is stopped. */
export async function startOurs(databaseUrl: string, profileFolder?: string): Promise<Ours> {
  const limits = Object.entries(RAISED).map(([name, value]) => [variableOf(name as LimitName), String(value)])
  const part = await startPart(['broker'], {
    DATABASE_URL: databaseUrl,
    HOST: '127.0.0.1',
    MQTT_PORT: '0',
    METRICS_PORT: '0',
    ...Object.fromEntries(limits),
    ...(profileFolder === undefined ? {} : { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${profileFolder}` }),
  })
  const { mqtt = '', metrics = '' } = part.ready
  return {
    pid: part.process.pid ?? 0,
    port: Number(new URL(mqtt).port),
    losses: async () => lossesIn(await (await fetch(new URL('/metrics', metrics))).text()),
    stop: part.stop,
  }
}

const OF_LOSS = /dropped|refused|cut|lost|hits/

function lossesIn(text: string): Record<string, number> {
  const found: Record<string, number> = {}
  for (const line of text.split('\n')) {
    const match = /^(\w+(?:\{[^}]*\})?) (\d+(?:\.\d+)?)$/.exec(line)
    const [name = '', value = 0] = [match?.[1], Number(match?.[2])]
    if (value > 0 && OF_LOSS.test(name) && !name.includes('_bucket')) found[name] = value
  }
  return found
}
