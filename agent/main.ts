// The agent as a whole: reads its devices, keeps what they said until the cloud has it, and shows what an owner needs to register them.
import { join } from 'node:path'
import type { Inventory, InventoryDevice } from '@ridethrough/protocol/message/agent.ts'
import type { Logger } from 'pino'
import { z } from 'zod'
import { hashCode, makeClaim } from './claim-codes.ts'
import { type Clock, systemClock } from './clock.ts'
import type { AgentConfig } from './config.ts'
import { type Identity, loadIdentity, lockState } from './identity.ts'
import { Journal, type JournalLimits, type Measured } from './journal.ts'
import { storeFailure } from './journal-store.ts'
import { Link } from './link.ts'
import { Outbox } from './outbox.ts'
import pkg from './package.json' with { type: 'json' }
import { type DeviceFacts, Poller } from './poll.ts'

export type AgentOptions = {
  readonly clock?: Clock
  /** Answers 0 (inside) to 1 (outside). */
  readonly random?: () => number
  readonly limits?: JournalLimits
}

export type RunningAgent = {
  readonly agentId: string
  readonly devices: readonly { readonly name: string; readonly deviceId: string }[]
  /** Ends polling, says goodbye to the server and closes the journal. May be called twice. */
  stop(): Promise<void>
}

/** @throws when the state folder is another agent's, cannot be written, or its identity is damaged. */
export async function startAgent(config: AgentConfig, log: Logger, options: AgentOptions = {}): Promise<RunningAgent> {
  const { clock = systemClock, random = Math.random, limits } = options
  const lock = lockState(config.stateDir)
  try {
    const identity = loadIdentity(
      config.stateDir,
      config.devices.map(({ name }) => name),
    )
    const devices = config.devices.map(({ name }) => ({ name, deviceId: deviceIdOf(identity, name) }))
    const deviceIds = devices.map(({ deviceId }) => deviceId)
    const journal = new Journal(join(config.stateDir, 'journal.db'), deviceIds, log, limits)
    log.info(
      { agentId: identity.agentId, ...journal.size },
      `agent ${identity.agentId} reads ${devices.length} devices`,
    )
    const running = run({ config, identity, devices, journal, clock, random, log })
    const stop = once(async () => {
      await running.stop()
      journal.stop()
      lock.release()
    })
    return { agentId: identity.agentId, devices, stop }
  } catch (error) {
    lock.release()
    throw error
  }
}

type Parts = {
  readonly config: AgentConfig
  readonly identity: Identity
  readonly devices: RunningAgent['devices']
  readonly journal: Journal
  readonly clock: Clock
  readonly random: () => number
  readonly log: Logger
}

/** Journal failures repeat with every sample; one line a minute tells enough. */
const REPEAT_FAILURE_MS = 60_000

