// What an event was about, in words: names and addresses rather than ids.
import { FAULTS, type FaultCode } from '@ridethrough/protocol/fault.ts'
import { PRIVILEGE_TEXT, PRIVILEGES } from '@ridethrough/protocol/privilege.ts'
import { sayList } from './format.ts'

type Subject = Readonly<Record<string, unknown>>

/** `about` is '' when it was about the actor only; `why` is the reason of a refusal, '' when it was done. */
export function saySubject(subject: Subject, actor: string): { readonly about: string; readonly why: string } {
  const { code, privileges, ...rest } = subject
  const things = Object.values(rest).filter((value) => typeof value === 'object')
  const names = [...new Set(things.flatMap(namesIn))].filter((name) => name !== actor)
  const marks = Object.values(rest).filter((value) => typeof value === 'string' && !UUID.test(value))
  return {
    about: [sayList(names), sayPrivileges(privileges), ...(marks.length > 0 ? [`(${marks.join(', ')})`] : [])]
      .filter((part) => part !== '')
      .join(' '),
    why: sayCode(code),
  }
}

function sayPrivileges(value: unknown): string {
  const given = Array.isArray(value) ? PRIVILEGES.filter((privilege) => value.includes(privilege)) : []
  return given.length === 0 ? '' : `(may ${sayList(given.map((privilege) => PRIVILEGE_TEXT[privilege]))})`
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
