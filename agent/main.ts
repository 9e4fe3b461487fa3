// The agent as a whole: reads its devices, keeps what they said until the cloud has it, and shows what an owner needs to register them.
import { join } from 'node:path'
import type { Logger } from 'pino'
import { ClaimKeeper } from './claims.ts'
import { type Clock, systemClock } from './clock.ts'
import type { AgentConfig } from './config.ts'
import { type Identity, loadIdentity, lockState } from './identity.ts'
import { inventoryOf } from './inventory.ts'
import { Journal, type JournalLimits, type Measured } from './journal.ts'
import { storeFailure } from './journal-store.ts'
import { Link } from './link.ts'
import { Outbox } from './outbox.ts'
import pkg from './package.json' with { type: 'json' }
import { Poller } from './poll.ts'
import { Rotation } from './rotation.ts'
import { isUsableAt, type Secret } from './secret.ts'

export type AgentOptions = {
  readonly clock?: Clock
  /** Answers 0 (inside) to 1 (outside). */
  readonly random?: () => number
  readonly limits?: JournalLimits
}

type NamedDevice = { readonly name: string; readonly deviceId: string }

export type RunningAgent = {
  readonly agentId: string
  /** In the order of the configuration. */
  readonly devices: readonly NamedDevice[]
  /** Ends polling, says goodbye to the server and closes the journal. May be called twice. */
  stop(): Promise<void>
}

/** @throws when the state folder is another agent's, cannot be written, or its identity is damaged. */
export async function startAgent(config: AgentConfig, log: Logger, options: AgentOptions = {}): Promise<RunningAgent> {
  const { clock = systemClock, random = Math.random, limits } = options
  const lock = lockState(config.stateDir)
  try {
    const names = config.devices.map(({ name }) => name)
    const { identity: kind, identityLifeMs: lifeMs } = config.server
    const identity = loadIdentity(config.stateDir, names, { kind, lifeMs, now: clock.wall() })
    checkUsable(config, identity)
    const devices = names.map((name) => ({ name, deviceId: deviceIdOf(identity, name) }))
    const deviceIds = devices.map(({ deviceId }) => deviceId)
    const journal = new Journal(join(config.stateDir, 'journal.db'), deviceIds, log, limits)
    const { agentId } = identity
    log.info({ agentId, waiting: journal.size.rows }, `agent ${agentId} reads ${devices.length} devices`)
    const running = run({ config, identity, devices, journal, clock, random, log })
    const stop = once(async () => {
      await running.stop()
      journal.stop()
      lock.release()
    })
    return { agentId, devices, stop }
  } catch (error) {
    lock.release()
    throw error
  }
}

type Parts = {
  readonly config: AgentConfig
  readonly identity: Identity
  readonly devices: readonly NamedDevice[]
  readonly journal: Journal
  readonly clock: Clock
  readonly random: () => number
  readonly log: Logger
}

function run(parts: Parts): { stop(): Promise<void> } {
  const { config, identity, devices, journal, clock, random, log } = parts
  const outbox = new Outbox({ journal, devices, clock, random, log })
  const claims = new ClaimKeeper({ devices, journal, clock, log, onChange: () => link.announce() })
  const { url, ca, identity: kind, identityLifeMs: lifeMs, reconnectMinMs, reconnectMaxMs } = config.server
  const { stateDir } = config
  const rotation = new Rotation({ stateDir, identity, url, kind, lifeMs, clock, log, onChange: () => link.announce() })
  const link = new Link({
    ...{ url, ca, reconnectMinMs, reconnectMaxMs, rotation },
    version: pkg.version,
    intervalS: Math.max(...config.devices.map(({ intervalMs }) => intervalMs)) / 1000,
    outbox,
    inventory: () => inventoryOf(devices, journal, clock.wall()),
    onRegistered: (floors) => {
      noteOwners(parts, floors)
      claims.renew()
    },
    clock,
    random,
    log,
  })
  const keep = keeper(parts, outbox)
  const pollers = config.devices.map((device) => {
    const deviceId = deviceIdOf(identity, device.name)
    return new Poller({
      device,
      clock,
      log,
      onSample: (measured) => keep(device.name, deviceId, measured),
      onFacts: (facts) => {
        journal.setFacts(deviceId, JSON.stringify(facts))
        link.announce()
      },
    })
  })
  claims.start()
  rotation.start()
  link.start()
  for (const poller of pollers) poller.start()
  return {
    async stop() {
      await Promise.all([claims.stop(), rotation.stop(), ...pollers.map((poller) => poller.stop())])
      await link.stop()
    },
  }
}

/** The cloud's word on who has an owner, and up to which number it holds their samples. */
function noteOwners({ devices, journal, log }: Parts, floors: ReadonlyMap<string, number>): void {
  for (const { name, deviceId } of devices) {
    const before = journal.isRegistered(deviceId)
    const floor = floors.get(deviceId)
    if (floor !== undefined) journal.agree(deviceId, floor)
    journal.setRegistered(deviceId, floor !== undefined)
    if (floor !== undefined && before !== true) log.info({ device: name }, `device ${name} is registered: reporting`)
    if (floor === undefined && before === true) {
      log.warn({ device: name }, `device ${name} has no owner any more: not reporting`)
    }
  }
}

/** Journal failures repeat with every sample; one line a minute tells enough. */
const REPEAT_FAILURE_MS = 60_000

function keeper({ config, journal, clock, log }: Parts, outbox: Outbox) {
  let toldAt = Number.NEGATIVE_INFINITY
  return (name: string, deviceId: string, measured: Measured): void => {
    // What nobody owns is nobody's business; before the cloud has said so, it is kept.
    if (journal.isRegistered(deviceId) === false) return
    try {
      outbox.offer(deviceId, measured, journal.append(deviceId, measured))
    } catch (error) {
      const failure = storeFailure(error)
      if (failure === 'other') throw error
      if (clock.monotonic() - toldAt < REPEAT_FAILURE_MS) return
      toldAt = clock.monotonic()
      const advice = failure === 'full' ? 'free some space' : 'check the disk and the rights on the folder'
      log.error(
        { err: error, device: name },
        `the journal in ${config.stateDir} cannot be written, samples are being lost: ${advice}`,
      )
    }
  }
}

/** @throws when nothing that the server knows this agent by can be shown where it is told to connect. */
function checkUsable({ server, stateDir }: AgentConfig, { current, next }: Identity): void {
  const isUsable = (secret: Secret | undefined) => secret !== undefined && isUsableAt(secret, server.url)
  if (isUsable(current) || isUsable(next?.secret)) return
  throw new Error(
    `the server knows this agent by a certificate (${join(stateDir, 'identity.json')}), which cannot be shown at ${server.url}: ` +
      'write an mqtts:// address, with "identity: token" once before going back to mqtt://',
  )
}

function deviceIdOf(identity: Identity, name: string): string {
  const found = identity.devices.find((device) => device.name === name)
  if (!found) throw new RangeError(`no identity for device ${name}`)
  return found.deviceId
}

function once(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined
  return () => {
    running ??= work()
    return running
  }
}
