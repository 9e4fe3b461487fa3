// Durations, ages, numbers and times as people read them.
import { meaningOf } from '@ridethrough/protocol/status.ts'
import { findVariable, type VariableFact } from '@ridethrough/protocol/variable.ts'
import type { TFunction } from 'i18next'

/** A battery with less than a minute left counts in seconds; nothing else needs three numbers. */
export function sayDuration(seconds: number, t: TFunction): string {
  const whole = Math.max(0, Math.floor(seconds))
  if (whole < 60) return t('unit.seconds', { count: whole })
  const minutes = Math.floor(whole / 60)
  if (minutes < 60) return t('unit.minutes', { count: minutes })
  const hours = Math.floor(minutes / 60)
  if (hours < 24) {
    return minutes % 60 === 0
      ? t('unit.hours', { count: hours })
      : t('unit.hoursMinutes', { hours, minutes: minutes % 60 })
  }
  const days = Math.floor(hours / 24)
  return hours % 24 === 0 ? t('unit.days', { count: days }) : t('unit.daysHours', { days, hours: hours % 24 })
}

/** Older than this, a value carries its age: two intervals of the usual poll. */
export const FRESH_MS = 30_000

/** How long ago; `undefined` while it is fresh. `at` and `now` in milliseconds since 1970. */
export function sayAge(at: number, now: number, t: TFunction): string | undefined {
  const age = now - at
  if (age < FRESH_MS) return undefined
  return t('unit.ago', { duration: sayDuration(age / 1000, t) })
}

const DIGITS: Readonly<Record<VariableFact['unit'], number>> = {
  '': 2,
  V: 1,
  A: 2,
  W: 0,
  VA: 0,
  Hz: 1,
  '%': 0,
  '°C': 1,
  s: 0,
  kWh: 1,
}

export type Said = { readonly number: string; readonly unit: string }

/** A reading as number and unit, so that the unit can be set smaller. Durations come whole in `number`. */
export function sayReading(name: string, value: number | string, t: TFunction): Said {
  const fact = findVariable(name)
  if (typeof value === 'string') return { number: value, unit: '' }
  if (fact?.unit === 's') return { number: sayDuration(value, t), unit: '' }
  const unit = fact?.unit ?? ''
  return { number: value.toLocaleString('en', { maximumFractionDigits: DIGITS[unit] }), unit }
}

export function labelOf(variable: string): string {
  const number = /(?<=\.)\d+(?=\.)/.exec(variable)?.[0]
  const label = findVariable(variable)?.label ?? variable
  return number && label !== variable ? `${label} ${number}` : label
}

/** Status words for people: "Low battery, on battery". */
export function sayWords(words: readonly string[]): string {
  return words.map((word, index) => (index === 0 ? meaningOf(word).label : lower(meaningOf(word).label))).join(', ')
}

/** Day and time in the viewer's zone; the day is left out when it is today. */
export function sayTime(at: number, now: number): string {
  const isToday = new Date(at).toDateString() === new Date(now).toDateString()
  return new Intl.DateTimeFormat('en-GB', {
    ...(isToday ? {} : { day: 'numeric', month: 'short' }),
    ...(sameYear(at, now) ? {} : { year: 'numeric' }),
    hour: '2-digit',
    minute: '2-digit',
    hour12: false,
  }).format(at)
}

/** "A", "A and B", "A, B and C". */
export function sayList(items: readonly string[]): string {
  return new Intl.ListFormat('en-GB', { type: 'conjunction' }).format(items)
}

export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

function sameYear(at: number, now: number): boolean {
  return new Date(at).getFullYear() === new Date(now).getFullYear()
}

// Unknown words stay as they are: they are names, not prose.
function lower(label: string): string {
  return /^[A-Z][a-z]/.test(label) ? label.charAt(0).toLowerCase() + label.slice(1) : label
}
