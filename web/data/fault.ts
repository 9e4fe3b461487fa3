// What went wrong, in words, and at which field.
import { Fault, type FaultCode } from '@ridethrough/protocol/fault.ts'
import type { TFunction } from 'i18next'
import type { z } from 'zod'
import { AnswerUnreadable, Unreachable } from './request.ts'

export function hasCode(error: unknown, code: FaultCode): boolean {
  return error instanceof Fault && error.code === code
}

/** The browser gave no passkey: the person declined or waited too long, it is there already, or it cannot be used here. */
export class PasskeyStopped extends Error {
  readonly reason: 'stopped' | 'known' | 'unsupported'
  constructor(reason: PasskeyStopped['reason'], cause: unknown) {
    super(`no passkey: ${reason}`, { cause })
    this.name = 'PasskeyStopped'
    this.reason = reason
  }
}

/** What happened and what to do about it, for the person in front of the screen. */
export function sayFault(error: unknown, t: TFunction): string {
  if (error instanceof Fault) {
    if (error.retryAfter)
      return t('fault.wait', { detail: sentence(error.message), count: Math.ceil(error.retryAfter) })
    return sentence(error.message)
  }
  if (error instanceof PasskeyStopped) return t(`fault.passkey.${error.reason}`)
  if (error instanceof Unreachable) return t('fault.unreachable')
  if (error instanceof AnswerUnreadable) return t('fault.unreadable', { status: error.status })
  return t('fault.unexpected')
}

export type FieldFaults = Readonly<Record<string, string>>

/** The fields that a problem names; anything that belongs to no field of the form stays with `sayFault`. */
export function fieldFaults(error: unknown): FieldFaults {
  if (!(error instanceof Fault)) return {}
  return Object.fromEntries(error.fields.map(({ path, message }) => [topField(path), sentence(message)]))
}

/** The same schema as the API's, asked before anything is sent. Empty when all is well. */
export function checkFields(schema: z.ZodType, values: unknown, t: TFunction): FieldFaults {
  const parsed = schema.safeParse(values)
  if (parsed.success) return {}
  const faults: Record<string, string> = {}
  for (const issue of parsed.error.issues) {
    const field = String(issue.path[0] ?? '')
    faults[field] ??= sayIssue(issue, t)
  }
  return faults
}

// Where a schema has words of its own they are used; zod's are for programmers.
function sayIssue(issue: z.core.$ZodIssue, t: TFunction): string {
  if (!/^(Too (small|big)|Invalid|Unrecognized)/.test(issue.message)) return sentence(issue.message)
  return issue.code === 'too_small' ? t('fault.empty') : t('fault.invalid')
}

// Problems name a field as a dotted path or a JSON pointer; forms know the first level only.
function topField(path: string): string {
  return path.replace(/^[/.]?(body[/.])?/, '').split(/[./[]/)[0] ?? path
}

function sentence(text: string): string {
  const trimmed = text.trim()
  const capital = trimmed.charAt(0).toUpperCase() + trimmed.slice(1)
  return /[.?:]$/.test(capital) ? capital : `${capital}.`
}
