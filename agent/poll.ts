// One loop per device: asks at its pace, and turns answers, silence and nonsense into samples. A dead device delays nobody else.
import type { Logger } from 'pino'
import type { Clock } from './clock.ts'
import type { DeviceConfig } from './config.ts'
import { inspect, type Plan } from './driver/inspect.ts'
import { type Reading, readDevice } from './driver/read.ts'
import type { DeviceFacts } from './inventory.ts'
import type { Measured } from './journal.ts'
import { SnmpError, SnmpSession } from './transport/snmp.ts'

export type PollOptions = {
  readonly device: DeviceConfig
  readonly clock: Clock
  readonly log: Logger
  readonly onSample: (measured: Measured) => void
  readonly onFacts: (facts: DeviceFacts) => void
}

type Problem = Extract<Reading, { kind: 'problem' }>
type Values = Extract<Reading, { kind: 'values' }>

/** A device that stays silent is told of once a minute, however often it is asked. */
const REPEAT_PROBLEM_MS = 60_000
/** Cards learn new tricks by firmware updates: look at the whole table again so often. */
const INSPECT_AGAIN_MS = 3_600_000

export class Poller {
  readonly #options: PollOptions
  readonly #stopping = new AbortController()
  #session: SnmpSession | undefined
  #plan: { readonly plan: Plan; readonly madeAt: number } | undefined
  #problem: { readonly kind: Problem['problem']; readonly since: number; readonly toldAt: number } | undefined
  #facts = ''
  #senseless = ''
  #running: Promise<void> = Promise.resolve()

  constructor(options: PollOptions) {
    this.#options = options
  }

  start(): void {
    this.#running = this.#run()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#session?.stop()
    await this.#running
  }

  async #run(): Promise<void> {
    const { clock, device } = this.#options
    const { signal } = this.#stopping
    let due = clock.monotonic()
    while (!signal.aborted) {
      const reading = await this.#ask()
      if (signal.aborted) return
      if (reading.kind === 'problem') this.#reportProblem(reading)
      else this.#reportValues(reading)
      const now = clock.monotonic()
      // Slots that went by while the device was slow are left out, not made up for.
      due += device.intervalMs * Math.max(1, Math.ceil((now - due) / device.intervalMs))
      await clock.wait(due - now, signal)
    }
  }

  async #ask(): Promise<Reading> {
    try {
      return await this.#read()
    } catch (error) {
      const { device, log } = this.#options
      if (error instanceof SnmpError) {
        const problem = error.failure === 'nonsense' ? 'nonsense' : 'no-answer'
        return { kind: 'problem', problem, detail: error.message }
      }
      // A mistake of ours that one device's answers bring out must not stop the loops of the others.
      log.error({ err: error, device: device.name }, `device ${device.name}: reading it failed inside the agent`)
      return { kind: 'problem', problem: 'nonsense', detail: 'reading it failed inside the agent: see its log' }
    }
  }

  async #read(): Promise<Reading> {
    const { device, clock } = this.#options
    this.#session ??= new SnmpSession(device.target)
    const isOld = this.#plan !== undefined && clock.monotonic() - this.#plan.madeAt > INSPECT_AGAIN_MS
    if (!this.#plan || isOld) {
      const found = await inspect(this.#session, device.driver)
      if (found.kind === 'unknown') return noDriver(device.driver, found.sysObjectId)
      this.#plan = { plan: found.plan, madeAt: clock.monotonic() }
    }
    return await readDevice(this.#session, this.#plan.plan)
  }

  #reportValues(reading: Values): void {
    const { device, clock, log, onSample } = this.#options
    if (this.#problem) {
      const silentS = Math.round((clock.monotonic() - this.#problem.since) / 1000)
      log.info(
        { device: device.name, status: reading.status },
        `device ${device.name} answers again after ${silentS} s`,
      )
      this.#problem = undefined
    }
    this.#tellSenseless(reading.senseless)
    this.#tellFacts(reading.variables)
    onSample({ kind: 'values', at: clock.wall(), status: reading.status, variables: { ...reading.variables } })
  }

  #reportProblem({ problem, detail }: Problem): void {
    const { device, clock, log, onSample } = this.#options
    // What answers next may be another device, or the same after a firmware update: begin from the beginning.
    this.#plan = undefined
    this.#session?.stop()
    this.#session = undefined
    const now = clock.monotonic()
    const isNew = this.#problem?.kind !== problem
    if (isNew) {
      const advice = problem === 'nonsense' ? '; check that it is a UPS, and the firmware of its card' : ''
      log.warn({ device: device.name, problem }, `device ${device.name}: ${detail}${advice}`)
    }
    if (!isNew && this.#problem && now - this.#problem.toldAt < REPEAT_PROBLEM_MS) return
    this.#problem = { kind: problem, since: this.#problem?.since ?? now, toldAt: now }
    onSample({ kind: 'problem', at: clock.wall(), problem, detail: detail.slice(0, 256) })
  }

  #tellSenseless(senseless: readonly string[]): void {
    const list = senseless.join(', ')
    if (list === this.#senseless) return
    this.#senseless = list
    const { device, log } = this.#options
    if (list !== '')
      log.warn({ device: device.name, senseless }, `device ${device.name}: left out what cannot be: ${list}`)
  }

  #tellFacts(variables: Readonly<Record<string, number | string>>): void {
    if (!this.#plan) return
    const { device, log, onFacts } = this.#options
    const facts = factsOf(this.#plan.plan, variables)
    const shown = JSON.stringify(facts)
    if (shown === this.#facts) return
    this.#facts = shown
    log.info(
      { device: device.name, driver: facts.driver, model: facts.model, firmware: facts.firmware },
      `device ${device.name}: ${facts.mfr} ${facts.model}, read by ${facts.driver}`,
    )
    onFacts(facts)
  }
}

function factsOf(
  { driver, commands, settings }: Plan,
  variables: Readonly<Record<string, number | string>>,
): DeviceFacts {
  const text = (...names: string[]) =>
    String(names.map((name) => variables[name]).find((one) => one !== undefined) ?? '')
  return {
    driver: driver.name,
    mfr: text('device.mfr', 'ups.mfr'),
    model: text('device.model', 'ups.model'),
    serial: text('device.serial', 'ups.serial'),
    firmware: text('ups.firmware', 'ups.firmware.aux'),
    commands: Object.keys(commands),
    settings: Object.keys(settings),
  }
}

function noDriver(wanted: string, sysObjectId: string | undefined): Reading {
  const tried = wanted === 'auto' ? 'no driver fits' : `the driver ${wanted} does not fit`
  const detail = `${tried}: it answers SNMP, but not as a UPS that we know (sysObjectID ${sysObjectId ?? 'none'}); check the address, or set "driver: auto"`
  return { kind: 'problem', problem: 'nonsense', detail }
}
