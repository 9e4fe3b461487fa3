// Which driver fits a device, and what of its table the device really has: asked once, so that each poll asks for no more.
import type { SnmpReader } from '../transport/snmp.ts'
import type { SnmpValue } from '../transport/varbind.ts'
import type { CommandRow, GroupTable, LineTable, ReadRow, SettingRow, SnmpDriver } from './define.ts'
import { candidatesFor, findDriver } from './index.ts'
import { isPlausible } from './plausible.ts'

const SYS_OBJECT_ID = '1.3.6.1.2.1.1.2.0'

/** A driver's table cut down to one device: rows of tables written out, absent objects left out. */
export type Plan = {
  readonly driver: SnmpDriver
  readonly reads: readonly ReadRow[]
  readonly commands: Readonly<Record<string, CommandRow>>
  readonly settings: Readonly<Record<string, SettingRow>>
  /** Every object that a poll asks for, each once. */
  readonly oids: readonly string[]
}

export type Inspection =
  | { readonly kind: 'found'; readonly plan: Plan }
  /** The device answers, but to no table that we know. */
  | { readonly kind: 'unknown'; readonly sysObjectId: string | undefined }

/** `wanted` is a driver's name, or `auto`. @throws {SnmpError} when the device does not answer. */
export async function inspect(reader: SnmpReader, wanted: string): Promise<Inspection> {
  const named = findDriver(wanted)
  const all = candidatesFor(undefined)
  const answers = await reader.get([SYS_OBJECT_ID, ...all.map((driver) => driver.probe)])
  const id = answers.get(SYS_OBJECT_ID)
  const sysObjectId = id === undefined ? undefined : String(id)
  const candidates = named ? [named] : candidatesFor(sysObjectId)
  const driver = candidates.find((candidate) => answers.has(candidate.probe))
  return driver ? { kind: 'found', plan: await planFor(reader, driver) } : { kind: 'unknown', sysObjectId }
}

async function planFor(reader: SnmpReader, driver: SnmpDriver): Promise<Plan> {
  const lines: ReadRow[] = []
  for (const table of driver.lines) lines.push(...(await expandLines(reader, table)))
  const groups: ReadRow[] = []
  const commands: Record<string, CommandRow> = { ...driver.commands }
  for (const table of driver.groups) {
    const found = await expandGroups(reader, table)
    groups.push(...found.reads)
    Object.assign(commands, found.commands)
  }

  const rows = [...driver.read, ...lines, ...groups]
  const wanted = new Set(rows.flatMap(([, ...sources]) => sources.map(([oid]) => oid)))
  for (const command of Object.values(commands)) for (const { oid } of command.set) wanted.add(oid)
  for (const setting of Object.values(driver.settings)) wanted.add(setting.oid)
  const answers = await reader.get([...wanted])

  const reads = rows.flatMap((row) => keepUseful(row, answers))
  const oids = new Set([...reads.flatMap(([, ...sources]) => sources.map(([oid]) => oid)), ...stateOids(driver)])
  return {
    driver,
    reads,
    commands: pick(commands, (command) => command.set.every(({ oid }) => answers.has(oid))),
    settings: pick(driver.settings, ({ oid }) => answers.has(oid)),
    oids: [...oids],
  }
}

/** The best source that has a value; where none has one yet, those that at least exist. */
function keepUseful([variable, ...sources]: ReadRow, answers: ReadonlyMap<string, SnmpValue>): ReadRow[] {
  const present = sources.filter(([oid]) => answers.has(oid))
  const best = present.find(([oid, convert]) => {
    const raw = answers.get(oid)
    const value = raw === undefined ? undefined : convert(raw)
    return value !== undefined && value !== null && isPlausible(variable, value)
  })
  if (best) return [[variable, best]]
  return present.length > 0 ? [[variable, ...present]] : []
}

function stateOids(driver: SnmpDriver): string[] {
  const { status, flags, alarms, lost } = driver
  return [...status, flags, lost].flatMap((row) => (row ? [row.oid] : [])).concat(alarms ? [alarms.count] : [])
}

async function expandLines(reader: SnmpReader, table: LineTable): Promise<ReadRow[]> {
  const count = table.count ? Number((await reader.get([table.count])).get(table.count) ?? 0) : 0
  const rows: ReadRow[] = []
  for (const [single, each, oid, convert] of table.columns) {
    const found = [...(await reader.column(oid)).keys()].flatMap((suffix) => {
      const line = table.lineOf(suffix)
      return line === undefined ? [] : [{ suffix, line }]
    })
    const real = found.sort((a, b) => a.line - b.line).slice(0, count > 0 ? count : undefined)
    for (const { suffix, line } of real) {
      const name = real.length === 1 ? single : each?.replace('{n}', String(line))
      if (name) rows.push([name, [`${oid}.${suffix}`, convert]])
    }
  }
  return rows
}

async function expandGroups(reader: SnmpReader, table: GroupTable) {
  const reads: ReadRow[] = []
  const commands: Record<string, CommandRow> = {}
  for (const index of (await reader.column(table.column)).keys()) {
    const fill = (template: string) => template.replaceAll('{n}', index)
    if (!/^\d+$/.test(index)) continue
    for (const [variable, ...sources] of table.reads) {
      reads.push([fill(variable), ...sources.map(([oid, convert]) => [fill(oid), convert] as const)])
    }
    for (const [name, command] of Object.entries(table.commands)) {
      commands[fill(name)] = { ...command, set: command.set.map((one) => ({ ...one, oid: fill(one.oid) })) }
    }
  }
  return { reads, commands }
}

function pick<T>(table: Readonly<Record<string, T>>, isWanted: (value: T) => boolean): Record<string, T> {
  return Object.fromEntries(Object.entries(table).filter(([, value]) => isWanted(value)))
}
