import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatCode, normaliseCode } from './code.ts'
import { COMMANDS, findCommand } from './command.ts'
import { ALL_PRIVILEGES, maskOf, PRIVILEGES, privilegesOf } from './privilege.ts'
import { formatStatus, meaningOf, parseStatus } from './status.ts'
import { findVariable, VARIABLE_NAME, VARIABLES } from './variable.ts'

test('every variable and command stands once in its table, under a name of NUT form', () => {
  const names = VARIABLES.map((fact) => fact.name)
  expect(new Set(names).size).toBe(names.length)
  for (const name of names) expect(name.replace('{n}', '1')).toMatch(VARIABLE_NAME)
  const commands = COMMANDS.map((fact) => fact.name)
  expect(new Set(commands).size).toBe(commands.length)
})

test('numbered names find their row', () => {
  expect(findVariable('outlet.12.status')?.label).toBe('Outlet')
  expect(findVariable('outlet.group.2.status')?.label).toBe('Outlet group')
  expect(findVariable('output.L2.power.percent')?.unit).toBe('%')
  expect(findVariable('battery.nonsense')).toBeUndefined()
  expect(findCommand('outlet.group.1.load.off')).toMatchObject({ privilege: 'shed', cutsPower: true })
  expect(findCommand('__proto__')).toBeUndefined()
})

test('status words survive, also unknown ones; ALARM comes first, each word once', () => {
  expect(parseStatus('  OL  CHRG XYZ ')).toEqual(['OL', 'CHRG', 'XYZ'])
  expect(formatStatus(['OB', 'LB', 'OB', 'ALARM'])).toBe('ALARM OB LB')
  expect(meaningOf('XYZ')).toEqual({ label: 'XYZ', severity: 'notice' })
  expect(meaningOf('constructor').label).toBe('constructor')
})

test('a mask and a list of privileges say the same', () => {
  fc.assert(
    fc.property(fc.subarray([...PRIVILEGES]), (list) => {
      expect(privilegesOf(maskOf(list))).toEqual(list)
    }),
  )
  expect(privilegesOf(ALL_PRIVILEGES)).toEqual(PRIVILEGES)
})

test('a code is the same however it is typed', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
      const code = formatCode(bytes, 5)
      const plain = normaliseCode(code)
      expect(plain).toMatch(/^[0-9A-HJKMNP-TV-Z]{26}$/)
      expect(normaliseCode(code.toLowerCase().replaceAll('-', ' '))).toBe(plain)
      expect(normaliseCode(code.replaceAll('0', 'o').replaceAll('1', 'l'))).toBe(plain)
    }),
  )
})

test('different bytes give different codes', () => {
  const bytes = (last: number) => Uint8Array.from({ length: 16 }, (_, index) => (index === 15 ? last : 0))
  const codes = Array.from({ length: 256 }, (_, last) => formatCode(bytes(last), 5))
  expect(new Set(codes).size).toBe(256)
})
