import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Inputs, UpsSpec, UpsState } from '../model/state.ts'
import { createUps, step } from '../model/ups.ts'
import { date, type MibObject } from './mib.ts'
import { POWERNET_OBJECT_ID, powernetMib } from './powernet.ts'
import { systemMib } from './system.ts'
import { compare, createTree, pathOf } from './tree.ts'
import { UPS_MIB_OBJECT_ID, upsMib } from './ups-mib.ts'

const spec: UpsSpec = {
  manufacturer: 'Example',
  model: 'Line 1000',
  serial: 'S1',
  firmware: '1.0',
  nominalWatts: 900,
  nominalVa: 1000,
  nominalVolts: 230,
  nominalHertz: 50,
  batteryVolts: 24,
  batteryMinutes: 6,
  seed: 7,
  groups: [
    { name: 'Main', isMain: true, share: 0.5 },
    { name: 'Servers', isMain: false, share: 0.5 },
  ],
}
const normal: Inputs = { mains: true, mainsVolts: 230, load: 40, isBatteryWorn: false }
const fresh = createUps(spec, normal)
// On battery with a worn battery: alarm rows are there.
const troubled = step(fresh, 30, { ...normal, mains: false, isBatteryWorn: true })

const MIBS: readonly [name: string, objects: readonly MibObject[]][] = [
  ['ups-mib', [...systemMib(UPS_MIB_OBJECT_ID), ...upsMib]],
  ['powernet', [...systemMib(POWERNET_OBJECT_ID), ...powernetMib]],
]
const context = { startedAt: Date.UTC(2026, 0, 15) }

function instances(objects: readonly MibObject[], state: UpsState): string[] {
  return objects
    .flatMap((object) => object.instances(state).map((index) => `${object.oid}.${index}`))
    .sort((a, b) => compare(pathOf(a), pathOf(b)))
}

test.each(MIBS)('%s: a walk meets every instance once, in order, and ends', (_name, objects) => {
  const tree = createTree(objects, context)
  for (const state of [fresh, troubled]) {
    const met: string[] = []
    for (let answer = tree.next(state, '1'); answer.kind === 'value'; answer = tree.next(state, answer.oid))
      met.push(answer.oid)
    expect(met).toEqual(instances(objects, state))
    expect(new Set(met).size).toBe(met.length)
  }
})

test.each(MIBS)('%s: the next of any OID is what a search through all instances finds', (_name, objects) => {
  const tree = createTree(objects, context)
  const all = instances(objects, troubled)
  const arbOid = fc.oneof(
    fc.constantFrom(...all),
    fc.constantFrom(...all).map((oid) => oid.split('.').slice(0, -1).join('.')),
    fc.tuple(fc.constantFrom(...all), fc.nat({ max: 20 })).map(([oid, arc]) => `${oid}.${arc}`),
    fc
      .tuple(fc.constantFrom(...all), fc.nat({ max: 20 }), fc.nat({ max: 30 }))
      .map(([oid, cut, arc]) => [...oid.split('.').slice(0, cut + 1), arc].join('.')),
    fc.array(fc.nat({ max: 400 }), { minLength: 1, maxLength: 14 }).map((arcs) => arcs.join('.')),
  )
  fc.assert(
    fc.property(arbOid, (oid) => {
      const answer = tree.next(troubled, oid)
      const expected = all.find((other) => compare(pathOf(other), pathOf(oid)) > 0)
      expect(answer.kind === 'value' ? answer.oid : undefined).toBe(expected)
    }),
    { numRuns: 1000 },
  )
})

test.each(MIBS)('%s: every value fits the syntax of its object, whatever happens to the UPS', (_name, objects) => {
  const arbInputs = fc.record({
    mains: fc.boolean(),
    mainsVolts: fc.constantFrom(150, 200, 230, 290),
    load: fc.integer({ min: 0, max: 150 }),
    isBatteryWorn: fc.boolean(),
  })
  fc.assert(
    fc.property(arbInputs, fc.integer({ min: 0, max: 5000 }), (inputs, seconds) => {
      const state = step(fresh, seconds, inputs)
      for (const object of objects) {
        for (const index of object.instances(state)) {
          const value = object.read(state, index, context)
          const where = `${object.oid}.${index} = ${value}`
          if (object.syntax === 'text') expect(typeof value, where).toBe('string')
          else if (object.syntax === 'oid') expect(String(value), where).toMatch(/^\d+(\.\d+)+$/)
          else {
            const [low, high] = object.syntax === 'integer' ? [-2147483648, 2147483647] : [0, 4294967295]
            expect(Number.isInteger(value) && Number(value) >= low && Number(value) <= high, where).toBe(true)
          }
        }
      }
    }),
    { numRuns: 60 },
  )
})

test.each(MIBS)('%s: what was just read may be written back', (_name, objects) => {
  const tree = createTree(objects, context)
  for (const object of objects.filter(({ write }) => write)) {
    const answer = tree.get(fresh, `${object.oid}.${object.instances(fresh)[0]}`)
    if (answer.kind !== 'value') throw new Error(`${object.oid} cannot be read`)
    expect(tree.set(fresh, [answer]).ok, object.oid).toBe(true)
  }
})

test('a SET is all or nothing', () => {
  const tree = createTree(upsMib, context)
  const R = '1.3.6.1.2.1.33.1'
  const beeper = { oid: `${R}.9.8.0`, syntax: 'integer', value: 3 } as const
  const outcome = tree.set(fresh, [beeper, { oid: `${R}.9.8.0`, syntax: 'integer', value: 9 }])
  expect(outcome).toEqual({ ok: false, error: 'wrongValue', index: 2 })
  const done = tree.set(fresh, [beeper])
  expect(done.ok && done.state.settings.beeper).toBe('muted')
  expect(fresh.settings.beeper).toBe('enabled')
})

test('dates are month, day, year', () => {
  expect(date(Date.UTC(2026, 1, 3))).toBe('02/03/2026')
})

const FACTS: Readonly<Record<string, readonly RegExp[]>> = {
  integer: [/^INTEGER/, /^Integer32/, /NegativeInteger/, /PositiveInteger/, /^TestAndIncr/, /^TimeInterval/],
  gauge: [/^Gauge/, /^Unsigned32/],
  counter: [/^Counter/],
  ticks: [/^TimeTicks/, /^TimeStamp/],
  text: [/^DisplayString/],
  oid: [/^OBJECT IDENTIFIER/, /^AutonomousType/],
}

test.each([
  ['ups-mib', upsMib, 'ups-mib.tsv'],
  ['powernet', powernetMib, 'powernet-ups.tsv'],
] as const)(
  '%s: every object is in the MIB, with its syntax, and is writable only where the MIB says so',
  (_name, objects, file) => {
    const path = fileURLToPath(new URL(`../../../shared/mib-facts/${file}`, import.meta.url))
    if (!existsSync(path)) {
      console.log(`no MIB facts beside the project: ${objects.length} objects of ${file} not compared`)
      return
    }
    const rows = readFileSync(path, 'utf8')
      .split('\n')
      .map((line) => line.split('\t'))
    const facts = new Map(rows.map(([oid, , access, syntax]) => [oid, { access, syntax: syntax ?? '' }]))
    for (const object of objects) {
      const fact = facts.get(object.oid)
      expect(fact, object.oid).toBeDefined()
      expect(
        FACTS[object.syntax]?.some((form) => form.test(fact?.syntax ?? '')),
        `${object.oid} is ${fact?.syntax}`,
      ).toBe(true)
      if (object.write) expect(fact?.access, object.oid).toBe('read-write')
    }
  },
)
