// Rates with bursts, and the table of limits as people read and set it.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Bucket, DEFAULT_LIMITS, LIMIT_NAMES, LIMITS, labelOf, limitsWith, variableOf } from './limits.ts'

const DOC = join(import.meta.dirname, '../docs/running.md')

describe('the table', () => {
  test.each(LIMIT_NAMES)('%s has a default within its range, and a name of its own', (name) => {
    const { min, max, default: byDefault } = LIMITS[name]
    expect(byDefault).toBeGreaterThanOrEqual(min)
    expect(byDefault).toBeLessThanOrEqual(max)
    expect(variableOf(name)).toMatch(/^LIMIT(_[A-Z0-9]+)+$/)
    expect(labelOf(name)).toMatch(/^[a-z][a-z0-9_]*$/)
    expect(LIMIT_NAMES.filter((other) => variableOf(other) === variableOf(name))).toEqual([name])
  })

  test('what is replaced is replaced, the rest stays', () => {
    expect(limitsWith({ connections: 5 })).toEqual({ ...DEFAULT_LIMITS, connections: 5 })
  })

  test('docs/running.md says the same', () => {
    const rows = LIMIT_NAMES.map((name) => {
      const { per, default: byDefault, unit, min, max, beyond } = LIMITS[name]
      return `| \`${variableOf(name)}\` | ${per} | ${byDefault} | ${unit} | ${min} to ${max} | ${beyond} |`
    })
    const written = readFileSync(DOC, 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('| `LIMIT_'))
    expect(written).toEqual(rows)
  })
})

const rate = fc.record({
  perSecond: fc.double({ min: 0.01, max: 1e6, noNaN: true }),
  burst: fc.double({ min: 1, max: 1e6, noNaN: true }),
})
const asks = fc.array(
  fc.record({ after: fc.double({ min: 0, max: 5000, noNaN: true }), amount: fc.integer({ min: 1, max: 1000 }) }),
  { maxLength: 60 },
)

describe('a bucket', () => {
  test('never gives more than its rate and its burst, but for the last that it gave', () => {
    fc.assert(
      fc.property(rate, asks, ({ perSecond, burst }, list) => {
        const bucket = new Bucket(perSecond, burst, 0)
        let now = 0
        let taken = 0
        for (const { after, amount } of list) {
          now += after
          const before = taken
          if (bucket.take(amount, now) === 0) {
            taken += amount
            expect(before).toBeLessThanOrEqual(burst + (now / 1000) * perSecond + 1e-3)
          }
        }
      }),
      { numRuns: 1000 },
    )
  })

  test('says how long it takes, and then gives; a moment earlier it does not', () => {
    fc.assert(
      fc.property(rate, asks, ({ perSecond, burst }, list) => {
        const bucket = new Bucket(perSecond, burst, 0)
        let now = 0
        for (const { after, amount } of list) {
          now += after
          const waitMs = bucket.take(amount, now)
          if (waitMs === 0) continue
          expect(waitMs).toBeGreaterThanOrEqual(1)
          if (waitMs > 2) {
            now += waitMs - 2
            expect(bucket.take(amount, now)).toBeGreaterThan(0)
            now += 2
          } else now += waitMs
          expect(bucket.take(amount, now)).toBe(0)
        }
      }),
      { numRuns: 1000 },
    )
  })

  test('who asks for little and slowly enough is never made to wait', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 1, max: 500 }), (perSecond, times) => {
        const bucket = new Bucket(perSecond, 1, 0)
        for (let each = 0; each < times; each++) expect(bucket.take(1, (each * 1000) / perSecond)).toBe(0)
      }),
    )
  })

  test('a clock that goes back gives nothing', () => {
    const bucket = new Bucket(1, 2, 1000)
    expect([bucket.take(1, 1000), bucket.take(1, 0)]).toEqual([0, 0])
    expect(bucket.take(1, 0)).toBe(1000)
    expect(bucket.isFull(2999)).toBe(false)
    expect(bucket.isFull(3000)).toBe(true)
  })
})
