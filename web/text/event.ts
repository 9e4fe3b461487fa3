// What an event was about, in words: names and addresses rather than ids.
import { FAULTS, type FaultCode } from '@ridethrough/protocol/fault.ts'
import { sayList } from './format.ts'

type Subject = Readonly<Record<string, unknown>>

/** `why` is the reason of a refusal, '' when it was done. */
export function saySubject(subject: Subject): { readonly about: string; readonly why: string } {
  const { code, ...rest } = subject
  return { about: sayList([...new Set(Object.values(rest).flatMap(namesIn))]), why: sayCode(code) }
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** A thing is called by its name, else by its address; ids say nothing to people. */
function namesIn(value: unknown): string[] {
  if (typeof value === 'string') return UUID.test(value) || value === '' ? [] : [value]
  if (Array.isArray(value)) return value.flatMap(namesIn)
  if (!isRecord(value)) return []
  return namesIn(value.name).concat(value.name ? [] : namesIn(value.email))
}

function sayCode(code: unknown): string {
  if (typeof code !== 'string') return ''
  return isFaultCode(code) ? FAULTS[code][1] : code
}

function isFaultCode(code: string): code is FaultCode {
  return Object.hasOwn(FAULTS, code)
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
