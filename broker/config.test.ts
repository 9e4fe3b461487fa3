// Limits from the environment: each by its own variable, within its range.
import { expect, test } from 'vitest'
import { readBrokerConfig } from './config.ts'
import { LIMIT_NAMES, LIMITS, variableOf } from './limits.ts'

const base = { DATABASE_URL: 'postgres://x' }

test('without variables the defaults hold', () => {
  expect(readBrokerConfig(base).limits).toEqual({})
})

test.each(LIMIT_NAMES)('%s is taken at both ends of its range, and refused by name beyond them', (name) => {
  const { min, max } = LIMITS[name]
  const variable = variableOf(name)
  for (const value of [min, max]) {
    expect(readBrokerConfig({ ...base, [variable]: `${value}` }).limits).toEqual({ [name]: value })
  }
  for (const value of [min - 1, max + 1, 'many', 'NaN', 'Infinity']) {
    expect(() => readBrokerConfig({ ...base, [variable]: `${value}` })).toThrow(variable)
  }
})

test('all mistakes are named at once, also a limit that does not exist', () => {
  const env = { MQTT_PORT: '99999', LIMIT_CONNECTIONS: '0', LIMIT_CONNEKTIONS: '5' }
  expect(() => readBrokerConfig(env)).toThrow(/DATABASE_URL.*MQTT_PORT.*LIMIT_CONNECTIONS.*LIMIT_CONNEKTIONS/)
})