function run({ config, identity, devices, journal, clock, random, log }: Parts): { stop(): Promise<void> } {
  const stopping = new AbortController()
  const facts = new Map(devices.map(({ deviceId }) => [deviceId, parseFacts(journal.facts(deviceId))]))
  const outbox = new Outbox({ journal, devices, clock, random, log })
  let failureToldAt = Number.NEGATIVE_INFINITY

  const link = new Link({
    ...config.server,
    identity,
    version: pkg.version,
    intervalS: Math.max(...config.devices.map(({ intervalMs }) => intervalMs)) / 1000,
    outbox,
    inventory: () => inventoryOf(devices, facts, journal, clock.wall()),
    onRegistered,
    clock,
    random,
    log,
  })

  function onRegistered(registered: ReadonlyMap<string, number>): void {
    for (const { name, deviceId } of devices) {
      const before = journal.isRegistered(deviceId)
      const floor = registered.get(deviceId)
      if (floor !== undefined) journal.agree(deviceId, floor)
      journal.setRegistered(deviceId, floor !== undefined)
      if (floor !== undefined && before !== true) log.info({ device: name }, `device ${name} is registered: reporting`)
      if (floor === undefined && before === true)
        log.warn({ device: name }, `device ${name} has no owner any more: not reporting`)
    }
    renewClaims()
  }

  /** Every device without an owner has a code that holds; those with one have none. */
  function renewClaims(): void {
    const now = clock.wall()
    for (const { name, deviceId } of devices) {
      const claim = journal.claim(deviceId)
      if (journal.isRegistered(deviceId) === true) {
        if (claim) journal.setClaim(deviceId, null)
      } else if (!claim || claim.expiresAt <= now) {
        const next = makeClaim(now)
        journal.setClaim(deviceId, next)
        showClaim(name, next)
      }
    }
    link.announce()
  }

  function showClaim(name: string, { code, expiresAt }: { code: string; expiresAt: number }): void {
    log.info({ device: name }, `device ${name}: claim code ${code} valid until ${new Date(expiresAt).toISOString()}`)
  }

  async function keepClaims(): Promise<void> {
    while (!stopping.signal.aborted) {
      const now = clock.wall()
      const ends = devices.flatMap(({ deviceId }) => journal.claim(deviceId)?.expiresAt ?? [])
      // A minute at most, so that a clock that was set meanwhile is noticed.
      await clock.wait(Math.min(60_000, ...ends.map((end) => Math.max(100, end - now))), stopping.signal)
      if (!stopping.signal.aborted) renewClaims()
    }
  }

  function onSample(name: string, deviceId: string, measured: Measured): void {
    // What nobody owns is nobody's business; before the cloud has said so, it is kept.
    if (journal.isRegistered(deviceId) === false) return
    try {
      outbox.offer(deviceId, measured, journal.append(deviceId, measured))
    } catch (error) {
      const failure = storeFailure(error)
      if (failure === 'other') throw error
      if (clock.monotonic() - failureToldAt < REPEAT_FAILURE_MS) return
      failureToldAt = clock.monotonic()
      const advice = failure === 'full' ? 'free some space' : 'check the disk and the rights on the folder'
      log.error(
        { err: error, device: name },
        `the journal in ${config.stateDir} cannot be written, samples are being lost: ${advice}`,
      )
    }
  }

  const pollers = config.devices.map((device, index) => {
    const { name, deviceId } = devices[index] as RunningAgent['devices'][number]
    return new Poller({
      device,
      clock,
      log,
      onSample: (measured) => onSample(name, deviceId, measured),
      onFacts: (found) => {
        facts.set(deviceId, found)
        journal.setFacts(deviceId, JSON.stringify(found))
        link.announce()
      },
    })
  })

  for (const { name, deviceId } of devices) {
    const claim = journal.claim(deviceId)
    if (claim && claim.expiresAt > clock.wall() && journal.isRegistered(deviceId) !== true) showClaim(name, claim)
  }
  renewClaims()
  const keeping = keepClaims()
  link.start()
  for (const poller of pollers) poller.start()

  return {
    async stop() {
      stopping.abort()
      await Promise.all(pollers.map((poller) => poller.stop()))
      await link.stop()
      await keeping
    },
  }
}

function inventoryOf(
  devices: RunningAgent['devices'],
  facts: ReadonlyMap<string, DeviceFacts>,
  journal: Journal,
  now: number,
): Inventory {
  return {
    devices: devices.map(({ name, deviceId }): InventoryDevice => {
      const found = facts.get(deviceId) ?? NOTHING_FOUND
      const claim = journal.isRegistered(deviceId) === true ? undefined : journal.claim(deviceId)
      return {
        deviceId,
        name,
        ...found,
        commands: [...found.commands],
        settings: [...found.settings],
        ...(claim && claim.expiresAt > now && { claim: { hash: hashCode(claim.code), expiresAt: claim.expiresAt } }),
      }
    }),
  }
}

const Facts = z.object({
  driver: z.string(),
  mfr: z.string(),
  model: z.string(),
  serial: z.string(),
  firmware: z.string(),
  commands: z.array(z.string()),
  settings: z.array(z.string()),
})

const NOTHING_FOUND: DeviceFacts = {
  driver: '',
  mfr: '',
  model: '',
  serial: '',
  firmware: '',
  commands: [],
  settings: [],
}

/** Facts of another version of the agent are not worth keeping: the device is asked again anyway. */
function parseFacts(text: string | undefined): DeviceFacts {
  const parsed = text === undefined ? undefined : Facts.safeParse(JSON.parse(text))
  return parsed?.success ? parsed.data : NOTHING_FOUND
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
